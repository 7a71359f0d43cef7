#include "server/blocking/direct_reply.h"

#include <sys/socket.h>

namespace cachenode {

void DirectReply::Forbid() noexcept {
  uint32_t seen = kAllowed;
  while (!state_.compare_exchange_strong(seen, kForbidden, std::memory_order_acq_rel) && seen != kForbidden) {
    state_.wait(kSending, std::memory_order_acquire);
    seen = kAllowed;
  }
}

size_t DirectReply::TrySend(std::string_view bytes, std::atomic<int64_t>& waiting) noexcept {
  uint32_t expected = kAllowed;
  if (!state_.compare_exchange_strong(expected, kSending, std::memory_order_acq_rel)) return 0;
  waiting.fetch_sub(1);
  const ssize_t sent = send(descriptor_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  has_sent_ = sent > 0;
  if (!has_sent_) waiting.fetch_add(1);
  state_.store(kForbidden, std::memory_order_release);
  state_.notify_one();
  return sent > 0 ? static_cast<size_t>(sent) : 0;
}

}  // namespace cachenode
