#include "server/net/event_loop.h"

#include <uv.h>

#include <fmt/format.h>

namespace cachenode {

namespace {

Status LoopError(const char* what, int code) {
  return Status::WithText(Err::kIo, fmt::format("{}: {}", what, uv_strerror(code)));
}

template <typename Handle>
uv_handle_t* AsHandle(Handle* handle) noexcept {
  return reinterpret_cast<uv_handle_t*>(handle);
}

}  // namespace

struct EventLoop::Handles {
  uv_loop_t loop;
  uv_prepare_t before_poll;
  uv_check_t after_poll;
  uv_idle_t awake;
};

EventLoop::EventLoop() : handles_(std::make_unique<Handles>()) {}

Result<std::unique_ptr<EventLoop>> EventLoop::Create() {
  std::unique_ptr<EventLoop> loop(new EventLoop());
  Handles& handles = *loop->handles_;
  if (const int failed = uv_loop_init(&handles.loop); failed != 0) return LoopError("uv_loop_init", failed);
  loop->loop_ = &handles.loop;
  handles.loop.data = loop.get();
  uv_prepare_init(&handles.loop, &handles.before_poll);
  uv_check_init(&handles.loop, &handles.after_poll);
  uv_idle_init(&handles.loop, &handles.awake);
  uv_prepare_start(&handles.before_poll,
                   [](uv_prepare_t* handle) noexcept { static_cast<EventLoop*>(handle->loop->data)->EndTurn(); });
  uv_check_start(&handles.after_poll,
                 [](uv_check_t* handle) noexcept { static_cast<EventLoop*>(handle->loop->data)->HandleCheck(); });
  return loop;
}

EventLoop::~EventLoop() {
  if (loop_ == nullptr) return;
  observer_ = nullptr;
  uv_close(AsHandle(&handles_->before_poll), nullptr);
  uv_close(AsHandle(&handles_->after_poll), nullptr);
  uv_close(AsHandle(&handles_->awake), nullptr);
  while (uv_run(loop_, UV_RUN_DEFAULT) != 0) {
  }
  uv_loop_close(loop_);
}

void EventLoop::Run() {
  stopping_ = false;
  while (!stopping_) uv_run(loop_, UV_RUN_DEFAULT);
  EndTurn();
}

void EventLoop::Stop() {
  stopping_ = true;
  uv_stop(loop_);
}

void EventLoop::RunOnce() { uv_run(loop_, UV_RUN_NOWAIT); }

void EventLoop::KeepAwake(bool awake) {
  if (awake) {
    uv_idle_start(&handles_->awake, [](uv_idle_t*) noexcept {});
  } else {
    uv_idle_stop(&handles_->awake);
  }
}

uint64_t EventLoop::now_ms() const { return uv_now(loop_); }

void EventLoop::BeginTurn() {
  in_turn_ = true;
  if (observer_ != nullptr) observer_->OnTurnBegin();
}

void EventLoop::EndTurn() {
  if (!in_turn_) return;
  if (observer_ != nullptr) observer_->OnTurnEnd();
  in_turn_ = false;
}

void EventLoop::HandleCheck() {
  if (observer_ != nullptr) observer_->OnEventsHandled(in_turn_);
}

// The handles below live in blocks of their own, which libuv gives back when it has let go of them; until then their
// callbacks find no owner.

struct AsyncSignal::Handle {
  uv_async_t async;
  std::function<void()> action;
};

AsyncSignal::AsyncSignal(EventLoop& loop, std::function<void()> action) : handle_(new Handle()) {
  handle_->action = std::move(action);
  handle_->async.data = handle_;
  uv_async_init(loop.raw(), &handle_->async, [](uv_async_t* async) noexcept {
    static_cast<EventLoop*>(async->loop->data)->TouchTurn();
    static_cast<Handle*>(async->data)->action();
  });
}

AsyncSignal::~AsyncSignal() {
  uv_close(AsHandle(&handle_->async), [](uv_handle_t* handle) noexcept { delete static_cast<Handle*>(handle->data); });
}

void AsyncSignal::Send() noexcept { uv_async_send(&handle_->async); }

struct Timer::Handle {
  uv_timer_t timer;
  std::function<void()> action;
};

Timer::Timer(EventLoop& loop, std::function<void()> action) : handle_(new Handle()) {
  handle_->action = std::move(action);
  handle_->timer.data = handle_;
  uv_timer_init(loop.raw(), &handle_->timer);
}

Timer::~Timer() {
  uv_close(AsHandle(&handle_->timer), [](uv_handle_t* handle) noexcept { delete static_cast<Handle*>(handle->data); });
}

void Timer::Start(uint64_t delay_ms, uint64_t repeat_ms) {
  const uv_timer_cb fire = [](uv_timer_t* timer) noexcept {
    static_cast<EventLoop*>(timer->loop->data)->TouchTurn();
    static_cast<Handle*>(timer->data)->action();
  };
  uv_timer_start(&handle_->timer, fire, delay_ms, repeat_ms);
}

void Timer::Stop() { uv_timer_stop(&handle_->timer); }

struct NextTurn::Handle {
  uv_idle_t idle;
  std::function<void()> action;
};

NextTurn::NextTurn(EventLoop& loop, std::function<void()> action) : handle_(new Handle()) {
  handle_->action = std::move(action);
  handle_->idle.data = handle_;
  uv_idle_init(loop.raw(), &handle_->idle);
}

NextTurn::~NextTurn() {
  uv_close(AsHandle(&handle_->idle), [](uv_handle_t* handle) noexcept { delete static_cast<Handle*>(handle->data); });
}

void NextTurn::Schedule() {
  uv_idle_start(&handle_->idle, [](uv_idle_t* idle) noexcept {
    static_cast<EventLoop*>(idle->loop->data)->TouchTurn();
    uv_idle_stop(idle);
    static_cast<Handle*>(idle->data)->action();
  });
}

void NextTurn::Cancel() { uv_idle_stop(&handle_->idle); }

struct Poller::Handle {
  uv_poll_t poll;
  Listener* listener;
  int events;  // libuv's bits of what is watched.

