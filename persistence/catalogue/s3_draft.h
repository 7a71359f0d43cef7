// A snapshot that is being made below a prefix of a bucket. What is written goes out by parts, and is checked on its
// way by another thread as a file would be that is read back: nothing is downloaded.
//
// Thread-safety: as ByteSink. Never on a loop thread. The flag it was made with ends every wait within about 0.1 s.
// Commit: the check ends; the upload is completed, if the store verified every part, the checksum of all that was sent
//   is that of what was written, and the name is still free; the store is asked for its length; then the metadata is
//   written as a new object, and the snapshot exists. Whoever dies before leaves parts, or data without metadata, which
//   nobody takes for a snapshot and S3Catalogue::Recover removes.
// Limits: a draft older than kSecondsMax is not published, so that whoever clears up knows which are given up.
// Errors: as those of SnapshotCatalogue.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "persistence/catalogue/snapshot_draft.h"
#include "persistence/catalogue/stream_check.h"
#include "persistence/s3/s3_bucket.h"
#include "persistence/s3/s3_upload_options.h"
#include "persistence/s3/s3_uri.h"

namespace cachenode {

// The header of the data object, whose value is the snapshot's name: what tells a leftover of ours from other files.
inline constexpr std::string_view kSnapshotMarkHeader = "x-amz-meta-cachenode-snapshot";

// The two objects of a snapshot, below the prefix.
inline constexpr std::string_view kSnapshotDataSuffix = ".rdb";
inline constexpr std::string_view kSnapshotMetadataSuffix = ".json";
[[nodiscard]] inline std::string SnapshotDataKey(std::string_view name) {
  return std::string(name).append(kSnapshotDataSuffix);
}
[[nodiscard]] inline std::string SnapshotMetadataKey(std::string_view name) {
  return std::string(name).append(kSnapshotMetadataSuffix);
}

class S3Draft final : public SnapshotDraft {
 public:
  static constexpr int64_t kSecondsMax = 12 * 60 * 60;
  // How long it takes at most to remove what a failed Commit would leave.
  static constexpr int64_t kCleanUpSeconds = 10;

  // `metadata` has a name that was looked up. `upload.s3.stop` outlives the draft.
  static Result<std::unique_ptr<SnapshotDraft>> Begin(const S3Location& prefix, SnapshotMetadata metadata,
                                                      S3UploadOptions upload);
  ~S3Draft() override;

  Status Write(std::span<const char> bytes) override;
  Status Commit() override;
  [[nodiscard]] const SnapshotMetadata& metadata() const noexcept override { return metadata_; }

 private:
  using Clock = std::chrono::steady_clock;

  S3Draft(S3Location prefix, SnapshotMetadata metadata, S3UploadOptions upload);
  [[nodiscard]] Status Check();
  [[nodiscard]] Status Publish();
  void RemoveData();
  [[nodiscard]] std::string DataPlace() const { return prefix_.Display() + SnapshotDataKey(metadata_.name); }

  const S3Location prefix_;
  SnapshotMetadata metadata_;
  const S3UploadOptions options_;
  const Clock::time_point began_ = Clock::now();
  const std::shared_ptr<S3Progress> progress_;  // Shared with the upload, which may end after the draft.
  std::unique_ptr<StreamCheck> check_;
  std::unique_ptr<ByteSink> upload_;
  uint64_t size_bytes_ = 0;
  uint64_t checksum_ = 0;  // Of everything written.
};

}  // namespace cachenode
