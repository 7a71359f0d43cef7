#include "storage/candidate_pool.h"

#include <utility>

#include "storage/base/memory.h"

namespace cachenode {
namespace {

void AssignUncounted(std::string& to, std::string_view key) {
  const int64_t before_bytes = memory::ThreadBytes();
  if (to.capacity() > CandidatePool::kKeptKeyBytesMax) std::string().swap(to);
  to.assign(key);
  memory::AddExternalBytes(before_bytes - memory::ThreadBytes());
}

}  // namespace

CandidatePool::~CandidatePool() {
  const int64_t before_bytes = memory::ThreadBytes();
  for (Candidate& candidate : candidates_) std::string().swap(candidate.key);
  memory::AddExternalBytes(before_bytes - memory::ThreadBytes());
}

void CandidatePool::Offer(uint64_t score, uint32_t db, std::string_view key) {
  uint32_t at = 0;
  while (at < size_ && (candidates_[at].db != db || candidates_[at].key != key)) ++at;
  const bool is_new = at == size_;
  if (is_new) {  // Takes the next free place, or the weakest one's when it is better.
    if (size_ == kSize) {
      if (score <= candidates_[0].score) return;
      at = 0;
    } else {
      ++size_;
    }
    candidates_[at].db = db;
    AssignUncounted(candidates_[at].key, key);
  }
  candidates_[at].score = score;
  for (; at + 1 < size_ && candidates_[at + 1].score < score; ++at) std::swap(candidates_[at], candidates_[at + 1]);
  // A new one goes below its equals: they were looked at before, and are likely to be older than their clock can say.
  Sink(at, score - (is_new ? 1 : 0));
}

void CandidatePool::PutBack(uint64_t score) noexcept {
  candidates_[size_++].score = score;
  Sink(size_ - 1, score);
}

void CandidatePool::Sink(uint32_t at, uint64_t above) noexcept {
  for (; at > 0 && candidates_[at - 1].score > above; --at) std::swap(candidates_[at], candidates_[at - 1]);
}

}  // namespace cachenode
