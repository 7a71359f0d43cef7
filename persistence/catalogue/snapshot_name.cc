#include "persistence/catalogue/snapshot_name.h"

#include <fmt/format.h>

#include <algorithm>

#include "persistence/catalogue/utc_time.h"
#include "storage/base/bytes.h"
#include "storage/base/quoting.h"

namespace cachenode {
namespace {

constexpr std::string_view kAutomaticPrefix = "automatic.";
constexpr size_t kTimeBytes = std::string_view("-YYYY-MM-DD-HH-MM").size();

bool IsLetter(char letter) {
  const char lower = ToLowerAscii(letter);
  return lower >= 'a' && lower <= 'z';
}

bool IsLowerCase(std::string_view name) { return LowerCased(name) == name; }

}  // namespace

std::string_view BrokenNameRule(std::string_view name) {
  if (name.empty()) return "it is empty";
  const auto is_allowed = [](char letter) { return IsLetter(letter) || IsDigitAscii(letter) || letter == '-'; };
  if (!std::all_of(name.begin(), name.end(), is_allowed)) return "only letters, digits and hyphens are allowed";
  if (!IsLetter(name.front())) return "the first character must be a letter";
  if (name.back() == '-') return "a hyphen must not be the last character";
  if (name.find("--") != std::string_view::npos) return "two hyphens must not follow each other";
  return {};
}

Result<std::string> NormalizeSnapshotName(std::string_view name) {
  std::string shown;
  AppendQuoted(shown, name.substr(0, 2 * kSnapshotNameBytesMax));
  if (name.size() > kSnapshotNameBytesMax) {
    return Status::Text(fmt::format("snapshot name {}: it has {} characters, {} are allowed", shown, name.size(),
                                    kSnapshotNameBytesMax));
  }
  if (const std::string_view broken = BrokenNameRule(name); !broken.empty()) {
    return Status::Text(fmt::format("snapshot name {}: {}", shown, broken));
  }
  return LowerCased(name);
}

std::string FormatAutomaticName(const AutomaticName& name) {
  const UtcTime at = UtcTimeOf(name.time_s);
  return fmt::format("{}{}-{:04}-{:02}-{:02}-{:02}-{:02}", kAutomaticPrefix, name.cluster_id, at.year, at.month, at.day,
                     at.hour, at.minute);
}

std::optional<AutomaticName> ParseAutomaticName(std::string_view name) {
  if (!name.starts_with(kAutomaticPrefix)) return std::nullopt;
  name.remove_prefix(kAutomaticPrefix.size());
  if (name.size() <= kTimeBytes) return std::nullopt;
  const std::string_view cluster_id = name.substr(0, name.size() - kTimeBytes);
  const std::string_view time = name.substr(cluster_id.size());
  if (cluster_id.size() > kClusterIdBytesMax || !BrokenNameRule(cluster_id).empty() || !IsLowerCase(cluster_id)) {
    return std::nullopt;
  }
  // "-YYYY-MM-DD-HH-MM"
  if (time[0] != '-' || time[11] != '-' || time[14] != '-') return std::nullopt;
  const std::optional<int64_t> time_s =
      ParseUtcTime(fmt::format("{}T{}:{}:00Z", time.substr(1, 10), time.substr(12, 2), time.substr(15, 2)));
  if (!time_s) return std::nullopt;
  return AutomaticName{std::string(cluster_id), *time_s};
}

bool IsSnapshotName(std::string_view name) {
  if (ParseAutomaticName(name)) return true;
  return name.size() <= kSnapshotNameBytesMax && BrokenNameRule(name).empty() && IsLowerCase(name);
}

}  // namespace cachenode
