// Where a node keeps its named snapshots, as snapshot-dir says: a folder, or a prefix of a bucket.
//
// Thread-safety: functions; what they give says more.
#pragma once

#include <memory>
#include <string>

#include "persistence/catalogue/s3_catalogue.h"
#include "persistence/catalogue/snapshot_catalogue.h"
#include "server/config/config.h"

namespace cachenode {

// The folder's path, or "s3://bucket/prefix/".
[[nodiscard]] std::string SnapshotPlaceOf(const Config& config);

// `setup` is for a store; its prefix is filled in here.
[[nodiscard]] std::unique_ptr<SnapshotCatalogue> OpenCatalogue(const Config& config, S3CatalogueSetup setup);

}  // namespace cachenode
