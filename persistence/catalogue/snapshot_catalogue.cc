#include "persistence/catalogue/snapshot_catalogue.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "persistence/catalogue/snapshot_name.h"
#include "persistence/rdb_format.h"
#include "storage/base/crc64.h"

namespace cachenode {
namespace {

constexpr int64_t kSecondsPerDay = 24 * 60 * 60;
constexpr size_t kBlockBytes = size_t{1} << 20;

struct Measure {
  uint64_t size_bytes = 0;
  uint64_t checksum = 0;  // Of all but the last eight bytes of what was published.

  void Add(std::span<const char> block, const SnapshotMetadata& metadata) {
    const uint64_t covered_bytes = metadata.size_bytes - std::min<uint64_t>(metadata.size_bytes, kRdbChecksumBytes);
    const uint64_t covered = std::min<uint64_t>(block.size(), covered_bytes - std::min(covered_bytes, size_bytes));
    checksum = Crc64(checksum, block.first(static_cast<size_t>(covered)));
    size_bytes += block.size();
  }
};

Status Differs(const std::string& place, const Measure& found, const SnapshotMetadata& metadata) {
  return Status::WithText(
      Err::kCorrupt,
      fmt::format("{} is not what was published: {} bytes with checksum {:016x} instead of {} with {:016x}", place,
                  found.size_bytes, found.checksum, metadata.size_bytes, metadata.checksum));
}

Status CompareWith(const SnapshotMetadata& metadata, const Measure& found, const std::string& place) {
  if (found.size_bytes == metadata.size_bytes && found.checksum == metadata.checksum) return Status::Ok();
  return Differs(place, found, metadata);
}

// Hands everything over; compares nothing.
Status Pump(ByteSource& from, ByteSink& to, const std::atomic<bool>* stop, Measure& measure,
            const SnapshotMetadata& metadata) {
  std::vector<char> buffer(kBlockBytes);
  for (;;) {
    if (stop != nullptr && stop->load(std::memory_order_relaxed)) return Err::kCancelled;
    Result<size_t> got = from.Read(buffer);
    if (!got) return got.error();
    if (*got == 0) return Status::Ok();
    const std::span<const char> block = std::span(buffer).first(*got);
    measure.Add(block, metadata);
    if (Status status = to.Write(block); !status.ok()) return status;
  }
}

}  // namespace

Status NoSuchSnapshot(std::string_view name) {
  return Status::WithText(Err::kNoSuchKey, fmt::format("there is no snapshot {}", name));
}

Status SnapshotNameTaken(std::string_view name, std::string_view how) {
  return Status::WithText(Err::kBusyKey, fmt::format("snapshot {} {}", name, how));
}

Result<std::string> ResolveSnapshotName(std::string_view name) {
  if (ParseAutomaticName(name)) return std::string(name);
  return NormalizeSnapshotName(name);
}

Result<std::string> NameOfNewSnapshot(const SnapshotMetadata& metadata) {
  return metadata.automatic ? ResolveSnapshotName(metadata.name)  // Made by FormatAutomaticName.
                            : NormalizeSnapshotName(metadata.name);
}

Result<SnapshotMetadata> ParseMetadataOf(std::string_view name, std::string_view text, const std::string& place) {
  Result<SnapshotMetadata> metadata = ParseSnapshotMetadata(text);
  if (!metadata) return Status::WithText(Err::kCorrupt, fmt::format("{}: {}", place, metadata.status().text()));
  if (metadata->name == name) return metadata;
  return Status::WithText(Err::kCorrupt, fmt::format("{} is about snapshot {}", place, metadata->name));
}

Result<size_t> PublishedSource::Read(std::span<char> into) {
  Result<size_t> got = data_->Read(into);
  if (!got) return got;
  Measure measure{size_bytes_, checksum_};
  measure.Add(into.first(*got), metadata_);
  size_bytes_ = measure.size_bytes;
  checksum_ = measure.checksum;
  if (*got != 0 && size_bytes_ < metadata_.size_bytes) return got;
  if (Status status = CompareWith(metadata_, measure, place_); !status.ok()) return status;
  return got;
}

// --- What is the same everywhere ---------------------------------------------------------------------------------

Result<SnapshotMetadata> SnapshotCatalogue::FindUsable(std::string_view name) const {
  Result<SnapshotEntry> entry = Find(name);
  if (!entry) return entry.error();
  if (!entry->fault.empty()) return Status::WithText(Err::kCorrupt, entry->fault);
  return std::move(entry->metadata);
}

Result<RdbSummary> SnapshotCatalogue::Verify(std::string_view name, const std::atomic<bool>* stop) const {
  Result<SnapshotMetadata> metadata = FindUsable(name);
  if (!metadata) return metadata.error();
  const std::string place = DataPlace(metadata->name);
  Result<std::unique_ptr<SnapshotData>> data = OpenData(*metadata, stop);
  if (!data) return data.error();
  Result<RdbSummary> summary = CheckRdb(**data, {.stop = stop});
  if (!summary) return std::move(summary.error()).WithContext(place);
  const Measure found{summary->size_bytes, summary->checksum};
  if (Status status = CompareWith(*metadata, found, place); !status.ok()) return status;
  return summary;
}

Result<SnapshotMetadata> SnapshotCatalogue::Export(std::string_view name, const OpenSink& open_sink,
                                                   const std::atomic<bool>* stop) const {
  Result<SnapshotMetadata> metadata = FindUsable(name);
  if (!metadata) return metadata.error();
  const std::string place = DataPlace(metadata->name);
  Result<std::unique_ptr<SnapshotData>> data = OpenData(*metadata, stop);
  if (!data) return data.error();
  if (metadata->size_bytes < kRdbChecksumBytes) return Differs(place, {metadata->size_bytes, 0}, *metadata);
  Result<uint64_t> stored = (*data)->StoredChecksum();
  if (!stored) return stored.error();
  const bool has_checksum = *stored != 0;
  if (has_checksum && *stored != metadata->checksum) return Differs(place, {metadata->size_bytes, *stored}, *metadata);
  Result<std::unique_ptr<ByteSink>> sink = open_sink(*metadata, has_checksum);
  if (!sink) return sink.error();
  Measure measure;
  if (Status status = Pump(**data, **sink, stop, measure, *metadata); !status.ok()) return status;
  if (Status status = CompareWith(*metadata, measure, place); !status.ok()) return status;
  if (Status status = (*sink)->Commit(); !status.ok()) return status;
  return metadata;
}

Result<SnapshotMetadata> SnapshotCatalogue::Copy(std::string_view from, std::string_view to,
                                                 const std::atomic<bool>* stop) {
  Result<SnapshotMetadata> source = FindUsable(from);
  if (!source) return source.error();
  // Opened before anybody may delete it.
  Result<std::unique_ptr<SnapshotData>> data = OpenData(*source, stop);
  if (!data) return data.error();
  SnapshotMetadata metadata = *source;
  metadata.copied_from = source->name;
  metadata.name = to;
  metadata.automatic = false;
  Result<std::unique_ptr<SnapshotDraft>> draft = Create(std::move(metadata), stop);
  if (!draft) return draft.error();
  Measure measure;
  // What is published is checked by the draft, which a damaged source would fail as well.
  if (Status status = Pump(**data, **draft, stop, measure, *source); !status.ok()) return status;
  if (Status status = (*draft)->Commit(); !status.ok()) return status;
  return (*draft)->metadata();
}

Result<std::vector<std::string>> SnapshotCatalogue::DeleteExpired(const Retention& rule) {
  Result<std::vector<SnapshotEntry>> entries = List();
  if (!entries) return entries.error();
  std::vector<std::string> deleted;
  int64_t newest_s = 0;
  const auto is_ours = [&rule](const SnapshotEntry& entry) {
    const std::optional<AutomaticName> name = ParseAutomaticName(entry.metadata.name);
    return entry.fault.empty() && entry.metadata.automatic && name && name->cluster_id == rule.cluster_id;
  };
  for (const SnapshotEntry& entry : *entries) {
    if (is_ours(entry)) newest_s = std::max(newest_s, entry.metadata.created_s);
  }
  for (const SnapshotEntry& entry : *entries) {
    if (!is_ours(entry) || entry.metadata.created_s == newest_s) continue;
    if (rule.now_s - entry.metadata.created_s <= rule.days * kSecondsPerDay) continue;
    Status status = Delete(entry.metadata.name);
    if (!status.ok() && status.code() != Err::kNoSuchKey) return status;
    if (status.ok()) deleted.push_back(entry.metadata.name);
  }
  return deleted;
}

}  // namespace cachenode
