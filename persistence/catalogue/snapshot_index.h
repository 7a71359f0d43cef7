// The catalogue in memory, so that a node can tell of its snapshots without reading a file or asking a store.
//
// Thread-safety: List and Find by any thread, for no longer than a copy takes. Everything else reads the disk or waits
//   for one who does: not for loop threads.
// Invariant: what this process does with the catalogue shows here as soon as it is done, because whoever does it says
//   so. Other processes should not write into the folder while a node runs: what they do shows after the next Refresh.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "persistence/catalogue/snapshot_catalogue.h"
#include "persistence/spill_file.h"
#include "storage/base/result.h"

namespace cachenode {

class SnapshotIndex {
 public:
  // The catalogue outlives the index, which is empty until Refresh.
  explicit SnapshotIndex(const SnapshotCatalogue& catalogue) : catalogue_(catalogue), known_(!catalogue.IsRemote()) {}

  // In the order of their names. The error is that of the last Refresh; of a remote catalogue that nobody looked at
  // yet, that it is being looked at.
  [[nodiscard]] Result<std::vector<SnapshotEntry>> List() const;
  // `name` as ResolveSnapshotName gives it. kNoSuchKey: there is none. Where that is not known, the error of List.
  [[nodiscard]] Result<SnapshotEntry> Find(const std::string& name) const;

  // Whether the catalogue was ever looked at with success.
  [[nodiscard]] bool IsKnown() const;

  // Reads the whole catalogue.
  void Refresh();
  // After one was made, deleted, or was to be: looks at its files.
  void Refresh(const std::string& name);
  // One that was just published.
  void Add(const SnapshotMetadata& metadata);
  // One whose publishing failed, perhaps after it appeared. Asks no remote store: the next look will tell.
  void NoteFailed(const std::string& name);

 private:
  using Entries = std::map<std::string, SnapshotEntry>;

  [[nodiscard]] Status FailureNow() const;

  const SnapshotCatalogue& catalogue_;
  // One look at the whole catalogue at a time. Who knows of one snapshot does not wait for it: the look may be a slow
  // one.
  std::mutex refresh_mutex_;
  mutable std::mutex mutex_;  // A leaf lock.
  // Guarded by mutex_.
  Entries entries_;
  std::set<std::string> news_;  // What changed since the look at the whole catalogue began, which it may not have seen.
  Status failure_;              // Of the last look at the catalogue.
  bool known_;                  // A folder that is not there yet is an empty one.
};

// A sink that becomes a snapshot of the catalogue, and of the index once it is published.
class IndexedDraft final : public ByteSink {
 public:
  // The index outlives the draft.
  IndexedDraft(std::unique_ptr<SnapshotDraft> draft, SnapshotIndex& index) : draft_(std::move(draft)), index_(index) {}

  Status Write(std::span<const char> bytes) override { return draft_->Write(bytes); }
  [[nodiscard]] std::unique_ptr<SpillFile> MakeSpill() override { return draft_->MakeSpill(); }
  Status Commit() override {
    Status status = draft_->Commit();
    if (status.ok()) {
      index_.Add(draft_->metadata());
    } else {
      index_.NoteFailed(draft_->metadata().name);
    }
    return status;
  }

 private:
  const std::unique_ptr<SnapshotDraft> draft_;
  SnapshotIndex& index_;
};

}  // namespace cachenode
