#include "storage/base/lock_wait.h"

#include <utility>

namespace cachenode {
namespace {

thread_local LockWaitHook* thread_hook = nullptr;

}  // namespace

LockWaitHook* SetThreadLockWaitHook(LockWaitHook* hook) noexcept { return std::exchange(thread_hook, hook); }

LockWaitHook* ThreadLockWaitHook() noexcept { return thread_hook; }

}  // namespace cachenode
