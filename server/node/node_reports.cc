#include "server/node/node_reports.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "server/config/command_line.h"
#include "server/config/node_type.h"
#include "server/config/parameter_group.h"
#include "server/config/parameter_json.h"
#include "storage/base/blanks.h"

namespace cachenode {
namespace {

constexpr double kGib = 1024.0 * 1024 * 1024;
constexpr std::string_view kParametersUsage =
    "Usage: cachenode parameters --family NAME [--json]\n"
    "       cachenode parameters --parameter-group FILE|NAME [--json]\n";

Report Failed(std::string text) { return {std::move(text), true}; }

struct ParametersRequest {
  std::string family;
  std::string group;
  bool json = false;
  bool is_valid = true;
};

ParametersRequest ParseRequest(std::span<const std::string> arguments) {
  ParametersRequest request;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const bool has_value = i + 1 < arguments.size();
    if (arguments[i] == "--json") {
      request.json = true;
    } else if (arguments[i] == "--family" && has_value) {
      request.family = arguments[++i];
    } else if (arguments[i] == "--parameter-group" && has_value) {
      request.group = arguments[++i];
    } else {
      request.is_valid = false;
    }
  }
  request.is_valid = request.is_valid && request.family.empty() != request.group.empty();
  return request;
}

std::string ParametersTable(const ParameterGroup& group) {
  std::string text;
  const auto row = [&text](auto... cells) {
    fmt::format_to(std::back_inserter(text), "{:<46} {:<12} {:<26} {:<10} {:<15} {:<6} {}\n", cells...);
  };
  row("name", "value", "allowed", "modifiable", "change", "source", "engine");
  for (const Parameter* parameter : ParametersOf(group.family)) {
    const std::string value = parameter->is_by_node_type ? "(node type)" : group.ValueOf(*parameter);
    row(parameter->name, value.empty() ? "\"\"" : value, parameter->values.empty() ? "any" : parameter->values,
        parameter->is_modifiable ? "yes" : "no", parameter->is_at_reboot ? "requires-reboot" : "immediate",
        group.Changes(*parameter) ? "user" : "system", parameter->engine);
  }
  return text;
}

// Whether the text is a parameter group rather than a configuration: it begins with its family, or is JSON.
bool LooksLikeGroup(std::string_view text) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = TrimBlanks(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line[0] == '#') continue;
    return line.starts_with("family ") || line.starts_with("description ") || line.starts_with('{');
  }
  return false;
}

Report CheckGroup(const std::string& file) {
  const EngineVersion engine;
  GroupOutcome outcome = ReadParameterGroup(file, engine);
  if (!outcome.error) {
    const Config defaults = DefaultConfig(DetectMachine());
    Config config = defaults;
    outcome.error = ApplyParameterGroup(*outcome.group, defaults, config);
  }
  if (outcome.error) return Failed(outcome.error->Report(engine.RedisVersionText()));
  std::string text;
  for (const std::string& warning : outcome.group->warnings) text.append(warning).append("\n");
  return {text + fmt::format("{}: a valid parameter group of family {}\n", file,
                             ParameterFamilies()[outcome.group->family]),
          false};
}

}  // namespace

Report NodeTypesReport(std::span<const std::string> arguments) {
  if (!arguments.empty()) return Failed("Usage: cachenode node-types\n");
  const uint64_t machine = DetectMachine().memory_bytes;
  std::string text =
      fmt::format("{:<19} {:<10} {:>5} {:>10} {:>15} {:>15}  {:<7} {:<7} {}\n", "type", "generation", "vCPUs",
                  "memory GiB", "memory bytes", "replica buffer", "engine", "backups", "fits here");
  for (const NodeType& type : NodeTypes()) {
    if (type.memory_bytes == 0) {
      fmt::format_to(std::back_inserter(text), "{:<19} {:<10} {:>5} {:>10} {:>15} {:>15}  {:<7} {:<7} {}\n", type.name,
                     "-", "any", "maxmemory", "maxmemory", "any", "any", "yes", "yes");
      continue;
    }
    fmt::format_to(std::back_inserter(text), "{:<19} {:<10} {:>5} {:>10.2f} {:>15} {:>15}  {:<7} {:<7} {}\n", type.name,
                   type.generation, type.vcpus, static_cast<double>(type.memory_bytes) / kGib, type.memory_bytes,
                   type.replica_buffer_bytes, type.engine == "-" ? "any" : type.engine, type.backups ? "yes" : "no",
                   machine == 0 || type.memory_bytes <= machine ? "yes" : "no");
  }
  return {std::move(text), false};
}

Report ParametersReport(std::span<const std::string> arguments) {
  const ParametersRequest request = ParseRequest(arguments);
  if (!request.is_valid) return Failed(std::string(kParametersUsage));
  ParameterGroup group;
  if (!request.family.empty()) {
    const std::optional<FamilyIndex> family = FindFamily(request.family);
    if (!family) {
      return Failed(
          fmt::format("There is no family '{}'; allowed: {}\n", request.family, fmt::join(ParameterFamilies(), ", ")));
    }
    group = DefaultParameterGroup(*family);
  } else {
    GroupOutcome outcome = ReadParameterGroup(request.group, EngineVersion());
    if (outcome.error) return Failed(outcome.error->Report(EngineVersion().RedisVersionText()));
    group = *std::move(outcome.group);
  }
  return {request.json ? ParametersJson(group) : ParametersTable(group), false};
}

Report CheckConfigReport(std::span<const std::string> arguments) {
  if (arguments.empty() || arguments[0].starts_with('-')) {
    return Failed("Usage: cachenode check-config FILE [--directive value ...]\n");
  }
  const Result<std::string> bytes = ReadConfigBytes(arguments[0]);
  if (bytes && LooksLikeGroup(*bytes)) return CheckGroup(arguments[0]);
  const LaunchConfig launch =
      ReadLaunchConfig(ParseCommandLine(std::vector<std::string>(arguments.begin(), arguments.end())));
  if (!launch.failure.empty()) return Failed(launch.failure);
  std::string text;
  for (const std::string& warning : launch.loaded->warnings) text.append(warning).append("\n");
  return {text + arguments[0] + ": a valid configuration\n", false};
}

}  // namespace cachenode
