// The S3-FIFO policies' view of one shard: a small queue for new keys, a main queue, and a ghost that remembers keys
// evicted from the small one.
//
// Published as "FIFO queues are all you need for cache eviction" (Yang, Zhang, Qiu, Yue, Rashmi, SOSP 2023). A key
// begins in the small queue; when it reaches the tail there, it moves to main if it was used again, else it goes and
// the ghost keeps its fingerprint. A key the ghost knows begins in main. At the tail of main a key that was used since
// comes round again, with one use less. Here no queue is linked: an entry's 24 access bits are `ticket:21 in_main:1
// uses:2`. The ticket is the number of keys its queue had taken before it, in units of 2^shift keys, so that of any
// sample of entries the one with the oldest ticket is nearest to the tail. Tickets are compared modulo 2^21: a shard's
// queue may take kTicketsMax / 8 units a round. Changing shift, or the policy, spoils the order of the keys that are
// there until each was met once. Thread-safety: guarded by the shard's lock; the static functions are pure. Limits: 2
// bytes of ghost for each key of the shard, at most kGhostBytesMax, from the memory facade. Without memory
//   there is no ghost.
#pragma once

#include <cstddef>
#include <cstdint>

#include "storage/shard_router.h"

namespace cachenode {

class FifoQueues {
 public:
  static constexpr uint32_t kUsesMax = 3;
  static constexpr unsigned kTicketBits = 21;
  static constexpr uint32_t kTicketsMax = uint32_t{1} << kTicketBits;
  // Uses in the small queue that let a key stay.
  static constexpr uint32_t kUsesToStay = 2;
  static constexpr size_t kGhostBytesMax = size_t{1} << 20;

  FifoQueues() noexcept = default;
  ~FifoQueues();
  FifoQueues(const FifoQueues&) = delete;
  FifoQueues& operator=(const FifoQueues&) = delete;

  [[nodiscard]] static constexpr uint32_t Uses(uint32_t access) noexcept { return access & kUsesMax; }
  [[nodiscard]] static constexpr bool IsInMain(uint32_t access) noexcept { return (access & kInMain) != 0; }
  // The bits after one more use.
  [[nodiscard]] static constexpr uint32_t Used(uint32_t access) noexcept {
    return Uses(access) == kUsesMax ? access : access + 1;
  }
  [[nodiscard]] static constexpr uint32_t WithUses(uint32_t access, uint32_t uses) noexcept {
    return (access & ~kUsesMax) | (uses < kUsesMax ? uses : kUsesMax);
  }

  // The bits of a key just made in a shard of `key_count` keys. Takes it out of the ghost.
  [[nodiscard]] uint32_t Enter(KeyHash hash, uint64_t key_count) noexcept;
  // The bits of a key that enters main anew, having `uses` to its credit.
  [[nodiscard]] uint32_t EnterMain(uint32_t uses) noexcept { return Bits(main_taken_++, true, uses); }
  // How many units its queue has taken since the key entered.
  [[nodiscard]] uint32_t Age(uint32_t access) const noexcept {
    const uint64_t taken = IsInMain(access) ? main_taken_ : small_taken_;
    return (static_cast<uint32_t>(taken >> shift_) - (access >> kTicketShift)) & (kTicketsMax - 1);
  }
  // A key of a shard of `key_count` keys was evicted from the small queue.
  void Remember(KeyHash hash, uint64_t key_count) noexcept;
  [[nodiscard]] size_t ghost_bytes() const noexcept { return set_count_ * sizeof(GhostSet); }

 private:
  static constexpr uint32_t kInMain = 4;
  static constexpr unsigned kTicketShift = 3;
  static constexpr size_t kGhostWays = 32;
  // One cache line, newest first; 0 is free. A set forgets its oldest, which makes the whole a queue on average.
  struct GhostSet {
    uint16_t prints[kGhostWays];
  };

  [[nodiscard]] uint32_t Bits(uint64_t taken, bool in_main, uint32_t uses) const noexcept {
    const auto ticket = static_cast<uint32_t>(taken >> shift_) & (kTicketsMax - 1);
    return ticket << kTicketShift | (in_main ? kInMain : 0) | uses;
  }
  [[nodiscard]] static uint16_t PrintOf(KeyHash hash) noexcept {
    const auto bits = static_cast<uint16_t>(hash.value() >> 9);
    return static_cast<uint16_t>(bits + (bits == 0));
  }
  [[nodiscard]] GhostSet& SetOf(KeyHash hash) const noexcept;
  [[nodiscard]] bool Recall(KeyHash hash) noexcept;
  void SizeGhost(uint64_t key_count) noexcept;
  void FreeGhost() noexcept;

  uint64_t small_taken_ = 0;
  uint64_t main_taken_ = 0;
  unsigned shift_ = 0;  // Never falls.
  GhostSet* sets_ = nullptr;
  size_t set_count_ = 0;
};

}  // namespace cachenode
