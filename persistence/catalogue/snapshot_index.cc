#include "persistence/catalogue/snapshot_index.h"

#include <utility>

namespace cachenode {

// Under mutex_.
Status SnapshotIndex::FailureNow() const {
  if (!failure_.ok()) return Status::WithText(failure_.code(), std::string(failure_.text()));
  if (known_) return Status::Ok();
  return Status::WithText(Err::kUnavailable, catalogue_.Place() + " is being looked at, try again");
}

bool SnapshotIndex::IsKnown() const {
  const std::lock_guard<std::mutex> guard(mutex_);
  return known_;
}

Result<std::vector<SnapshotEntry>> SnapshotIndex::List() const {
  const std::lock_guard<std::mutex> guard(mutex_);
  if (Status failure = FailureNow(); !failure.ok()) return failure;
  std::vector<SnapshotEntry> entries;
  entries.reserve(entries_.size());
  for (const auto& [name, entry] : entries_) entries.push_back(entry);
  return entries;
}

Result<SnapshotEntry> SnapshotIndex::Find(const std::string& name) const {
  const std::lock_guard<std::mutex> guard(mutex_);
  const auto found = entries_.find(name);
  if (found != entries_.end()) return found->second;
  if (!known_) return FailureNow();
  return NoSuchSnapshot(name);
}

void SnapshotIndex::Refresh() {
  const std::lock_guard<std::mutex> refresh(refresh_mutex_);
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    news_.clear();
  }
  Result<std::vector<SnapshotEntry>> listed = catalogue_.List();
  Entries entries;
  if (listed) {
    for (SnapshotEntry& entry : *listed) {
      std::string name = entry.metadata.name;
      entries.emplace(std::move(name), std::move(entry));
    }
  }
  const std::lock_guard<std::mutex> guard(mutex_);
  failure_ = listed ? Status::Ok() : listed.error();
  // A catalogue that cannot be read now may be readable again: what is known of it stays.
  if (!failure_.ok()) return;
  for (const std::string& name : news_) {
    entries.erase(name);
    if (const auto newer = entries_.find(name); newer != entries_.end()) entries.insert(*newer);
  }
  entries_.swap(entries);
  known_ = true;
}

void SnapshotIndex::Refresh(const std::string& name) {
  Result<SnapshotEntry> found = catalogue_.Find(name);
  const std::lock_guard<std::mutex> guard(mutex_);
  if (found) {
    entries_.insert_or_assign(name, *std::move(found));
  } else if (!catalogue_.IsRemote() || found.status().code() == Err::kNoSuchKey) {
    entries_.erase(name);
  } else {
    return;  // Of a store that does not answer, what is known stays.
  }
  news_.insert(name);
}

void SnapshotIndex::NoteFailed(const std::string& name) {
  if (!catalogue_.IsRemote()) Refresh(name);
}

void SnapshotIndex::Add(const SnapshotMetadata& metadata) {
  const std::lock_guard<std::mutex> guard(mutex_);
  entries_.insert_or_assign(metadata.name, SnapshotEntry{metadata, {}});
  news_.insert(metadata.name);
  failure_ = Status::Ok();
}

}  // namespace cachenode
