#include "storage/candidate_pool.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "storage/base/memory.h"

namespace cachenode {
namespace {

void AssignUncounted(std::string& to, std::string_view key) {
  const int64_t before_bytes = memory::ThreadBytes();
  if (to.capacity() > CandidatePool::kKeptKeyBytesMax) std::string().swap(to);
  to.assign(key);
  memory::AddExternalBytes(before_bytes - memory::ThreadBytes());
}

// Keys mostly differ at their ends.
uint64_t MarkOf(uint32_t db, std::string_view key) noexcept {
  uint64_t end = 0;
  const size_t bytes = std::min(key.size(), sizeof(end));
  std::memcpy(&end, key.data() + key.size() - bytes, bytes);
  return end ^ (static_cast<uint64_t>(db) << 32) ^ key.size();
}

}  // namespace

CandidatePool::CandidatePool() noexcept { std::iota(order_.begin(), order_.end(), uint8_t{0}); }

CandidatePool::~CandidatePool() {
  const int64_t before_bytes = memory::ThreadBytes();
  for (Candidate& candidate : places_) std::string().swap(candidate.key);
  memory::AddExternalBytes(before_bytes - memory::ThreadBytes());
}

uint32_t CandidatePool::RankOf(uint64_t mark, uint32_t db, std::string_view key) const noexcept {
  for (uint32_t place = 0; place < kSize; ++place) {
    if (marks_[place] != mark || places_[place].db != db || places_[place].key != key) continue;
    const auto* const found = std::find(order_.begin(), order_.begin() + size_, place);
    if (found != order_.begin() + size_) return static_cast<uint32_t>(found - order_.begin());
  }
  return size_;
}

void CandidatePool::Insert(uint32_t rank, uint64_t score) noexcept {
  const uint8_t place = order_[size_];
  std::copy_backward(order_.begin() + rank, order_.begin() + size_, order_.begin() + size_ + 1);
  std::copy_backward(scores_.begin() + rank, scores_.begin() + size_, scores_.begin() + size_ + 1);
  order_[rank] = place;
  scores_[rank] = score;
  places_[place].score = score;
  ++size_;
}

void CandidatePool::Remove(uint32_t rank) noexcept {
  const uint8_t place = order_[rank];
  --size_;
  std::copy(order_.begin() + rank + 1, order_.begin() + size_ + 1, order_.begin() + rank);
  std::copy(scores_.begin() + rank + 1, scores_.begin() + size_ + 1, scores_.begin() + rank);
  order_[size_] = place;
}

void CandidatePool::TakeIn(uint64_t score, uint32_t db, std::string_view key) {
  const uint64_t mark = MarkOf(db, key);
  const uint32_t rank = RankOf(mark, db, key);
  if (rank < size_) {
    const uint64_t before = scores_[rank];
    if (score == before) return;
    Remove(rank);
    if (score < before) return PutBack(score);
  } else {
    if (size_ == kSize) Remove(0);
    Candidate& candidate = places_[order_[size_]];
    candidate.db = db;
    AssignUncounted(candidate.key, key);
    marks_[order_[size_]] = mark;
  }
  // Below its equals: they were looked at before, and are likely to be older than their clock can say.
  Insert(static_cast<uint32_t>(std::lower_bound(scores_.begin(), scores_.begin() + size_, score) - scores_.begin()),
         score);
}

void CandidatePool::PutBack(uint64_t score) noexcept {
  Insert(static_cast<uint32_t>(std::upper_bound(scores_.begin(), scores_.begin() + size_, score) - scores_.begin()),
         score);
}

}  // namespace cachenode
