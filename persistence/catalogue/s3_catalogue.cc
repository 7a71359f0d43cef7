#include "persistence/catalogue/s3_catalogue.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "persistence/catalogue/s3_draft.h"
#include "persistence/catalogue/snapshot_name.h"
#include "persistence/catalogue/utc_time.h"
#include "persistence/rdb_format.h"
#include "persistence/s3/s3_client.h"
#include "storage/base/bytes.h"

namespace cachenode {
namespace {

// The snapshot that an object belongs to, or nothing.
std::optional<std::string> NameFrom(std::string_view key, std::string_view suffix) {
  if (!key.ends_with(suffix)) return std::nullopt;
  key.remove_suffix(suffix.size());
  if (!IsSnapshotName(key)) return std::nullopt;
  return std::string(key);
}

// Unix seconds of "2024-01-01T00:00:00.000Z"; nothing for what is no time.
std::optional<int64_t> StoreTime(const std::string& text) {
  constexpr size_t kWithoutFraction = std::string_view("2024-01-01T00:00:00").size();
  return ParseUtcTime(text.substr(0, kWithoutFraction) + "Z");
}

bool IsLeftover(const std::string& since, int64_t now_s) {
  const std::optional<int64_t> since_s = StoreTime(since);
  return since_s && now_s - *since_s > S3Catalogue::kLeftoverSeconds;
}

class S3Data final : public SnapshotData {
 public:
  S3Data(std::unique_ptr<ByteSource> object, const S3Location& prefix, const S3Options& options,
         const SnapshotMetadata& metadata)
      : object_(std::move(object)),
        prefix_(prefix),
        options_(options),
        key_(SnapshotDataKey(metadata.name)),
        size_bytes_(metadata.size_bytes) {}

  Result<size_t> Read(std::span<char> into) override { return object_->Read(into); }
  [[nodiscard]] int64_t SizeBytes() const override { return object_->SizeBytes(); }
  Result<uint64_t> StoredChecksum() override {
    Result<std::unique_ptr<S3Bucket>> bucket = S3Bucket::Open(prefix_, options_);
    if (!bucket) return bucket.error();
    Result<std::string> tail = (*bucket)->GetTail(key_, size_bytes_, kRdbChecksumBytes);
    if (!tail) return tail.error();
    return LoadLittleEndian<uint64_t>(tail->data());
  }