  void Start() {
    uv_poll_start(&poll, events, [](uv_poll_t* handle, int status, int ready) noexcept {
      static_cast<EventLoop*>(handle->loop->data)->TouchTurn();
      static_cast<Handle*>(handle->data)->Announce(status, ready);
    });
  }

  void Announce(int status, int ready) {
    uint8_t found = kNone;
    if ((ready & UV_READABLE) != 0) found |= kReadable;
    if ((ready & UV_WRITABLE) != 0) found |= kWritable;
    if ((ready & UV_DISCONNECT) != 0) found |= kHangUp;
    if (status < 0) {
      // libuv has stopped watching, but the listener may have no time to read just now: it is told until it ends this.
      Start();
      found |= (events & UV_READABLE) != 0 ? kReadable : kHangUp;
    }
    listener->OnReady(found);
  }
};

Status Poller::Open(EventLoop& loop, int descriptor, Listener& listener) {
  auto handle = std::make_unique<Handle>();
  handle->listener = &listener;
  handle->poll.data = handle.get();
  if (const int failed = uv_poll_init(loop.raw(), &handle->poll, descriptor); failed != 0) {
    return LoopError("uv_poll_init", failed);
  }
  handle_ = handle.release();
  return Status::Ok();
}

void Poller::Watch(uint8_t events) {
  if (events == watched_) return;
  watched_ = events;
  if (events == kNone) {
    uv_poll_stop(&handle_->poll);
    return;
  }
  handle_->events = 0;
  if ((events & kReadable) != 0) handle_->events |= UV_READABLE;
  if ((events & kWritable) != 0) handle_->events |= UV_WRITABLE;
  if ((events & kHangUp) != 0) handle_->events |= UV_DISCONNECT;
  handle_->Start();
}

void Poller::Close() {
  if (handle_ == nullptr) return;
  uv_poll_stop(&handle_->poll);
  uv_close(AsHandle(&handle_->poll), [](uv_handle_t* handle) noexcept { delete static_cast<Handle*>(handle->data); });
  handle_ = nullptr;
  watched_ = kNone;
}

}  // namespace cachenode
