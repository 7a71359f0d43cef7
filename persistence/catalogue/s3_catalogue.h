// A catalogue below a prefix of a bucket: `name.rdb` and `name.json` for each snapshot, which exists exactly when the
// second one does.
//
// Thread-safety and errors: see snapshot_catalogue.h; every function blocks on the network, and ends within about 0.1 s
//   of the flag it was given, or of the catalogue's own.
// Other files below the prefix are left alone, and so is everything deeper.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "persistence/catalogue/snapshot_catalogue.h"
#include "persistence/s3/s3_bucket.h"
#include "persistence/s3/s3_options.h"
#include "persistence/s3/s3_uri.h"

namespace cachenode {

struct S3CatalogueSetup {
  S3Location prefix = {};              // By ParseS3Prefix.
  std::function<S3Options()> options;  // Asked at each operation, by any thread.
  // About how long the next snapshot will be; empty: nobody knows. By any thread.
  std::function<uint64_t()> estimated_bytes = {};
  // See S3UploadOptions.
  std::function<void(std::function<void()>)> run_later = {};
  // Ends what is given no flag of its own; outlives the catalogue. Null: none.
  const std::atomic<bool>* stop = nullptr;
};

class S3Catalogue final : public SnapshotCatalogue {
 public:
  // What nobody completed for so long is given up. More than S3Draft::kSecondsMax and what clocks differ by.
  static constexpr int64_t kLeftoverSeconds = 24 * 60 * 60;
  // So many objects and so many uploads are removed by one Recover.
  static constexpr size_t kLeftoversMax = 100;

  explicit S3Catalogue(S3CatalogueSetup setup) : setup_(std::move(setup)) {}

  [[nodiscard]] std::string Place() const override { return setup_.prefix.Display(); }
  [[nodiscard]] std::string DataPlace(std::string_view name) const override;
  [[nodiscard]] bool IsRemote() const noexcept override { return true; }

  // Removes data without metadata and multipart uploads that are older than kLeftoverSeconds by the store's clock. That
  // uploads cannot be listed is one of the lines it answers, and no failure.
  Result<std::vector<std::string>> Recover() override;
  // One request per 150 objects, and one for each snapshot whose metadata is not known yet.
  Result<std::vector<SnapshotEntry>> List() const override;
  Result<SnapshotEntry> Find(std::string_view name) const override;
  Result<std::unique_ptr<SnapshotDraft>> Create(SnapshotMetadata metadata,
                                                const std::atomic<bool>* stop = nullptr) override;
  Status Delete(std::string_view name) override;
  Result<std::unique_ptr<SnapshotData>> OpenData(const SnapshotMetadata& metadata,
                                                 const std::atomic<bool>* stop = nullptr) const override;

 private:
  struct Known {
    std::string etag;  // Of the metadata.
    SnapshotEntry entry;
  };

  [[nodiscard]] S3Options OptionsWith(const std::atomic<bool>* stop) const;
  [[nodiscard]] Result<std::unique_ptr<S3Bucket>> OpenBucket() const;
  // What an object says about snapshot `name`; its data was not looked at.
  [[nodiscard]] SnapshotEntry EntryOf(const std::string& name, const std::string& body) const;
  [[nodiscard]] std::map<std::string, Known> KnownOnes() const;
  // The fault of an entry whose data has so many bytes; -1: it is not there.
  void CompareSize(SnapshotEntry& entry, int64_t size_bytes) const;
  [[nodiscard]] Status RemoveLeftoverData(S3Bucket& bucket, std::vector<std::string>& done);
  void AbortLeftoverUploads(S3Bucket& bucket, int64_t now_s, std::vector<std::string>& done);

  const S3CatalogueSetup setup_;
  mutable std::mutex mutex_;  // A leaf lock.
  // Guarded by mutex_: what List read, so that it reads metadata once.
  mutable std::map<std::string, Known> known_;
};

}  // namespace cachenode
