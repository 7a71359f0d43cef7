// A parameter group: named values for the parameters of one family. The default groups travel inside the binary and are
// read-only; others are files in redis.conf syntax, or the JSON that DescribeCacheParameters answers.
//
// Thread-safety: pure but for reading the file.
// Limits: a file is as long as a configuration may be (kConfigBytesMax).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/config_file.h"
#include "server/config/parameter_table.h"

namespace cachenode {

struct ParameterGroup {
  struct Entry {
    const Parameter* parameter = nullptr;
    std::string value;
    ConfigError place;  // Without a reason.
  };

  std::string name;
  FamilyIndex family = 0;
  bool is_read_only = false;
  std::vector<Entry> entries;  // What the group itself says; other parameters have the family's defaults.
  std::vector<std::string> warnings;

  // The value the group gives `parameter`; empty for one that comes from the node's type.
  [[nodiscard]] std::string ValueOf(const Parameter& parameter) const;
  // Whether that value is the group's own.
  [[nodiscard]] bool Changes(const Parameter& parameter) const;
};

// Exactly one of both is there.
struct GroupOutcome {
  std::optional<ParameterGroup> group;
  std::optional<ConfigError> error;
};

// The group called `name` ("default.redis7"), else the file of that path. `engine` says which family a JSON file, which
// names none, belongs to.
GroupOutcome ReadParameterGroup(const std::string& name, const EngineVersion& engine);
// A group from its text; `label` stands in errors.
GroupOutcome ParseParameterGroup(const std::string& label, std::string_view text, const EngineVersion& engine);
// The default group of a family.
ParameterGroup DefaultParameterGroup(FamilyIndex family);

// Puts the values of `group` into `config`. The error, if a value cannot be used by this server, whose own defaults are
// `engine_defaults`.
std::optional<ConfigError> ApplyParameterGroup(const ParameterGroup& group, const Config& engine_defaults,
                                               Config& config);

}  // namespace cachenode
