// What a parameter group and a node type decide before a configuration's own lines: a layer between the defaults of the
// engine and the lines of files and command line.
//
// Thread-safety: pure but for reading the group's file.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/config_file.h"
#include "server/config/parameter_group.h"

namespace cachenode {

// Where the last line of an option stood, for error reports.
using PlaceOfOption = std::function<ConfigError(std::string_view option)>;

struct NodeLayers {
  Config defaults;                   // Of the engine, as the group and the type change them.
  Config start;                      // The same over what the built-in configuration says.
  std::optional<ActiveGroup> group;  // None without parameter-group.
  std::vector<std::string> warnings;
  std::optional<ConfigError> error;
};

// Whether `asked` needs any of it.
[[nodiscard]] bool NeedsLayers(const Config& asked);

// `asked`: what the lines say without the layer; `builtin`: what the built-in configuration alone says.
NodeLayers MakeNodeLayers(const Config& asked, const Config& engine_defaults, const Config& builtin,
                          const PlaceOfOption& place_of);

// Last step, when the lines have been read over the layer: sizes by the node's type, the cap on workers, and what the
// machine cannot give.
std::optional<ConfigError> FinishNodeLayers(LoadedConfig& loaded, const MachineFacts& machine,
                                            const PlaceOfOption& place_of);

}  // namespace cachenode
