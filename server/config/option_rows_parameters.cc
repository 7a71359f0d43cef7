// Rows of the option table: names that parameters have in a managed service's groups and redis-server does not know.
//
// None is shown by patterns of CONFIG GET. Those without an effect warn when they are not at their default.
#include <fmt/format.h>

#include <array>

#include "server/config/config.h"
#include "server/config/option_row.h"
#include "storage/base/numbers.h"

namespace cachenode {
namespace {

enum class LimitPart : uint8_t { kHard, kSoft, kSeconds };

// One number of client-output-buffer-limit, which the service splits into nine.
template <OutputClass kClass, LimitPart kPart>
struct OutputLimitPart {
  static Status Parse(Config& config, std::span<const std::string> words, bool) {
    int64_t number = 0;
    if (words.size() != 1 || !TryParseInt64(words[0], number) || number < 0) {
      return Status::WithText(Err::kConfig, "argument must be a number of 0 or more");
    }
    OutputBufferLimit& limit = config.client_output_buffer_limit[static_cast<size_t>(kClass)];
    switch (kPart) {
      case LimitPart::kHard:
        limit.hard_bytes = static_cast<uint64_t>(number);
        break;
      case LimitPart::kSoft:
        limit.soft_bytes = static_cast<uint64_t>(number);
        break;
      case LimitPart::kSeconds:
        limit.soft_seconds = number;
        break;
    }
    return Status::Ok();
  }
  static std::string Format(const Config& config) {
    const OutputBufferLimit& limit = config.client_output_buffer_limit[static_cast<size_t>(kClass)];
    switch (kPart) {
      case LimitPart::kHard:
        return std::to_string(limit.hard_bytes);
      case LimitPart::kSoft:
        return std::to_string(limit.soft_bytes);
      case LimitPart::kSeconds:
        break;
    }
    return std::to_string(limit.soft_seconds);
  }
  // client-output-buffer-limit writes it.
  static std::vector<std::string> Lines(const Config&, const Config&) { return {}; }
  static constexpr SpecialOption kOption{Parse, Format, Lines};
};

template <OutputClass kClass, LimitPart kPart>
constexpr OptionRow LimitRow(std::string_view name, std::string_view default_text) {
  return Special(name, default_text, OutputLimitPart<kClass, kPart>::kOption)
      .Flags(kOptionOurs | kOptionHidden)
      .Applies(ApplyGroup::kClients);
}

constexpr uint32_t kKept = kOptionOurs | kOptionHidden;

std::string RefuseFanout(std::string_view value) {
  return value == "client" || value == "throughput" ? "" : "argument must be client or throughput";
}

constexpr OptionSpec kRows[] = {
    LimitRow<OutputClass::kNormal, LimitPart::kHard>("client-output-buffer-limit-normal-hard-limit", "0"),
    LimitRow<OutputClass::kNormal, LimitPart::kSoft>("client-output-buffer-limit-normal-soft-limit", "0"),
    LimitRow<OutputClass::kNormal, LimitPart::kSeconds>("client-output-buffer-limit-normal-soft-seconds", "0"),
    LimitRow<OutputClass::kPubsub, LimitPart::kHard>("client-output-buffer-limit-pubsub-hard-limit", "33554432"),
    LimitRow<OutputClass::kPubsub, LimitPart::kSoft>("client-output-buffer-limit-pubsub-soft-limit", "8388608"),
    LimitRow<OutputClass::kPubsub, LimitPart::kSeconds>("client-output-buffer-limit-pubsub-soft-seconds", "60"),
    LimitRow<OutputClass::kReplica, LimitPart::kHard>("client-output-buffer-limit-replica-hard-limit", "268435456")
        .NewerAlias("client-output-buffer-limit-slave-hard-limit"),
    LimitRow<OutputClass::kReplica, LimitPart::kSoft>("client-output-buffer-limit-replica-soft-limit", "67108864")
        .NewerAlias("client-output-buffer-limit-slave-soft-limit"),
    LimitRow<OutputClass::kReplica, LimitPart::kSeconds>("client-output-buffer-limit-replica-soft-seconds", "60")
        .NewerAlias("client-output-buffer-limit-slave-soft-seconds"),

    Bool<&Config::close_on_replica_write>("close-on-replica-write", "yes")
        .NewerAlias("close-on-slave-write")
        .Flags(kKept)
        .Of(Feature::kReplication),
    Bool<&Config::replica_allow_chaining>("replica-allow-chaining", "no")
        .NewerAlias("slave-allow-chaining")
        .Flags(kKept)
        .Of(Feature::kReplication),
    Bool<&Config::lua_replicate_commands>("lua-replicate-commands", "yes").Flags(kKept).Of(Feature::kReplication),
    Bool<&Config::extended_redis_compatibility>("extended-redis-compatibility", "yes").Flags(kKept),
    Integer<&Config::list_max_ziplist_entries>("list-max-ziplist-entries", "512", {0, kInt64Max})
        .Flags(kKept)
        .In(Unit::kItems)
        .Of(Feature::kOldLists),
    Integer<&Config::list_max_ziplist_value>("list-max-ziplist-value", "64", {0, kInt64Max})
        .Flags(kKept)
        .In(Unit::kBytes)
        .Of(Feature::kOldLists),
    Integer<&Config::cluster_databases>("cluster-databases", "0", {0, 10000}).Flags(kKept).Of(Feature::kCluster),
    Integer<&Config::search_default_timeout_ms>("search-default-timeout-ms", "50000", {1, 60000})
        .Flags(kKept)
        .In(Unit::kMilliseconds)
        .Of(Feature::kModules),
    Bool<&Config::search_enable_partial_results>("search-enable-partial-results", "yes")
        .Flags(kKept)
        .Of(Feature::kModules),
    Text<&Config::search_fanout_target_mode>("search-fanout-target-mode", "client")
        .Flags(kKept)
        .Of(Feature::kModules)
        .RefusedBy(RefuseFanout),
};

}  // namespace

std::span<const OptionSpec> ParameterOptionRows() { return kRows; }

}  // namespace cachenode
