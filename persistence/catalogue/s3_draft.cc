#include "persistence/catalogue/s3_draft.h"

#include <fmt/format.h>

#include <utility>

#include "persistence/catalogue/snapshot_catalogue.h"
#include "persistence/s3/s3_client.h"
#include "storage/base/crc64.h"

namespace cachenode {

S3Draft::S3Draft(S3Location prefix, SnapshotMetadata metadata, S3UploadOptions upload)
    : prefix_(std::move(prefix)),
      metadata_(std::move(metadata)),
      options_(std::move(upload)),
      progress_(std::make_shared<S3Progress>()) {}

// What cleans up later must not look at the flag any more.
S3Draft::~S3Draft() { progress_->RequestCancel(); }

Result<std::unique_ptr<SnapshotDraft>> S3Draft::Begin(const S3Location& prefix, SnapshotMetadata metadata,
                                                      S3UploadOptions upload) {
  S3Location location = prefix;
  location.key += SnapshotDataKey(metadata.name);
  upload.object_headers = {{std::string(kSnapshotMarkHeader), metadata.name}};
  std::unique_ptr<S3Draft> draft(new S3Draft(prefix, std::move(metadata), std::move(upload)));
  Result<std::unique_ptr<StreamCheck>> check = StreamCheck::Start(draft->options_.s3.stop);
  if (!check) return check.error();
  draft->check_ = *std::move(check);
  S3UploadOptions options = draft->options_;
  options.checksum_meant = [self = draft.get()] { return self->checksum_; };
  Result<std::unique_ptr<ByteSink>> opened = OpenS3Upload(location, options, draft->progress_);
  if (!opened) return opened.error();
  draft->upload_ = *std::move(opened);
  return std::unique_ptr<SnapshotDraft>(std::move(draft));
}

Status S3Draft::Write(std::span<const char> bytes) {
  size_bytes_ += bytes.size();
  checksum_ = Crc64(checksum_, bytes);
  if (Status status = check_->Write(bytes); !status.ok()) return std::move(status).WithContext(DataPlace());
  return upload_->Write(bytes);
}

Status S3Draft::Commit() {
  if (Status status = Check(); !status.ok()) return status;
  if (Status status = upload_->Commit(); !status.ok()) return status;
  return Publish();
}

Status S3Draft::Check() {
  Result<RdbSummary> summary = check_->Finish();
  if (!summary) return summary.error().WithContext(DataPlace());
  if (summary->size_bytes != size_bytes_) {
    return Status::WithText(Err::kCorrupt, fmt::format("{}: {} bytes were written, {} are data", DataPlace(),
                                                       size_bytes_, summary->size_bytes));
  }
  FillMetadata(*summary, metadata_);
  return Status::Ok();
}

// The data is there and ours.
Status S3Draft::Publish() {
  if (Clock::now() - began_ > std::chrono::seconds(kSecondsMax)) {
    RemoveData();
    return Status::WithText(Err::kUnavailable,
                            fmt::format("{}: not complete after {} hours", DataPlace(), kSecondsMax / 3600));
  }
  Result<std::unique_ptr<S3Bucket>> bucket = S3Bucket::Open(prefix_, options_.s3);
  if (!bucket) {
    RemoveData();
    return bucket.error();
  }
  S3Bucket::PutOutcome outcome =
      (*bucket)->PutNew(SnapshotMetadataKey(metadata_.name), FormatSnapshotMetadata(metadata_), "application/json");
  switch (outcome.put) {
    case S3Bucket::Put::kStored:
      return Status::Ok();
    case S3Bucket::Put::kTaken:
      RemoveData();
      return SnapshotNameTaken(metadata_.name, "already exists");
    case S3Bucket::Put::kRefused:
      RemoveData();
      return std::move(outcome.status);
    case S3Bucket::Put::kUnknown:
      break;
  }
  // It may show, and then its data must be there.
  return std::move(outcome.status).WithContext("it is not known whether the snapshot appeared");
}

void S3Draft::RemoveData() {
  S3Options options = options_.s3;
  options.stop = nullptr;
  options.s3_timeout_s = kCleanUpSeconds;
  auto remove = [prefix = prefix_, options = std::move(options), key = SnapshotDataKey(metadata_.name)] {
    Result<std::unique_ptr<S3Bucket>> bucket = S3Bucket::Open(prefix, options);
    const Status status = bucket ? (*bucket)->Delete(key) : bucket.error();
    if (!status.ok() && options.on_event) {
      options.on_event(fmt::format("{}; data that belongs to no snapshot remains for a day", status.text()));
    }
  };
  if (options_.run_later) {
    options_.run_later(std::move(remove));
  } else {
    remove();
  }
}

}  // namespace cachenode
