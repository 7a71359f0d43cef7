// What snapshots may be called: manual ones by their user's choice, automatic ones by cluster and minute.
//
// Thread-safety: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "storage/base/result.h"

namespace cachenode {

// Of a manual name. An automatic one is longer by its prefix and time.
inline constexpr size_t kSnapshotNameBytesMax = 40;
inline constexpr size_t kClusterIdBytesMax = 50;

// The first rule of the service's names that `name` breaks, as a clause, or nothing: letters, digits and single
// hyphens, a letter first, no hyphen last. Letters of either case pass.
[[nodiscard]] std::string_view BrokenNameRule(std::string_view name);

// The name in lower case. Error: a sentence that says which rule it breaks: 1 to 40 letters, digits and hyphens, a
// letter first, no hyphen last, no two hyphens in a row.
Result<std::string> NormalizeSnapshotName(std::string_view name);

// An automatic snapshot's name: "automatic.<cluster-id>-YYYY-MM-DD-HH-MM", in UTC.
struct AutomaticName {
  std::string cluster_id;
  int64_t time_s = 0;  // Unix seconds, a whole minute.
};
[[nodiscard]] std::string FormatAutomaticName(const AutomaticName& name);
// Empty when `name` is none.
[[nodiscard]] std::optional<AutomaticName> ParseAutomaticName(std::string_view name);

// Of either kind, in lower case, as names of files are. Keeps paths inside of the catalogue's folder.
[[nodiscard]] bool IsSnapshotName(std::string_view name);

}  // namespace cachenode
