// One libuv loop and its turns: it tells an observer when a turn's first callback comes, when all events of a poll are
// handled, and when the loop is about to sleep. The handles below are the only way to it; uv.h stays in this folder.
//
// Thread-safety: everything belongs to the thread that runs the loop, but AsyncSignal::Send, which any thread and any
//   signal handler may call. Objects are made and destroyed on that thread, or before it runs and after it ended.
// Invariants: no callback runs outside a turn; a destroyed handle calls nothing any more.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "storage/base/result.h"

struct uv_loop_s;

namespace cachenode {

// What happens around the callbacks of one turn. Owner: the worker.
class TurnObserver {
 public:
  virtual ~TurnObserver() = default;
  // Before the first callback of a turn.
  virtual void OnTurnBegin() = 0;
  // After the events of a poll; `had_events` tells whether any callback ran since the last sleep.
  virtual void OnEventsHandled(bool had_events) = 0;
  // Before the loop sleeps or polls: the end of the turn, if one has begun.
  virtual void OnTurnEnd() = 0;
};

class EventLoop {
 public:
  static Result<std::unique_ptr<EventLoop>> Create();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  void SetObserver(TurnObserver* observer) { observer_ = observer; }
  // Runs turns until Stop.
  void Run();
  // Ends Run after the current turn.
  void Stop();
  // While true the loop polls without sleeping.
  void KeepAwake(bool awake);
  // Runs one non-blocking turn (tests, and pumping while a script is busy).
  void RunOnce();

  // Called by every callback below before anything else.
  void TouchTurn() {
    if (!in_turn_) BeginTurn();
  }
  [[nodiscard]] bool in_turn() const { return in_turn_; }
  // Milliseconds of the loop's monotonic clock, read once per turn.
  [[nodiscard]] uint64_t now_ms() const;
  [[nodiscard]] uv_loop_s* raw() const { return loop_; }

 private:
  struct Handles;
  EventLoop();
  void BeginTurn();
  void EndTurn();
  void HandleCheck();

  std::unique_ptr<Handles> handles_;
  uv_loop_s* loop_ = nullptr;
  TurnObserver* observer_ = nullptr;
  bool in_turn_ = false;
  bool stopping_ = false;
};

// Wakes the loop from any thread; several sends may end in one call of `action`.
class AsyncSignal {
 public:
  AsyncSignal(EventLoop& loop, std::function<void()> action);
  ~AsyncSignal();
  AsyncSignal(const AsyncSignal&) = delete;
  AsyncSignal& operator=(const AsyncSignal&) = delete;
  void Send() noexcept;

 private:
  struct Handle;
  Handle* handle_;  // Freed by libuv's close callback.
};

class Timer {
 public:
  Timer(EventLoop& loop, std::function<void()> action);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  // First after `delay_ms`, then every `repeat_ms` unless that is 0. Restarts a running timer.
  void Start(uint64_t delay_ms, uint64_t repeat_ms = 0);
  void Stop();

 private:
  struct Handle;
  Handle* handle_;
};

// Calls something in the loop's next turn, before that turn waits for events; it does not sleep until then.
class NextTurn {
 public:
  NextTurn(EventLoop& loop, std::function<void()> action);
  ~NextTurn();
  NextTurn(const NextTurn&) = delete;
  NextTurn& operator=(const NextTurn&) = delete;
  // Nothing when it is scheduled already. Inside `action` it means the turn after.
  void Schedule();
  void Cancel();

 private:
  struct Handle;
  Handle* handle_;
};

// Readiness of a descriptor that the caller owns and closes after destroying this.
class Poller {
 public:
  enum Events : uint8_t { kNone = 0, kReadable = 1, kWritable = 2, kHangUp = 4 };
  class Listener {
   public:
    virtual ~Listener() = default;
    // `events`: bits of Events. An error on the descriptor comes as kReadable, so that reading finds it, or as kHangUp
    // where reading is not watched; again and again until the listener stops watching or closes.
    virtual void OnReady(uint8_t events) = 0;
  };

  Poller() = default;
  ~Poller() { Close(); }
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  // Error: kIo. `listener` outlives this or Close.
  Status Open(EventLoop& loop, int descriptor, Listener& listener);
  // Replaces the set of watched events; kNone stops watching. One epoll_ctl at the next poll when it changed.
  void Watch(uint8_t events);
  [[nodiscard]] uint8_t watched() const { return watched_; }
  // Stops and forgets the descriptor.
  void Close();

 private:
  struct Handle;
  Handle* handle_ = nullptr;
  uint8_t watched_ = kNone;
};

}  // namespace cachenode
