// The catalogue in memory, so that a node can tell of its snapshots without reading a file.
//
// Thread-safety: List and Find by any thread, for no longer than a copy takes. Everything else reads the disk or waits
//   for one who does: not for loop threads.
// Invariant: what this process does with the catalogue shows here as soon as it is done, because whoever does it says
//   so. Other processes should not write into the folder while a node runs: what they do shows after the next Refresh.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "persistence/catalogue/snapshot_catalogue.h"
#include "storage/base/result.h"

namespace cachenode {

class SnapshotIndex {
 public:
  // The catalogue outlives the index, which is empty until Refresh.
  explicit SnapshotIndex(const SnapshotCatalogue& catalogue) : catalogue_(catalogue) {}

  // In the order of their names. The error is that of the last Refresh.
  [[nodiscard]] Result<std::vector<SnapshotEntry>> List() const;
  // `name` as ResolveSnapshotName gives it. kNoSuchKey: there is none.
  [[nodiscard]] Result<SnapshotEntry> Find(const std::string& name) const;

  // Reads the whole folder.
  void Refresh();
  // After one was made, deleted, or was to be: looks at its files.
  void Refresh(const std::string& name);
  // One that was just published.
  void Add(const SnapshotMetadata& metadata);

 private:
  using Entries = std::map<std::string, SnapshotEntry>;

  const SnapshotCatalogue& catalogue_;
  // Held from the look at the disk to the change of the entries, so that an older look never undoes a newer one.
  std::mutex refresh_mutex_;
  mutable std::mutex mutex_;  // A leaf lock.
  // Guarded by mutex_.
  Entries entries_;
  Status failure_;  // Of the last look at the folder.
};

// A sink that becomes a snapshot of the catalogue, and of the index once it is published.
class IndexedDraft final : public ByteSink {
 public:
  // The index outlives the draft.
  IndexedDraft(std::unique_ptr<SnapshotDraft> draft, SnapshotIndex& index) : draft_(std::move(draft)), index_(index) {}

  Status Write(std::span<const char> bytes) override { return draft_->Write(bytes); }
  Status Commit() override {
    Status status = draft_->Commit();
    if (status.ok()) {
      index_.Add(draft_->metadata());
    } else {
      index_.Refresh(draft_->metadata().name);  // The last sync may have failed after it appeared.
    }
    return status;
  }

 private:
  const std::unique_ptr<SnapshotDraft> draft_;
  SnapshotIndex& index_;
};

}  // namespace cachenode
