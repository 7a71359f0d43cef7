#include "persistence/catalogue/stream_check.h"

#include <algorithm>
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
  std::unique_lock<std::mutex> lock(mutex_);
  while (!bytes.empty()) {
    changed_.wait(lock, [this] { return used_ < buffer_.size() || ended_; });
    if (ended_) {
      if (outcome_) return Status::WithText(Err::kCorrupt, "there are bytes behind the end of the data");
      return Status::WithText(outcome_.status().code(), std::string(outcome_.status().text()));
    }
    const size_t end = (begin_ + used_) % buffer_.size();
    const size_t room = std::min(buffer_.size() - used_, buffer_.size() - end);
    const size_t count = std::min(room, bytes.size());
    std::copy_n(bytes.begin(), count, buffer_.begin() + static_cast<ptrdiff_t>(end));
    used_ += count;
    bytes = bytes.subspan(count);
    changed_.notify_all();
  }
  return Status::Ok();
}

Result<size_t> StreamCheck::Take(std::span<char> into) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return used_ != 0 || closed_; });
  if (abandoned_) return Err::kCancelled;
  const size_t count = std::min({into.size(), used_, buffer_.size() - begin_});
  std::copy_n(buffer_.begin() + static_cast<ptrdiff_t>(begin_), count, into.begin());
  begin_ = (begin_ + count) % buffer_.size();
  used_ -= count;
  changed_.notify_all();
  return count;
}

Result<RdbSummary> StreamCheck::Finish() {
  Close(false);
  return std::move(outcome_);
}

}  // namespace cachenode
