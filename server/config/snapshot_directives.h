// Options about named snapshots: where they lie, when they are taken, and which one the node begins with.
//
// Thread-safety: plain values, see config.h.
#pragma once

#include <cstdint>
#include <string>

#include "persistence/snapshot_choices.h"
#include "server/config/daily_window.h"

namespace cachenode {

struct CatalogueDirectives {
  std::string snapshot_dir;              // A folder or a prefix of a bucket. Empty: "snapshots" below `dir`.
  DailyWindow snapshot_window;           // Empty: one that follows from cluster-id.
  int64_t snapshot_retention_limit = 0;  // Days; 0: no automatic snapshots.
  int64_t snapshot_manual_limit = 0;     // Manual ones in 24 hours; 0: any number.
  std::string final_snapshot_identifier;
  std::string restore_snapshot;
  UnsupportedTypes on_unsupported_type{};
};

}  // namespace cachenode
