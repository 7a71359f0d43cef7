// What a thread does around a sleep for a shard lock: it gives up what others may be waiting for, and takes it again.
//
// Thread-safety: a thread sets its own hook; the hook is called on that thread only, holding no shard lock.
// Why thread-local: the lock is four bytes and belongs to no layer that knows what its callers hold.
#pragma once

namespace cachenode {

class LockWaitHook {
 public:
  virtual ~LockWaitHook() = default;
  virtual void BeforeSleep() noexcept = 0;
  virtual void AfterSleep() noexcept = 0;
  // A wait for a shard or for the world goes on for some milliseconds. The thread is outside of the world.
  virtual void WhileWaiting() noexcept {}
};

// `hook` outlives the thread's last lock, or is replaced; null for none. Returns the one before.
LockWaitHook* SetThreadLockWaitHook(LockWaitHook* hook) noexcept;
[[nodiscard]] LockWaitHook* ThreadLockWaitHook() noexcept;

}  // namespace cachenode
