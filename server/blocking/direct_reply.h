// Lets the thread that serves a waiting client send the reply itself, instead of waking the client's own worker first.
//
// Why: a wake-up of another thread costs more than all the rest of handing an element on.
// Thread-safety: Allow and Forbid by the client's worker, TrySend by any other thread.
// Invariants: the descriptor is open and nobody else writes to it from Allow until Forbid returned or TrySend sent
//   something. The worker allows it only while the client waits and all earlier replies are on their way.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cachenode {

class DirectReply {
 public:
  DirectReply() = default;
  DirectReply(const DirectReply&) = delete;
  DirectReply& operator=(const DirectReply&) = delete;

  // Not to be called again before Forbid. `descriptor` is a non-blocking socket that carries plain bytes.
  void Allow(int descriptor) noexcept {
    descriptor_ = descriptor;
    state_.store(kAllowed, std::memory_order_release);
  }
  // Waits for a system call that is under way, which does not block.
  void Forbid() noexcept;
  [[nodiscard]] bool IsAllowed() const noexcept { return state_.load(std::memory_order_relaxed) == kAllowed; }

  // How many of `bytes` were sent: 0 when it is not allowed, or failed in a way that the worker will find out. Once.
  // The client is taken off `waiting` first: who has its reply is not seen waiting.
  [[nodiscard]] size_t TrySend(std::string_view bytes, std::atomic<int64_t>& waiting) noexcept;

  // Whether TrySend sent anything, which is why the client does not count as waiting any more. After Forbid.
  [[nodiscard]] bool HasSent() const noexcept { return has_sent_; }

 private:
  static constexpr uint32_t kForbidden = 0;
  static constexpr uint32_t kAllowed = 1;
  static constexpr uint32_t kSending = 2;

  std::atomic<uint32_t> state_{kForbidden};
  int descriptor_ = -1;    // Written while forbidden, read while sending.
  bool has_sent_ = false;  // Written while sending, read while forbidden.
};

}  // namespace cachenode
