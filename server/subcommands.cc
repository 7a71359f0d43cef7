#include "server/subcommands.h"

#include <algorithm>
#include <cstdio>

#include "server/node/node_reports.h"
#include "server/node/snapshot_tool.h"

namespace cachenode {
namespace {

int Print(const Report& report) {
  std::fputs(report.text.c_str(), report.failed ? stderr : stdout);
  return report.failed ? 1 : 0;
}

int NodeTypes(std::span<const std::string> arguments) { return Print(NodeTypesReport(arguments)); }
int Parameters(std::span<const std::string> arguments) { return Print(ParametersReport(arguments)); }
int CheckConfig(std::span<const std::string> arguments) { return Print(CheckConfigReport(arguments)); }
int Snapshots(std::span<const std::string> arguments) { return RunSnapshotTool(arguments, stdout, stderr); }

constexpr Subcommand kSubcommands[] = {
    {"check-config", "FILE [--directive value ...]", "tells whether a configuration file or parameter group is valid",
     CheckConfig},
    {"--check-config", "FILE [--directive value ...]", "the same", CheckConfig},
    {"node-types", "", "lists the node types", NodeTypes},
    {"parameters", "--family NAME | --parameter-group FILE [--json]", "lists the parameters of a family or a group",
     Parameters},
    {"snapshot", "list|describe|check|create|copy|export|delete ...", "works on the named snapshots of a stopped node",
     Snapshots},
};

}  // namespace

std::span<const Subcommand> Subcommands() { return kSubcommands; }

std::optional<int> RunSubcommand(std::span<const std::string> arguments) {
  if (arguments.empty()) return std::nullopt;
  const auto* found = std::ranges::find(kSubcommands, std::string_view(arguments[0]), &Subcommand::name);
  if (found == std::end(kSubcommands)) return std::nullopt;
  return found->run(arguments.subspan(1));
}

}  // namespace cachenode
