// Rows of the option table: named snapshots and their schedule.
#include "persistence/catalogue/snapshot_catalogue.h"
#include "persistence/catalogue/snapshot_name.h"
#include "persistence/s3/s3_bucket.h"
#include "server/config/config.h"
#include "server/config/option_enums.h"
#include "server/config/option_row.h"

namespace cachenode {
namespace {

constexpr int64_t kRetentionDaysMax = 35;

Status ParseWindow(Config& config, std::span<const std::string> words, bool) {
  if (words.size() != 1) return Status::WithText(Err::kConfig, "wrong number of arguments");
  config.snapshot_window = {};
  if (words[0].empty()) return Status::Ok();
  Result<DailyWindow> window = ParseDailyWindow(words[0]);
  if (!window) return window.error();
  config.snapshot_window = *window;
  return Status::Ok();
}

std::string FormatWindow(const Config& config) { return FormatDailyWindow(config.snapshot_window); }

const SpecialOption kWindow{ParseWindow, FormatWindow};

std::string RefuseManualName(std::string_view value) {
  if (value.empty()) return {};
  const Result<std::string> name = NormalizeSnapshotName(value);
  return name ? "" : std::string(name.status().text());
}

std::string RefuseAnyName(std::string_view value) {
  if (value.empty()) return {};
  const Result<std::string> name = ResolveSnapshotName(value);
  return name ? "" : std::string(name.status().text());
}

std::string RefusePlace(std::string_view value) {
  if (!IsS3Address(value)) return {};
  const Result<S3Location> prefix = ParseS3Prefix(value);
  return prefix ? "" : std::string(prefix.status().text());
}

constexpr OptionSpec kRows[] = {
    Text<&Config::snapshot_dir>("snapshot-dir", "").Flags(kOptionImmutable | kOptionOurs).RefusedBy(RefusePlace),
    Special("snapshot-window", "", kWindow).Flags(kOptionOurs).Applies(ApplyGroup::kSnapshotSchedule),
    Integer<&Config::snapshot_retention_limit>("snapshot-retention-limit", "0", {0, kRetentionDaysMax})
        .Flags(kOptionOurs)
        .Applies(ApplyGroup::kSnapshotSchedule),
    Integer<&Config::snapshot_manual_limit>("snapshot-manual-limit", "20", {0, kInt32Max})
        .Flags(kOptionOurs)
        .In(Unit::kItems),
    Text<&Config::final_snapshot_identifier>("final-snapshot-identifier", "")
        .Flags(kOptionOurs)
        .Applies(ApplyGroup::kSnapshotSchedule)
        .RefusedBy(RefuseManualName),
    Text<&Config::restore_snapshot>("restore-snapshot", "")
        .Flags(kOptionImmutable | kOptionOurs)
        .RefusedBy(RefuseAnyName),
    Enum<&Config::on_unsupported_type>("on-unsupported-type", "fail", kUnsupportedNames)
        .Flags(kOptionImmutable | kOptionOurs),
};

}  // namespace

std::span<const OptionSpec> SnapshotOptionRows() { return kRows; }

}  // namespace cachenode
