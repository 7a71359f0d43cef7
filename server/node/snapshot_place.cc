#include "server/node/snapshot_place.h"

#include <utility>

#include "persistence/catalogue/folder_catalogue.h"
#include "persistence/s3/s3_bucket.h"

namespace cachenode {

std::string SnapshotPlaceOf(const Config& config) {
  const std::string& place = config.snapshot_dir;
  if (place.empty()) return config.dir + "/snapshots";
  if (!IsS3Address(place)) return place.front() == '/' ? place : config.dir + '/' + place;
  const Result<S3Location> prefix = ParseS3Prefix(place);  // Checked when the option was read.
  return prefix ? prefix->Display() : place;
}

std::unique_ptr<SnapshotCatalogue> OpenCatalogue(const Config& config, S3CatalogueSetup setup) {
  if (!IsS3Address(config.snapshot_dir)) return std::make_unique<FolderCatalogue>(SnapshotPlaceOf(config));
  if (Result<S3Location> prefix = ParseS3Prefix(config.snapshot_dir)) setup.prefix = *std::move(prefix);
  return std::make_unique<S3Catalogue>(std::move(setup));
}

}  // namespace cachenode
