// The best keys to evict among those looked at so far, carried from one eviction to the next.
//
// Thread-safety: belongs to an Evictor, and so to one thread.
// Invariants: holds copies of keys, never references; a key is in it at most once, with the score it was last offered
//   at.
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

  CandidatePool() = default;
  ~CandidatePool();
  CandidatePool(const CandidatePool&) = delete;
  CandidatePool& operator=(const CandidatePool&) = delete;

  struct Candidate {
    uint64_t score = 0;  // Higher is evicted first.
    uint32_t db = 0;
    std::string key;
  };

  // Takes the key in if there is room or something worse to give up. `score` is above 0; of equals the one that came
  // first is the better one.
  void Offer(uint64_t score, uint32_t db, std::string_view key);
  // Requires that there is one. The reference lives until the next call.
  [[nodiscard]] const Candidate& TakeBest() noexcept { return candidates_[--size_]; }
  // The one taken last, with a lower score. Requires that the pool has not changed since.
  void PutBack(uint64_t score) noexcept;
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  void Clear() noexcept { size_ = 0; }

 private:
  // Moves the one at `at` down while one of a score above `above` is below it.
  void Sink(uint32_t at, uint64_t above) noexcept;

  std::array<Candidate, kSize> candidates_;  // Ascending by score.
  uint32_t size_ = 0;
};

}  // namespace cachenode