 private:
  const std::unique_ptr<ByteSource> object_;
  const S3Location prefix_;
  const S3Options options_;
  const std::string key_;
  const uint64_t size_bytes_;
};

}  // namespace

std::string S3Catalogue::DataPlace(std::string_view name) const {
  return setup_.prefix.Display() + SnapshotDataKey(name);
}

S3Options S3Catalogue::OptionsWith(const std::atomic<bool>* stop) const {
  S3Options options = setup_.options();
  options.stop = stop;
  return options;
}

Result<std::unique_ptr<S3Bucket>> S3Catalogue::OpenBucket() const {
  return S3Bucket::Open(setup_.prefix, OptionsWith(setup_.stop));
}

// --- Looking ---------------------------------------------------------------------------------------------------------

SnapshotEntry S3Catalogue::EntryOf(const std::string& name, const std::string& body) const {
  SnapshotEntry entry;
  entry.metadata.name = name;
  const std::string place = setup_.prefix.Display() + SnapshotMetadataKey(name);
  if (body.size() >= kSnapshotMetadataBytesMax) {
    entry.fault = place + ": the metadata is too long";
    return entry;
  }
  Result<SnapshotMetadata> metadata = ParseMetadataOf(name, body, place);
  if (metadata) {
    entry.metadata = *std::move(metadata);
  } else {
    entry.fault = metadata.status().text();
  }
  return entry;
}

void S3Catalogue::CompareSize(SnapshotEntry& entry, int64_t size_bytes) const {
  if (!entry.fault.empty()) return;
  const std::string place = DataPlace(entry.metadata.name);
  if (size_bytes < 0) {
    entry.fault = place + " is missing";
  } else if (static_cast<uint64_t>(size_bytes) != entry.metadata.size_bytes) {
    entry.fault = fmt::format("{} has {} bytes, {} were published", place, size_bytes, entry.metadata.size_bytes);
  }
}

std::map<std::string, S3Catalogue::Known> S3Catalogue::KnownOnes() const {
  const std::lock_guard<std::mutex> guard(mutex_);
  return known_;
}

Result<std::vector<SnapshotEntry>> S3Catalogue::List() const {
  Result<std::unique_ptr<S3Bucket>> bucket = OpenBucket();
  if (!bucket) return bucket.error();
  Result<S3Bucket::Listing> listing = (*bucket)->List();
  if (!listing) return listing.error();
  std::map<std::string_view, uint64_t> sizes;
  for (const S3ListedObject& object : listing->objects) sizes.emplace(object.key, object.size_bytes);
  const std::map<std::string, Known> before = KnownOnes();
  std::map<std::string, Known> now;
  for (const S3ListedObject& object : listing->objects) {
    const std::optional<std::string> name = NameFrom(object.key, kSnapshotMetadataSuffix);
    if (!name) continue;
    if (now.size() == kSnapshotsMax) break;
    const auto known = before.find(*name);
    if (known != before.end() && !object.etag.empty() && known->second.etag == object.etag) {
      now.insert(*known);
      continue;
    }
    Result<std::optional<S3Bucket::Object>> read = (*bucket)->Get(object.key);
    if (!read) return read.error();
    if (!*read) continue;  // Deleted since the listing.
    now.emplace(*name, Known{(*read)->etag, EntryOf(*name, (*read)->body)});
  }
  std::vector<SnapshotEntry> entries;
  for (const auto& [name, known] : now) {
    const auto size = sizes.find(SnapshotDataKey(name));
    entries.push_back(known.entry);
    CompareSize(entries.back(), size == sizes.end() ? -1 : static_cast<int64_t>(size->second));
  }
  const std::lock_guard<std::mutex> guard(mutex_);
  known_ = std::move(now);
  return entries;
}

Result<SnapshotEntry> S3Catalogue::Find(std::string_view name) const {
  Result<std::string> resolved = ResolveSnapshotName(name);
  if (!resolved) return resolved.error();
  Result<std::unique_ptr<S3Bucket>> bucket = OpenBucket();
  if (!bucket) return bucket.error();
  Result<std::optional<S3Bucket::Object>> read = (*bucket)->Get(SnapshotMetadataKey(*resolved));
  if (!read) return read.error();
  if (!*read) return NoSuchSnapshot(*resolved);
  SnapshotEntry entry = EntryOf(*resolved, (*read)->body);
  Result<std::optional<S3Bucket::Facts>> data = (*bucket)->Look(SnapshotDataKey(*resolved));
  if (!data) return data.error();
  CompareSize(entry, *data ? static_cast<int64_t>((*data)->size_bytes) : -1);
  return entry;
}

Result<std::unique_ptr<SnapshotData>> S3Catalogue::OpenData(const SnapshotMetadata& metadata,
                                                            const std::atomic<bool>* stop) const {
  const S3Options options = OptionsWith(stop != nullptr ? stop : setup_.stop);
  S3Location location = setup_.prefix;
  location.key += SnapshotDataKey(metadata.name);
  Result<std::unique_ptr<ByteSource>> object = OpenS3Object(location, options);
  if (!object) return object.error();
  return std::unique_ptr<SnapshotData>(std::make_unique<S3Data>(*std::move(object), setup_.prefix, options, metadata));
}

// --- Making and deleting ---------------------------------------------------------------------------------------------

Result<std::unique_ptr<SnapshotDraft>> S3Catalogue::Create(SnapshotMetadata metadata, const std::atomic<bool>* stop) {
  Result<std::string> name = NameOfNewSnapshot(metadata);
  if (!name) return name.error();
  metadata.name = *std::move(name);
  S3UploadOptions upload;
  upload.s3 = OptionsWith(stop);
  upload.run_later = setup_.run_later;
  upload.estimated_bytes = metadata.size_bytes;  // Of what it is a copy of.
  if (upload.estimated_bytes == 0 && setup_.estimated_bytes) upload.estimated_bytes = setup_.estimated_bytes();
  Result<std::unique_ptr<S3Bucket>> bucket = S3Bucket::Open(setup_.prefix, upload.s3);
  if (!bucket) return bucket.error();
  Result<std::optional<S3Bucket::Facts>> there = (*bucket)->Look(SnapshotMetadataKey(metadata.name));
  if (!there) return there.error();
  if (*there) return SnapshotNameTaken(metadata.name, "already exists");
  there = (*bucket)->Look(SnapshotDataKey(metadata.name));
  if (!there) return there.error();
  if (*there) {
    return SnapshotNameTaken(metadata.name,
                             fmt::format("cannot be made: {} is there already", DataPlace(metadata.name)));
  }
  return S3Draft::Begin(setup_.prefix, std::move(metadata), std::move(upload));
}

Status S3Catalogue::Delete(std::string_view name) {
  Result<std::string> resolved = ResolveSnapshotName(name);
  if (!resolved) return resolved.error();
  Result<std::unique_ptr<S3Bucket>> bucket = OpenBucket();
  if (!bucket) return bucket.error();
  const std::string metadata_key = SnapshotMetadataKey(*resolved);
  Result<std::optional<S3Bucket::Facts>> there = (*bucket)->Look(metadata_key);
  if (!there) return there.error();
  if (!*there) return NoSuchSnapshot(*resolved);
  if (Status status = (*bucket)->Delete(metadata_key); !status.ok()) return status;
  return (*bucket)->Delete(SnapshotDataKey(*resolved));
}

// --- After a crash ---------------------------------------------------------------------------------------------------

Result<std::vector<std::string>> S3Catalogue::Recover() {
  std::vector<std::string> done;
  Result<std::unique_ptr<S3Bucket>> bucket = OpenBucket();
  if (!bucket) return bucket.error();
  if (Status status = RemoveLeftoverData(**bucket, done); !status.ok()) return status;
  return done;
}

Status S3Catalogue::RemoveLeftoverData(S3Bucket& bucket, std::vector<std::string>& done) {
  Result<S3Bucket::Listing> listing = bucket.List();
  if (!listing) return listing.error();
  if (listing->answered_s == 0) return Status::Ok();  // A store without a clock: nothing is known to be old.
  const auto has = [&listing](const std::string& key) {
    const auto at = std::ranges::lower_bound(listing->objects, key, {}, &S3ListedObject::key);
    return at != listing->objects.end() && at->key == key;
  };
  size_t removed = 0;
  for (const S3ListedObject& object : listing->objects) {
    const std::optional<std::string> name = NameFrom(object.key, kSnapshotDataSuffix);
    if (!name || has(SnapshotMetadataKey(*name)) || !IsLeftover(object.last_modified, listing->answered_s)) continue;
    if (removed == kLeftoversMax) break;
    Result<std::optional<S3Bucket::Facts>> data = bucket.Look(object.key);
    if (!data) return data.error();
    if (!*data || (*data)->answer.Header(kSnapshotMarkHeader) != *name) continue;  // A user's own file.
    // Since the listing a copy of it may have been published: its data would be younger, but who knows that store.
    Result<std::optional<S3Bucket::Facts>> metadata = bucket.Look(SnapshotMetadataKey(*name));
    if (!metadata) return metadata.error();
    if (*metadata) continue;
    if (Status status = bucket.Delete(object.key); !status.ok()) return status;
    done.push_back(fmt::format("snapshot {}: removed what an unfinished one left", *name));
    ++removed;
  }
  AbortLeftoverUploads(bucket, listing->answered_s, done);
  return Status::Ok();
}

void S3Catalogue::AbortLeftoverUploads(S3Bucket& bucket, int64_t now_s, std::vector<std::string>& done) {
  Result<std::vector<S3ListedUpload>> uploads = bucket.ListUploads();
  if (!uploads) {
    done.push_back(fmt::format("unfinished uploads were not looked for: {}", uploads.status().text()));
    return;
  }
  size_t aborted = 0;
  for (const S3ListedUpload& upload : *uploads) {
    const std::optional<std::string> name = NameFrom(upload.key, kSnapshotDataSuffix);
    if (!name || !IsLeftover(upload.initiated, now_s)) continue;
    if (++aborted > kLeftoversMax) return;
    const Status status = bucket.AbortUpload(upload);
    done.push_back(status.ok() ? fmt::format("snapshot {}: removed the parts an unfinished one left", *name)
                               : std::string(status.text()));
  }
}

}  // namespace cachenode
