#include "storage/field_deadlines.h"

#include <algorithm>

namespace cachenode {

FieldDeadlines::FieldDeadlines(uint32_t database_count)
    : counts_(std::make_unique<OwnedCounter[]>(database_count)), database_count_(database_count) {}

void FieldDeadlines::Insert(uint32_t db, KeyHash key, int64_t earliest_ms) {
  if (hashes_.empty()) hashes_.resize(database_count_);
  hashes_[db].emplace(earliest_ms, key.value());
  Changed(db);
}

void FieldDeadlines::Erase(uint32_t db, KeyHash key, int64_t earliest_ms) {
  if (hashes_.empty()) return;
  hashes_[db].erase({earliest_ms, key.value()});
  Changed(db);
}

bool FieldDeadlines::FindDue(int64_t now_ms, Due& due) const {
  if (earliest_ms() > now_ms) return false;
  for (uint32_t db = 0; db < hashes_.size(); ++db) {
    if (hashes_[db].empty() || hashes_[db].begin()->first > now_ms) continue;
    const auto& [earliest_ms, key] = *hashes_[db].begin();
    due = {db, KeyHash(key), earliest_ms};
    return true;
  }
  return false;
}

void FieldDeadlines::Swap(uint32_t first, uint32_t second) noexcept {
  if (hashes_.empty()) return;
  hashes_[first].swap(hashes_[second]);
  Changed(first);
  Changed(second);
}

void FieldDeadlines::Clear(uint32_t db) noexcept {
  if (hashes_.empty()) return;
  hashes_[db].clear();
  Changed(db);
}

void FieldDeadlines::Changed(uint32_t db) noexcept {
  counts_[db].Set(hashes_[db].size());
  int64_t earliest_ms = INT64_MAX;
  for (const Ordered& ordered : hashes_) {
    if (!ordered.empty()) earliest_ms = std::min(earliest_ms, ordered.begin()->first);
  }
  earliest_ms_.store(earliest_ms, std::memory_order_relaxed);
}

}  // namespace cachenode
