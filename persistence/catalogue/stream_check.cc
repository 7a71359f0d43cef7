#include "persistence/catalogue/stream_check.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "persistence/start_thread.h"
#include "storage/base/background_thread.h"

namespace cachenode {

Result<std::unique_ptr<StreamCheck>> StreamCheck::Start(const std::atomic<bool>* stop) {
  std::unique_ptr<StreamCheck> check(new StreamCheck);
  const auto run = [self = check.get(), stop] {
    BecomeBackgroundThread(0);
    Pipe pipe(*self);
    Result<RdbSummary> outcome = CheckRdb(pipe, {.stop = stop});
    const std::lock_guard<std::mutex> guard(self->mutex_);
    self->outcome_ = std::move(outcome);
    self->ended_ = true;
    self->changed_.notify_all();
  };
  if (StartThread(check->thread_, "rdb-check", run)) return check;
  return Status::WithText(Err::kIo, "cannot start a thread for the check");
}

StreamCheck::~StreamCheck() { Close(true); }

void StreamCheck::Close(bool abandon) {
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    closed_ = true;
    abandoned_ = abandon;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

Status StreamCheck::Write(std::span<const char> bytes) {
  while (!bytes.empty()) {
    Result<std::span<char>> room = WaitForRoom();
    if (!room) return room.error();
    const size_t count = std::min(room->size(), bytes.size());
    std::memcpy(room->data(), bytes.data(), count);
    bytes = bytes.subspan(count);
    const std::lock_guard<std::mutex> guard(mutex_);
    used_ += count;
    if (used_ >= kWakeBytes) changed_.notify_one();
  }
  return Status::Ok();
}

// The first free bytes, which nobody touches until they count as used.
Result<std::span<char>> StreamCheck::WaitForRoom() {
  std::unique_lock<std::mutex> lock(mutex_);
  if (used_ == buffer_.size()) {
    changed_.wait(lock, [this] { return used_ <= buffer_.size() - kWakeBytes || ended_; });
  }
  if (ended_) {
    if (outcome_) return Status::WithText(Err::kCorrupt, "there are bytes behind the end of the data");
    return Status::WithText(outcome_.status().code(), std::string(outcome_.status().text()));
  }
  const size_t end = (begin_ + used_) % buffer_.size();
  return std::span(buffer_).subspan(end, std::min(buffer_.size() - used_, buffer_.size() - end));
}

Result<size_t> StreamCheck::Take(std::span<char> into) {
  Result<std::span<const char>> bytes = WaitForBytes();
  if (!bytes) return bytes.error();
  const size_t count = std::min(bytes->size(), into.size());
  std::memcpy(into.data(), bytes->data(), count);
  const std::lock_guard<std::mutex> guard(mutex_);
  begin_ = (begin_ + count) % buffer_.size();
  used_ -= count;
  if (used_ <= buffer_.size() - kWakeBytes) changed_.notify_one();
  return count;
}

// The oldest bytes, which nobody touches until they count as free. None: no more come.
Result<std::span<const char>> StreamCheck::WaitForBytes() {
  std::unique_lock<std::mutex> lock(mutex_);
  if (used_ == 0) changed_.wait(lock, [this] { return used_ >= kWakeBytes || closed_; });
  if (abandoned_) return Err::kCancelled;
  return std::span<const char>(buffer_).subspan(begin_, std::min(used_, buffer_.size() - begin_));
}

Result<RdbSummary> StreamCheck::Finish() {
  Close(false);
  return std::move(outcome_);
}

}  // namespace cachenode
