// The option table: one row for each thing that can be configured. Files, the command line, CONFIG GET, SET and
// REWRITE, their error texts and the documentation all read these rows.
//
// Thread-safety: constant data.
// Invariants: names and aliases are lower case, unique and never share a spelling; a row's default is a value the row
//   itself accepts.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "server/config/config.h"
#include "storage/base/status.h"

namespace cachenode {

enum class OptionType : uint8_t {
  kBool,  // yes, no
  kInteger,
  kMemory,           // Bytes, with an optional unit: 512mb, 1g, 100k.
  kMemoryOrPercent,  // As memory, or "5%", kept as -5.
  kEnum,
  kEnumList,  // Names separated by spaces, kept as bits.
  kString,
  kOctal,
  kSpecial,  // Has its own parser.
};

enum class Unit : uint8_t { kNone, kBytes, kSeconds, kMilliseconds, kMicroseconds, kMinutes, kPercent, kItems };

enum OptionFlag : uint32_t {
  kOptionImmutable = 1U << 0,     // Only at the start; CONFIG SET refuses it.
  kOptionProtected = 1U << 1,     // CONFIG SET only as enable-protected-configs allows.
  kOptionHidden = 1U << 2,        // CONFIG GET shows it under its exact name only.
  kOptionSensitive = 1U << 3,     // Never in a log.
  kOptionManyWords = 1U << 4,     // Takes several words.
  kOptionVolatile = 1U << 5,      // Applied again when set to the value it has.
  kOptionDenyLoading = 1U << 6,   // CONFIG SET refuses it while a data set loads.
  kOptionUnsigned = 1U << 7,      // The whole range of uint64_t; min and max are then its bit patterns.
  kOptionOurs = 1U << 8,          // Unknown to redis-server; setting the value it has is always fine.
  kOptionNeedsFeature = 1U << 9,  // A value that is not the default is refused while the feature is not built.
  kOptionAtReboot = 1U << 10,     // CONFIG SET keeps the value for the next restart.
};

// The part of the server an option belongs to. What is not built yet warns about, or refuses, values that are not
// the default; FeatureIsBuilt in option_table.cc is the one place to change when it is.
enum class Feature : uint8_t {
  kCore,
  kSnapshots,
  kS3,
  kDefrag,
  kCollections,  // Lists, hashes, sets, sorted sets, streams.
  kScripting,
  kAppendOnly,
  kReplication,
  kCluster,
  kTls,
  kModules,
  kOldLists,
  kCpuPinning,
  kCrashReport,
};
bool FeatureIsBuilt(Feature feature);
std::string_view FeatureName(Feature feature);  // "replication", for a sentence.

// What has to act when an option changes; kNone is only read. See ConfigApplier in config_store.h.
enum class ApplyGroup : uint8_t {
  kNone,
  kListeners,  // port, bind
  kTls,
  kMetrics,      // metrics-port, metrics-bind
  kClientLimit,  // maxclients
  kClients,      // timeout, tcp-keepalive, output limits, maxmemory-clients
  kMemoryLimit,  // maxmemory and its policy
  kHertz,        // hz, dynamic-hz, active-expire-effort
  kEncodings,    // *-max-listpack-*, *-max-intset-*, ...
  kKeyspaceEvents,
  kSavePoints,
  kSnapshots,         // rdb*, dbfilename, snapshot-max-seconds
  kSnapshotSchedule,  // snapshot-window, snapshot-retention-limit, preferred-maintenance-window
  kDefrag,
  kLazyFree,
  kLogging,  // loglevel
  kSlowlog,
  kLatency,
  kAuthentication,  // requirepass
  kDirectory,       // dir
  kOomScore,
  kProcessTitle,
  kWatchdog,
  kAppendOnly,
  kReplication,
};
inline constexpr size_t kApplyGroupCount = static_cast<size_t>(ApplyGroup::kReplication) + 1;

struct EnumName {
  std::string_view name;
  int64_t value;
};

// How a row reaches its field; exactly the pair that suits the row's type is set. Made by OptionField.
struct OptionAccess {
  int64_t (*number)(const Config& config) = nullptr;
  void (*set_number)(Config& config, int64_t value) = nullptr;
  const std::string& (*text)(const Config& config) = nullptr;
  void (*set_text)(Config& config, std::string_view value) = nullptr;
};

// A value with its own grammar.
struct SpecialOption {
  // Puts `words` into its field. With `add`, what an earlier line of the same file gave stays (save). An error's
  // text is the reason as a client reads it.
  Status (*parse)(Config& config, std::span<const std::string> words, bool add);
  // The value as CONFIG GET answers it.
  std::string (*format)(const Config& config);
  // The lines of a rewritten file without the option's name; empty when nothing is to be written. Null: one line,
  // the formatted value in quotes.
  std::vector<std::string> (*lines)(const Config& config, const Config& defaults) = nullptr;
  bool always_written = false;  // Part of every rewritten file, even at its default.
};

// Places in OptionSpec::aliases.
inline constexpr size_t kOldAlias = 0;  // Of older redis-servers: shown by CONFIG GET patterns.
inline constexpr size_t kNewAlias = 1;  // Of newer engines: found by its exact name only.

struct OptionSpec {
  std::string_view name;
  std::array<std::string_view, 2> aliases = {};  // Unused ones are empty.
  OptionType type = OptionType::kSpecial;
  Unit unit = Unit::kNone;
  std::string_view default_text = {};  // As in a file. Of kManyWords rows: split at spaces.
  int64_t min = 0;
  int64_t max = 0;
  std::span<const EnumName> names = {};
  uint32_t flags = 0;  // OptionFlag bits.
  ApplyGroup apply = ApplyGroup::kNone;
  Feature feature = Feature::kCore;
  OptionAccess field = {};
  const SpecialOption* special = nullptr;
  // Refuses a string that the type alone would allow: the reason, or empty.
  std::string (*refuse)(std::string_view value) = nullptr;

  [[nodiscard]] constexpr bool Has(OptionFlag flag) const { return (flags & flag) != 0; }
};

// Every row, ordered by name.
std::span<const OptionSpec* const> Options();
// The row of a name or alias in any letter case. Null when there is none.
const OptionSpec* FindOption(std::string_view name);
// The name or alias nearest to `name` by edit distance, empty when none is near.
std::string_view NearestOptionName(std::string_view name);

// Facts about the machine that some defaults depend on.
struct MachineFacts {
  int64_t cores = 1;
  std::string working_directory;  // Absolute.
  uint64_t memory_bytes = 0;      // Of the machine, or what its control group leaves; 0: not known.
};
MachineFacts DetectMachine();

// All options at their defaults. io-threads is min(cores, kWorkersByDefaultMax).
inline constexpr int64_t kWorkersByDefaultMax = 8;
Config DefaultConfig(const MachineFacts& machine);

}  // namespace cachenode
