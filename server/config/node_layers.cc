#include "server/config/node_layers.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "server/config/node_type.h"
#include "server/config/option_value.h"
#include "storage/base/numbers.h"

namespace cachenode {
namespace {

ConfigError At(ConfigError place, std::string reason, std::string hint = {}) {
  place.reason = std::move(reason);
  place.hint = std::move(hint);
  return place;
}

// The per cent a node of a type reserves when nobody says how much.
int64_t ReservedPercentOf(FamilyIndex family) {
  const Parameter* parameter = FindParameter(family, "reserved-memory-percent");
  int64_t percent = 0;
  if (parameter != nullptr) static_cast<void>(TryParseInt64(parameter->default_text, percent));
  return percent;
}

void AddGroup(const Config& asked, const Config& engine_defaults, const PlaceOfOption& place_of, NodeLayers& layers) {
  GroupOutcome outcome = ReadParameterGroup(asked.parameter_group, asked.engine_version);
  if (outcome.error) {
    layers.error = std::move(outcome.error);
    return;
  }
  const ParameterGroup& group = *outcome.group;
  const std::string_view family = ParameterFamilies()[group.family];
  if (!FamilySuits(group.family, asked.engine_version)) {
    layers.error = At(place_of("parameter-group"),
                      fmt::format("the group is of family {}, engine-version {} takes {}", family,
                                  asked.engine_version.Text(), ParameterFamilies()[FamilyOf(asked.engine_version)]),
                      "give the engine-version the group was made for, or another group");
    return;
  }
  for (Config* config : {&layers.defaults, &layers.start}) {
    layers.error = ApplyParameterGroup(group, engine_defaults, *config);
    if (layers.error) return;
  }
  for (const ParameterGroup::Entry& entry : group.entries) {
    const OptionSpec* option = FindOption(entry.parameter->name);
    if (option == nullptr || FeatureIsBuilt(option->feature) || entry.value == entry.parameter->default_text) continue;
    layers.warnings.push_back(fmt::format("'{}' at line {} of {} has no effect: {} is not built into this server yet",
                                          entry.parameter->name, entry.place.line, entry.place.label,
                                          FeatureName(option->feature)));
  }
  layers.warnings.insert(layers.warnings.end(), group.warnings.begin(), group.warnings.end());
  layers.group = ActiveGroup{group.name, group.family, group.is_read_only};
}

}  // namespace

bool NeedsLayers(const Config& asked) {
  return !asked.parameter_group.empty() || asked.cache_node_type != kCustomNodeType || asked.reserved_memory != 0 ||
         asked.reserved_memory_percent != 0;
}

NodeLayers MakeNodeLayers(const Config& asked, const Config& engine_defaults, const Config& builtin,
                          const PlaceOfOption& place_of) {
  NodeLayers layers;
  layers.defaults = engine_defaults;
  layers.start = builtin;
  if (asked.parameter_group.empty()) {
    const int64_t percent = ReservedPercentOf(FamilyOf(asked.engine_version));
    layers.defaults.reserved_memory_percent = layers.start.reserved_memory_percent = percent;
  } else {
    AddGroup(asked, engine_defaults, place_of, layers);
  }
  const int64_t vcpus = NodeTypeOf(asked).vcpus;
  for (Config* config : {&layers.defaults, &layers.start}) {
    if (vcpus != 0) config->io_threads = std::min(config->io_threads, vcpus);
  }
  return layers;
}

std::optional<ConfigError> FinishNodeLayers(LoadedConfig& loaded, const MachineFacts& machine,
                                            const PlaceOfOption& place_of) {
  Config& config = loaded.config;
  const int64_t family_percent = ReservedPercentOf(FamilyOf(config.engine_version));
  if (config.reserved_memory != 0 && config.reserved_memory_percent != family_percent &&
      config.reserved_memory_percent != 0) {
    return At(place_of("reserved-memory"),
              "reserved-memory and reserved-memory-percent exclude each other: set one of them to 0");
  }
  const NodeType& type = NodeTypeOf(config);
  if (type.memory_bytes == 0) {
    const bool reserves =
        config.reserved_memory != 0 || config.reserved_memory_percent != loaded.defaults.reserved_memory_percent;
    if (reserves) {
      loaded.warnings.emplace_back(
          "The reserve has no effect without a cache-node-type: set maxmemory to what keys may use.");
    }
    return std::nullopt;
  }
  std::string problem = NodeTypeProblem(config, machine.memory_bytes);
  if (!problem.empty()) return At(place_of("cache-node-type"), std::move(problem));
  const ConfigError memory_place = place_of("maxmemory");
  const bool is_own = memory_place.line != 0 && config.maxmemory != 0;  // 0 only says that there is no other limit.
  if (is_own && config.maxmemory != NodeMemoryForKeys(config)) {
    return At(memory_place, fmt::format("maxmemory is fixed by cache-node-type {}", type.name),
              "set reserved-memory-percent, another type, or cache-node-type custom");
  }
  ApplyNodeType(config);
  loaded.defaults.maxmemory = config.maxmemory;  // What the type decides is never written to a file.
  loaded.defaults.client_output_buffer_limit[static_cast<size_t>(OutputClass::kReplica)] =
      config.client_output_buffer_limit[static_cast<size_t>(OutputClass::kReplica)];
  if (config.io_threads > type.vcpus) {
    loaded.warnings.push_back(fmt::format("io-threads {} is more than the {} vCPUs of {}: {} are used",
                                          config.io_threads, type.vcpus, type.name, type.vcpus));
    config.io_threads = type.vcpus;
  }
  return std::nullopt;
}

}  // namespace cachenode
