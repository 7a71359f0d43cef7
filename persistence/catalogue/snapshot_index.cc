#include "persistence/catalogue/snapshot_index.h"

#include <utility>

namespace cachenode {

Result<std::vector<SnapshotEntry>> SnapshotIndex::List() const {
  const std::lock_guard<std::mutex> guard(mutex_);
  if (!failure_.ok()) return Status::WithText(failure_.code(), std::string(failure_.text()));
  std::vector<SnapshotEntry> entries;
  entries.reserve(entries_.size());
  for (const auto& [name, entry] : entries_) entries.push_back(entry);
  return entries;
}

Result<SnapshotEntry> SnapshotIndex::Find(const std::string& name) const {
  const std::lock_guard<std::mutex> guard(mutex_);
  const auto found = entries_.find(name);
  if (found == entries_.end()) return NoSuchSnapshot(name);
  return found->second;
}

void SnapshotIndex::Refresh() {
  const std::lock_guard<std::mutex> refresh(refresh_mutex_);
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
  // A folder that cannot be read now may be readable again: what is known of it stays.
  if (failure_.ok()) entries_.swap(entries);
}

void SnapshotIndex::Refresh(const std::string& name) {
  const std::lock_guard<std::mutex> refresh(refresh_mutex_);
  Result<SnapshotEntry> found = catalogue_.Find(name);
  const std::lock_guard<std::mutex> guard(mutex_);
  if (found) {
    entries_.insert_or_assign(name, *std::move(found));
  } else {
    entries_.erase(name);
  }
}

void SnapshotIndex::Add(const SnapshotMetadata& metadata) {
  const std::lock_guard<std::mutex> refresh(refresh_mutex_);
  const std::lock_guard<std::mutex> guard(mutex_);
  entries_.insert_or_assign(metadata.name, SnapshotEntry{metadata, {}});
  failure_ = Status::Ok();
}

}  // namespace cachenode
