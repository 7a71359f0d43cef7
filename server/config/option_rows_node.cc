// Rows of the option table: what this node is, in the words of a managed cache service.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "server/config/config.h"
#include "server/config/embedded_conf.h"
#include "server/config/maintenance_window.h"
#include "server/config/node_type.h"
#include "server/config/option_enums.h"
#include "server/config/option_row.h"
#include "server/config/renamed_commands.h"
#include "server/config/service_name.h"
#include "storage/base/bytes.h"

namespace cachenode {
namespace {

constexpr size_t kClusterIdBytesMax = 50;
constexpr size_t kLabelBytesMax = 255;

Status Reason(std::string text) { return Status::WithText(Err::kConfig, std::move(text)); }

// --- cluster-id ---

Status ParseClusterId(Config& config, std::span<const std::string> words, bool) {
  if (words.size() != 1) return Reason("wrong number of arguments");
  std::string problem = ServiceNameProblem(words[0], kClusterIdBytesMax);
  if (!problem.empty()) return Reason(std::move(problem));
  config.cluster_id = LowerCased(words[0]);
  return Status::Ok();
}

std::string FormatClusterId(const Config& config) { return config.cluster_id; }

const SpecialOption kClusterId{ParseClusterId, FormatClusterId};

// --- num-cache-nodes ---

Status ParseNodeCount(Config& config, std::span<const std::string> words, bool) {
  if (words.size() != 1 || words[0] != "1") {
    return Reason("argument must be 1: a cluster of this engine is one node; replicas would be nodes of their own");
  }
  config.num_cache_nodes = 1;
  return Status::Ok();
}

std::string FormatNodeCount(const Config& config) { return std::to_string(config.num_cache_nodes); }

const SpecialOption kNodeCount{ParseNodeCount, FormatNodeCount};

// --- security-group ---

Status ParseSecurityGroups(Config& config, std::span<const std::string> words, bool add) {
  SecurityGroups groups;
  if (words.size() == 1 && words[0].empty()) {
    config.security_groups = {};
    return Status::Ok();
  }
  if (add) groups = config.security_groups;
  std::string problem = groups.Add(words);
  if (!problem.empty()) return Reason(std::move(problem));
  config.security_groups = std::move(groups);
  return Status::Ok();
}

std::vector<std::string> SecurityGroupLines(const Config& config, const Config&) {
  return config.security_groups.texts();
}

std::string FormatSecurityGroups(const Config& config) {
  return fmt::format("{}", fmt::join(config.security_groups.texts(), " "));
}

const SpecialOption kSecurityGroup{ParseSecurityGroups, FormatSecurityGroups, SecurityGroupLines};

// --- cache-node-type ---

Status ParseNodeType(Config& config, std::span<const std::string> words, bool) {
  if (words.size() != 1) return Reason("wrong number of arguments");
  const NodeType* type = FindNodeType(words[0]);
  if (type == nullptr) return Reason(UnknownNodeTypeText(words[0]));
  config.cache_node_type = type->name;
  return Status::Ok();
}

std::string FormatNodeType(const Config& config) { return config.cache_node_type; }

const SpecialOption kCacheNodeType{ParseNodeType, FormatNodeType};

// --- parameter-group ---

// Kept as an absolute path, since the node changes its directory.
Status ParseGroupName(Config& config, std::span<const std::string> words, bool) {
  if (words.size() != 1) return Reason("wrong number of arguments");
  const bool is_file = !words[0].empty() && FindEmbeddedFile("parameter-groups/" + words[0] + ".conf").empty();
  config.parameter_group = is_file ? std::filesystem::absolute(words[0]).lexically_normal().string() : words[0];
  return Status::Ok();
}

std::string FormatGroupName(const Config& config) { return config.parameter_group; }

const SpecialOption kParameterGroup{ParseGroupName, FormatGroupName};

// --- Texts ---

std::string RefuseRenames(std::string_view value) {
  std::vector<CommandRename> renames;
  return ParseCommandRenames(value, renames);
}

std::string RefuseWindow(std::string_view value) {
  MaintenanceWindow window;
  return value.empty() ? std::string() : MaintenanceWindow::Parse(value, window);
}

// A label stands in one line of INFO.
std::string RefuseLabel(std::string_view value) {
  if (value.size() > kLabelBytesMax) return fmt::format("argument must be at most {} bytes", kLabelBytesMax);
  const bool is_line = std::ranges::all_of(value, [](char c) { return c >= ' ' && c != '\x7f'; });
  return is_line ? "" : "argument must be one line of printable characters";
}

// arn:aws:sns:REGION:ACCOUNT:NAME
std::string RefuseTopicArn(std::string_view value) {
  if (value.empty()) return {};
  constexpr size_t kFields = 6;
  std::vector<std::string_view> fields;
  for (std::string_view rest = value;;) {
    const size_t colon = rest.find(':');
    fields.push_back(rest.substr(0, colon));
    if (colon == std::string_view::npos) break;
    rest.remove_prefix(colon + 1);
  }
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const bool valid = fields.size() == kFields && fields[0] == "arn" && fields[1].starts_with("aws") &&
                     fields[2] == "sns" && !fields[3].empty() && fields[4].size() == 12 &&
                     std::ranges::all_of(fields[4], is_digit) && !fields[5].empty() && RefuseLabel(value).empty();
  return valid ? "" : "argument must be a topic such as arn:aws:sns:us-east-1:123456789012:my-topic";
}

constexpr OptionSpec kRows[] = {
    Special("cluster-id", "cachenode", kClusterId).Flags(kOptionImmutable | kOptionOurs),
    Special("num-cache-nodes", "1", kNodeCount).Flags(kOptionImmutable | kOptionOurs),
    Bool<&Config::auto_minor_version_upgrade>("auto-minor-version-upgrade", "no").Flags(kOptionOurs),
    Text<&Config::preferred_zone>("preferred-zone", "").Flags(kOptionImmutable | kOptionOurs).RefusedBy(RefuseLabel),
    Text<&Config::subnet_group>("subnet-group", "").Flags(kOptionImmutable | kOptionOurs).RefusedBy(RefuseLabel),
    Text<&Config::vpc>("vpc", "").Flags(kOptionImmutable | kOptionOurs).RefusedBy(RefuseLabel),
    Special("security-group", "", kSecurityGroup).Flags(kOptionManyWords | kOptionOurs),
    Special("cache-node-type", "custom", kCacheNodeType).Flags(kOptionImmutable | kOptionAtReboot | kOptionOurs),
    Memory<&Config::reserved_memory>("reserved-memory", "0", {0, kInt64Max})
        .Flags(kOptionOurs)
        .Applies(ApplyGroup::kMemoryLimit),
    Integer<&Config::reserved_memory_percent>("reserved-memory-percent", "0", {0, 100})
        .Flags(kOptionOurs)
        .In(Unit::kPercent)
        .Applies(ApplyGroup::kMemoryLimit),
    Special("parameter-group", "", kParameterGroup).Flags(kOptionImmutable | kOptionAtReboot | kOptionOurs),
    Text<&Config::rename_commands>("rename-commands", "none")
        .Flags(kOptionImmutable | kOptionAtReboot | kOptionOurs | kOptionHidden)
        .RefusedBy(RefuseRenames),
    Enum<&Config::managed_mode>("managed-mode", "no", kManagedModeNames).Flags(kOptionImmutable | kOptionOurs),
    Text<&Config::preferred_maintenance_window>("preferred-maintenance-window", "")
        .NewerAlias("maintenance-window")
        .Flags(kOptionOurs)
        .Applies(ApplyGroup::kSnapshotSchedule)
        .RefusedBy(RefuseWindow),
    Bool<&Config::apply_immediately>("apply-immediately", "no").Flags(kOptionOurs),
    Text<&Config::notification_topic_arn>("notification-topic-arn", "").Flags(kOptionOurs).RefusedBy(RefuseTopicArn),
};

}  // namespace

std::span<const OptionSpec> NodeOptionRows() { return kRows; }

}  // namespace cachenode
