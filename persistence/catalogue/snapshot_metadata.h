// What the catalogue knows about one snapshot, and the JSON file beside its data that says so.
//
// Thread-safety: plain values and functions.
// Format: the members of the service's API shape Snapshot under their names there (SnapshotName, CacheClusterId,
//   SnapshotStatus, SnapshotSource, CacheNodeType, Engine, EngineVersion, CacheParameterGroupName, Port,
//   NumCacheNodes, NodeSnapshots), so that its tools read the file, and what that shape has no place for in an object
//   "Cachenode". Unknown members are left alone when reading.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/base/result.h"

namespace cachenode {

struct SnapshotMetadata {
  std::string name;
  bool automatic = false;
  std::string cluster_id;  // Of the node whose data it is; empty: the node had no name.
  std::string node_type;   // "cache.m1.small", "custom".
  std::string engine = "redis";
  std::string engine_version;
  std::string parameter_group;  // Empty: none.
  int64_t port = 0;
  int64_t created_s = 0;    // Unix seconds of the point in time that the data shows.
  std::string copied_from;  // The snapshot this is a copy of; empty: it was taken.

  // Of the data file; filled when it is published.
  int rdb_version = 0;
  uint64_t size_bytes = 0;
  uint64_t checksum = 0;  // CRC64 of all but the last 8 bytes.
  uint64_t key_count = 0;
  uint64_t expiring_count = 0;
  uint64_t needed_bytes = 0;  // Memory the data took; 0: unknown.
};

inline constexpr size_t kSnapshotMetadataBytesMax = size_t{64} << 10;

[[nodiscard]] std::string FormatSnapshotMetadata(const SnapshotMetadata& metadata);
// Error: a sentence without the file's name.
Result<SnapshotMetadata> ParseSnapshotMetadata(std::string_view text);

// "120 MB", as the service tells sizes: rounded up.
[[nodiscard]] std::string FormatCacheSize(uint64_t bytes);

}  // namespace cachenode
