// The best keys to evict among those looked at so far, carried from one eviction to the next.
//
// Thread-safety: belongs to an Evictor, and so to one thread.
// Invariants: holds copies of keys, never references; a key is in it at most once. Its score may have changed since.
// Limits: kSize keys. Their copies do not count as used memory: else evicting would begin by using more.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace cachenode {

class CandidatePool {
 public:
  static constexpr uint32_t kSize = 16;
  static constexpr size_t kKeptKeyBytesMax = 4096;  // Room for longer keys is given back with the next one.

  CandidatePool() noexcept;
  ~CandidatePool();
  CandidatePool(const CandidatePool&) = delete;
  CandidatePool& operator=(const CandidatePool&) = delete;

  struct Candidate {
    uint64_t score = 0;  // Higher is evicted first.
    uint32_t db = 0;
    std::string key;
  };

  // Takes the key in if there is room or something worse to give up; one that is there gets the new score. Of equals
  // the one that came first is the better one.
  void Offer(uint64_t score, uint32_t db, std::string_view key) {
    if (size_ == kSize && score <= scores_[0]) return;
    TakeIn(score, db, key);
  }
  // Requires that there is one. The reference lives until the next call.
  [[nodiscard]] const Candidate& TakeBest() noexcept { return places_[order_[--size_]]; }
  // The one taken last, with a lower score. Requires that the pool has not changed since.
  void PutBack(uint64_t score) noexcept;
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  void Clear() noexcept { size_ = 0; }

 private:
  void TakeIn(uint64_t score, uint32_t db, std::string_view key);
  // The rank of a key, or size_.
  [[nodiscard]] uint32_t RankOf(uint64_t mark, uint32_t db, std::string_view key) const noexcept;
  // Puts the place of rank size_, which is free, among the others.
  void Insert(uint32_t rank, uint64_t score) noexcept;
  // Makes the place at `rank` the free one of rank size_.
  void Remove(uint32_t rank) noexcept;

  // By rank, ascending: score, and the place of the candidate. The places of ranks from size_ on are free.
  std::array<uint64_t, kSize> scores_{};
  std::array<uint8_t, kSize> order_{};
  // By place. Equal keys have equal marks, others hardly ever.
  std::array<uint64_t, kSize> marks_{};
  std::array<Candidate, kSize> places_;
  uint32_t size_ = 0;
};

}  // namespace cachenode
