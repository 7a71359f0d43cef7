#include "server/config/option_table.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <filesystem>
#include <system_error>
#include <vector>

#include "server/config/config_lines.h"
#include "server/config/nearest_name.h"
#include "server/config/option_row.h"
#include "server/config/option_value.h"
#include "storage/base/bytes.h"
#include "storage/base/memory_ceiling.h"

namespace cachenode {
namespace {

struct FeatureRow {
  Feature feature;
  std::string_view name;
  bool is_built;
};

constexpr FeatureRow kFeatures[] = {
    {Feature::kCore, "the server's core", true},
    {Feature::kSnapshots, "saving and loading snapshots", true},
    {Feature::kS3, "restoring from an S3 store", true},
    {Feature::kDefrag, "defragmentation", true},
    {Feature::kCollections, "a data type of more than one element", true},
    {Feature::kScripting, "scripting", false},
    {Feature::kAppendOnly, "the append-only file", false},
    {Feature::kReplication, "replication", false},
    {Feature::kCluster, "cluster mode", false},
    {Feature::kTls, "TLS", true},
    {Feature::kModules, "loading modules", false},
    {Feature::kOldLists, "the compact form of lists before Redis 3.2", false},
    {Feature::kCpuPinning, "pinning threads to processors", false},
    {Feature::kCrashReport, "the crash report", true},
};

const FeatureRow& RowOf(Feature feature) {
  const auto* row = std::ranges::find(kFeatures, feature, &FeatureRow::feature);
  assert(row != std::end(kFeatures));
  return *row;
}

// A spelling and the row it stands for.
struct Spelling {
  std::string_view name;
  const OptionSpec* option;
};

std::vector<const OptionSpec*> CollectOptions() {
  std::vector<const OptionSpec*> options;
  for (const std::span<const OptionSpec> rows :
       {ServerOptionRows(), DataOptionRows(), SnapshotOptionRows(), NodeOptionRows(), NotifyOptionRows(),
        ParameterOptionRows(), TlsOptionRows(), UnbuiltOptionRows()}) {
    for (const OptionSpec& row : rows) options.push_back(&row);
  }
  std::ranges::sort(options, {}, &OptionSpec::name);
  return options;
}

std::vector<Spelling> CollectSpellings() {
  std::vector<Spelling> spellings;
  for (const OptionSpec* option : Options()) {
    spellings.push_back({option->name, option});
    for (const std::string_view alias : option->aliases) {
      if (!alias.empty()) spellings.push_back({alias, option});
    }
  }
  std::ranges::sort(spellings, {}, &Spelling::name);
  return spellings;
}

// Constant once built: an index over constant rows, not state.
const std::vector<Spelling>& Spellings() {
  static const std::vector<Spelling> spellings = CollectSpellings();
  return spellings;
}

}  // namespace

bool FeatureIsBuilt(Feature feature) { return RowOf(feature).is_built; }

std::string_view FeatureName(Feature feature) { return RowOf(feature).name; }

std::span<const OptionSpec* const> Options() {
  static const std::vector<const OptionSpec*> options = CollectOptions();
  return options;
}

const OptionSpec* FindOption(std::string_view name) {
  const std::string lower = LowerCased(name);
  const auto found = std::ranges::lower_bound(Spellings(), std::string_view(lower), {}, &Spelling::name);
  return found != Spellings().end() && found->name == lower ? found->option : nullptr;
}

std::string_view NearestOptionName(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Spelling& spelling : Spellings()) names.push_back(spelling.name);
  return NearestName(name, names);
}

MachineFacts DetectMachine() {
  MachineFacts facts;
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (::sched_getaffinity(0, sizeof(cores), &cores) == 0) facts.cores = std::max(CPU_COUNT(&cores), 1);
  std::error_code error;
  facts.working_directory = std::filesystem::current_path(error).string();
  if (error) facts.working_directory = "/";
  facts.memory_bytes = MachineMemoryForProcess();
  return facts;
}

Config DefaultConfig(const MachineFacts& machine) {
  Config config;
  config.dir = machine.working_directory;
  for (const OptionSpec* option : Options()) {
    if (option->special == &kDir) continue;
    const std::vector<std::string> words = ValueWords(*option, option->default_text);
    const Status parsed = ParseOption(*option, config, words, false);
    assert(parsed.ok() && "a row refuses its own default");
  }
  config.io_threads = std::clamp<int64_t>(machine.cores, 1, kWorkersByDefaultMax);
  return config;
}

}  // namespace cachenode
