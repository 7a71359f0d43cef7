#include "persistence/catalogue/snapshot_name.h"

#include <fmt/format.h>

#include <algorithm>

#include "persistence/catalogue/utc_time.h"
#include "storage/base/numbers.h"
#include "storage/base/quoting.h"

namespace cachenode {
namespace {

constexpr std::string_view kAutomaticPrefix = "automatic.";
constexpr std::string_view kTimePattern = "-0000-00-00-00-00";
constexpr int64_t kSecondsPerMinute = 60;

bool IsLetter(char letter) { return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z'); }
bool IsDigit(char letter) { return letter >= '0' && letter <= '9'; }

// The first rule that `name` breaks, or nothing.
std::string_view BrokenRule(std::string_view name) {
  if (name.empty()) return "it is empty";
  const auto is_allowed = [](char letter) { return IsLetter(letter) || IsDigit(letter) || letter == '-'; };
  if (!std::all_of(name.begin(), name.end(), is_allowed)) return "only letters, digits and hyphens are allowed";
  if (!IsLetter(name.front())) return "the first character must be a letter";
  if (name.back() == '-') return "a hyphen must not be the last character";
  if (name.find("--") != std::string_view::npos) return "two hyphens must not follow each other";
  return {};
}

bool IsLowerCase(std::string_view name) {
  return std::none_of(name.begin(), name.end(), [](char letter) { return letter >= 'A' && letter <= 'Z'; });
}

int NumberAt(std::string_view text, size_t place, size_t digits) {
  int number = 0;
  for (const char digit : text.substr(place, digits)) number = number * 10 + (digit - '0');
  return number;
}

}  // namespace

Result<std::string> NormalizeSnapshotName(std::string_view name) {
  std::string shown;
  AppendQuoted(shown, name.substr(0, 2 * kSnapshotNameBytesMax));
  if (name.size() > kSnapshotNameBytesMax) {
    return Status::Text(fmt::format("snapshot name {}: it has {} characters, {} are allowed", shown, name.size(),
                                    kSnapshotNameBytesMax));
  }
  if (const std::string_view broken = BrokenRule(name); !broken.empty()) {
    return Status::Text(fmt::format("snapshot name {}: {}", shown, broken));
  }
  std::string lower(name);
  for (char& letter : lower) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  }
  return lower;
}

std::string FormatAutomaticName(const AutomaticName& name) {
  const UtcTime at = UtcTimeOf(name.time_s);
  return fmt::format("{}{}-{:04}-{:02}-{:02}-{:02}-{:02}", kAutomaticPrefix, name.cluster_id, at.year, at.month, at.day,
                     at.hour, at.minute);
}

std::optional<AutomaticName> ParseAutomaticName(std::string_view name) {
  if (!name.starts_with(kAutomaticPrefix)) return std::nullopt;
  name.remove_prefix(kAutomaticPrefix.size());
  if (name.size() <= kTimePattern.size()) return std::nullopt;
  const std::string_view cluster_id = name.substr(0, name.size() - kTimePattern.size());
  const std::string_view time = name.substr(cluster_id.size());
  if (cluster_id.size() > kClusterIdBytesMax || !BrokenRule(cluster_id).empty() || !IsLowerCase(cluster_id)) {
    return std::nullopt;
  }
  for (size_t i = 0; i < time.size(); ++i) {
    if (kTimePattern[i] == '0' ? !IsDigit(time[i]) : time[i] != kTimePattern[i]) return std::nullopt;
  }
  UtcTime at;
  at.year = NumberAt(time, 1, 4);
  at.month = NumberAt(time, 6, 2);
  at.day = NumberAt(time, 9, 2);
  at.hour = NumberAt(time, 12, 2);
  at.minute = NumberAt(time, 15, 2);
  AutomaticName parsed{std::string(cluster_id), UnixSecondsOf(at) / kSecondsPerMinute * kSecondsPerMinute};
  // A date that does not exist, such as February 30, comes out as another one.
  const std::string again = FormatAutomaticName(parsed);
  if (std::string_view(again).substr(kAutomaticPrefix.size()) != name) return std::nullopt;
  return parsed;
}

bool IsSnapshotName(std::string_view name) {
  if (ParseAutomaticName(name)) return true;
  return name.size() <= kSnapshotNameBytesMax && BrokenRule(name).empty() && IsLowerCase(name);
}

}  // namespace cachenode
