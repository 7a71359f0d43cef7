// Named snapshots in one place: which there are, how they come and go, and that each is whole. The place is a folder
// (folder_catalogue.h) or a prefix of a bucket in an object store (s3_catalogue.h). Works for a running node and on the
// files of a stopped one; persistence/catalogue/README.md has the formats and the order of steps.
//
// Thread-safety: every function may be called by any thread and blocks on the disk or the network: not for loop
//   threads, which ask a SnapshotIndex. Several objects and processes may share a place.
// Invariant: whatever moment a process dies in, each name is either wholly there or, after Recover, wholly absent.
// Errors: a whole sentence, without "ERR". kNoSuchKey: there is no such snapshot. kBusyKey: the name is taken.
//   kText: the name breaks a rule. kCorrupt: the snapshot is damaged. kUnavailable: it has types this server does not
//   have, or the store cannot be reached or refuses. kIo: the disk, with the file's name.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "persistence/byte_stream.h"
#include "persistence/catalogue/snapshot_draft.h"
#include "persistence/catalogue/snapshot_metadata.h"
#include "persistence/rdb_check.h"
#include "storage/base/result.h"

namespace cachenode {

struct SnapshotEntry {
  SnapshotMetadata metadata;  // Of a damaged one perhaps the name only.
  std::string fault;          // Why it cannot be used; empty: available.
};

// The data of a snapshot, read from its start; a snapshot that is deleted meanwhile may end it with an error, but never
// with other bytes.
class SnapshotData : public ByteSource {
 public:
  // The last eight bytes, which are the file's own checksum, or zero for a file without. At any time.
  virtual Result<uint64_t> StoredChecksum() = 0;
};

class SnapshotCatalogue {
 public:
  static constexpr size_t kSnapshotsMax = 10'000;

  virtual ~SnapshotCatalogue() = default;

  // The folder, or "s3://bucket/prefix/".
  [[nodiscard]] virtual std::string Place() const = 0;
  // Where the data of a snapshot lies: a path, or "s3://bucket/prefix/name.rdb".
  [[nodiscard]] virtual std::string DataPlace(std::string_view name) const = 0;
  // Whether the place is reached over a network, so that looking at it may take long and fail.
  [[nodiscard]] virtual bool IsRemote() const noexcept = 0;

  // Finishes or undoes what processes that died left half-done, and says what it did, one line each. Nothing to do and
  // Ok when the place is not there.
  virtual Result<std::vector<std::string>> Recover() = 0;

  // Reads all metadata, and compares it with the sizes of the data. In the order of their names.
  virtual Result<std::vector<SnapshotEntry>> List() const = 0;
  // `name` in any letter case.
  virtual Result<SnapshotEntry> Find(std::string_view name) const = 0;

  // Takes a free name and opens what the data is written into. `metadata` brings the name, which is checked, and what
  // is known before. `stop`, which outlives the draft, ends its waits and its Commit.
  virtual Result<std::unique_ptr<SnapshotDraft>> Create(SnapshotMetadata metadata,
                                                        const std::atomic<bool>* stop = nullptr) = 0;
  // Gone at once for everybody else, then the data is freed.
  virtual Status Delete(std::string_view name) = 0;
  // `metadata` as Find gave it. `stop` outlives the data.
  virtual Result<std::unique_ptr<SnapshotData>> OpenData(const SnapshotMetadata& metadata,
                                                         const std::atomic<bool>* stop = nullptr) const = 0;

  // --- What is the same everywhere ---

  // A manual snapshot with the data of another one, automatic ones included.
  Result<SnapshotMetadata> Copy(std::string_view from, std::string_view to, const std::atomic<bool>* stop = nullptr);
  // Where the data of a snapshot goes besides the catalogue. `has_stored_checksum`: the data ends with the checksum of
  // itself.
  using OpenSink =
      std::function<Result<std::unique_ptr<ByteSink>>(const SnapshotMetadata& metadata, bool has_stored_checksum)>;
  // Writes the data into a sink, which is committed only when every byte is what was published. Holds one block of
  // memory.
  Result<SnapshotMetadata> Export(std::string_view name, const OpenSink& open_sink,
                                  const std::atomic<bool>* stop = nullptr) const;
  // Reads all of the data and compares it with the metadata.
  Result<RdbSummary> Verify(std::string_view name, const std::atomic<bool>* stop = nullptr) const;

  // Deletes the automatic snapshots of `cluster_id` that are older than so many days, and answers their names; never
  // the newest usable one, so that a node whose snapshots fail keeps what it has.
  struct Retention {
    std::string cluster_id;
    int64_t days = 0;
    int64_t now_s = 0;
  };
  Result<std::vector<std::string>> DeleteExpired(const Retention& rule);

 protected:
  SnapshotCatalogue() = default;
  SnapshotCatalogue(const SnapshotCatalogue&) = default;
  SnapshotCatalogue& operator=(const SnapshotCatalogue&) = delete;

  // Find, and the snapshot is usable.
  Result<SnapshotMetadata> FindUsable(std::string_view name) const;
};

// The data of a snapshot for a load: the end comes only after as many bytes as were published, with their checksum;
// otherwise kCorrupt, which names `place`.
class PublishedSource final : public ByteSource {
 public:
  PublishedSource(std::unique_ptr<ByteSource> data, SnapshotMetadata metadata, std::string place)
      : data_(std::move(data)), metadata_(std::move(metadata)), place_(std::move(place)) {}

  Result<size_t> Read(std::span<char> into) override;
  [[nodiscard]] int64_t SizeBytes() const override { return static_cast<int64_t>(metadata_.size_bytes); }

 private:
  const std::unique_ptr<ByteSource> data_;
  const SnapshotMetadata metadata_;
  const std::string place_;
  uint64_t size_bytes_ = 0;
  uint64_t checksum_ = 0;
};

// "there is no snapshot <name>", kNoSuchKey.
[[nodiscard]] Status NoSuchSnapshot(std::string_view name);
// "snapshot <name> <how>", kBusyKey.
[[nodiscard]] Status SnapshotNameTaken(std::string_view name, std::string_view how);
// The name as it is looked up: lower case, a manual or an automatic one.
Result<std::string> ResolveSnapshotName(std::string_view name);
// The name of a new snapshot: checked by the rules of its kind.
Result<std::string> NameOfNewSnapshot(const SnapshotMetadata& metadata);
// The metadata in `text`, which must be about `name`. The error is about `place`.
Result<SnapshotMetadata> ParseMetadataOf(std::string_view name, std::string_view text, const std::string& place);

}  // namespace cachenode
