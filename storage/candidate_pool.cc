#include "storage/candidate_pool.h"

#include <utility>

namespace cachenode {

void CandidatePool::Offer(uint64_t score, uint32_t db, std::string_view key) {
  uint32_t at = 0;
  while (at < size_ && (candidates_[at].db != db || candidates_[at].key != key)) ++at;
  if (at == size_) {  // New: takes the next free place, or the weakest one's when it is better.
    if (size_ == kSize) {
      if (score <= candidates_[0].score) return;
      at = 0;
    } else {
      ++size_;
    }
    candidates_[at].db = db;
    candidates_[at].key.assign(key);
  }
  candidates_[at].score = score;
  for (; at + 1 < size_ && candidates_[at].score > candidates_[at + 1].score; ++at) {
    std::swap(candidates_[at], candidates_[at + 1]);
  }
  for (; at > 0 && candidates_[at].score < candidates_[at - 1].score; --at) {
    std::swap(candidates_[at], candidates_[at - 1]);
  }
}

}  // namespace cachenode
