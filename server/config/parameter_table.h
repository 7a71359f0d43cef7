// The parameters of each family of parameter groups (conf/parameters.tsv): which values they take, which of them a
// group may change, and when a change acts.
//
// Thread-safety: constant data; the functions are pure.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/engine_version.h"
#include "server/config/option_table.h"

namespace cachenode {

// A family by its place in ParameterFamilies().
using FamilyIndex = size_t;

struct Parameter {
  std::string_view name;
  FamilyIndex first = 0;  // Of the families the row holds for.
  FamilyIndex last = 0;
  std::string_view type;    // "integer", "string"
  std::string_view values;  // "yes,no", "0-", "0,20-"; empty: any text.
  std::string_view default_text;
  bool is_by_node_type = false;  // The default comes from the node's type.
  bool is_modifiable = false;
  bool is_at_reboot = false;
  std::string_view engine;  // The first engine version that has it.
  std::string_view description;
};

// "redis2.6" to "valkey9", in their order.
std::span<const std::string_view> ParameterFamilies();
std::optional<FamilyIndex> FindFamily(std::string_view name);
// The family of a node that stands in for `engine`.
FamilyIndex FamilyOf(const EngineVersion& engine);
// Whether a group of `family` suits a node that stands in for `engine`. redis2.6, older than any engine here, goes with
// the oldest.
bool FamilySuits(FamilyIndex family, const EngineVersion& engine);

// In the order of their names.
std::vector<const Parameter*> ParametersOf(FamilyIndex family);
// By name, in any letter case. Null when the family has none.
const Parameter* FindParameter(FamilyIndex family, std::string_view name);
// The parameter that sets `option`, under whichever of its names the family knows it. Null when there is none.
const Parameter* ParameterOfOption(FamilyIndex family, const OptionSpec& option);
std::string_view NearestParameterName(FamilyIndex family, std::string_view name);

// Whether `value` is one of the permitted ones.
bool IsPermitted(const Parameter& parameter, std::string_view value);
// "allowed: yes, no"; empty when anything is.
std::string PermittedText(const Parameter& parameter);

}  // namespace cachenode
