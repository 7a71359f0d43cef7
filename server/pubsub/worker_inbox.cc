#include "server/pubsub/worker_inbox.h"

namespace cachenode {

bool WorkerInbox::Push(const ChannelSlotRef& slot, const ByteBlockRef& message) {
  const std::lock_guard lock(mutex_);
  const size_t bytes = message ? message->size() + kDeliveryOverheadBytes : 0;
  const bool fits = message && (waiting_.empty() || waiting_bytes_ + bytes <= kBytesMax);
  if (!fits) {
    if (slot->has_overflow.exchange(true, std::memory_order_relaxed)) return false;
    waiting_.push_back({slot, {}});
  } else {
    waiting_bytes_ += bytes;
    waiting_.push_back({slot, message});
  }
  if (has_mail_.load(std::memory_order_relaxed)) return false;
  has_mail_.store(true, std::memory_order_release);
  return true;
}

void WorkerInbox::TakeAll(std::vector<Delivery>& to) {
  const std::lock_guard lock(mutex_);
  to.swap(waiting_);
  waiting_bytes_ = 0;
  has_mail_.store(false, std::memory_order_release);
}

}  // namespace cachenode
