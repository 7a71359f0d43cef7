#include "server/config/parameter_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "server/config/embedded_rows.h"
#include "server/config/nearest_name.h"
#include "storage/base/bytes.h"
#include "storage/base/numbers.h"

namespace cachenode {
namespace {

constexpr std::string_view kFamilies[] = {"redis2.6", "redis2.8", "redis3.2", "redis4.0", "redis5.0",
                                          "redis6.x", "redis7",   "valkey7",  "valkey8",  "valkey9"};
constexpr std::string_view kByNodeType = "(node type)";
constexpr std::string_view kNothing = "-";
[[maybe_unused]] constexpr size_t kColumns = 10;  // Asserted only.

struct EngineFamilyRow {
  int major;
  int minor;
  std::string_view family;
};
// The last row an engine is not older than is its own.
constexpr EngineFamilyRow kRedisRows[] = {{2, 8, "redis2.8"}, {3, 2, "redis3.2"}, {4, 0, "redis4.0"},
                                          {5, 0, "redis5.0"}, {6, 0, "redis6.x"}, {7, 0, "redis7"}};
constexpr EngineFamilyRow kValkeyRows[] = {{7, 2, "valkey7"}, {8, 0, "valkey8"}, {9, 0, "valkey9"}};

FamilyIndex IndexOf(std::string_view family) {
  const std::optional<FamilyIndex> found = FindFamily(family);
  assert(found && "conf/parameters.tsv names a family that is not there");
  return found.value_or(0);
}

std::vector<Parameter> ReadParameters() {
  std::vector<Parameter> parameters;
  for (const std::vector<std::string_view>& row : EmbeddedRows("parameters.tsv")) {
    assert(row.size() == kColumns);
    const auto text = [&row](size_t column) { return row[column] == kNothing ? std::string_view() : row[column]; };
    Parameter parameter;
    parameter.name = row[0];
    parameter.first = IndexOf(row[1]);
    parameter.last = IndexOf(row[2]);
    parameter.type = row[3];
    parameter.values = text(4);
    parameter.default_text = text(5);
    parameter.is_by_node_type = parameter.default_text == kByNodeType;
    if (parameter.is_by_node_type) parameter.default_text = {};
    parameter.is_modifiable = row[6] == "yes";
    parameter.is_at_reboot = row[7] == "requires-reboot";
    parameter.engine = row[8];
    parameter.description = row[9];
    parameters.push_back(parameter);
  }
  return parameters;
}

// Constant once built: an index over constant data, not state.
const std::vector<Parameter>& Parameters() {
  static const std::vector<Parameter> parameters = ReadParameters();
  return parameters;
}

// Cuts the next of the permitted values off `values`.
std::string_view TakeValue(std::string_view& values) {
  const size_t comma = std::min(values.find(','), values.size());
  const std::string_view value = values.substr(0, comma);
  values.remove_prefix(std::min(comma + 1, values.size()));
  return value;
}

// Whether `number` is `item`: "5", "1-100", "0-", "-1-".
bool NumberFits(std::string_view item, int64_t number) {
  const size_t dash = item.find('-', 1);
  int64_t low = 0;
  if (!TryParseInt64(item.substr(0, dash), low)) return false;
  if (dash == std::string_view::npos) return number == low;
  int64_t high = 0;
  const bool is_open = dash + 1 == item.size();
  return number >= low && (is_open || (TryParseInt64(item.substr(dash + 1), high) && number <= high));
}

}  // namespace

std::span<const std::string_view> ParameterFamilies() { return kFamilies; }

std::optional<FamilyIndex> FindFamily(std::string_view name) {
  const auto* found = std::ranges::find(kFamilies, name);
  if (found == std::end(kFamilies)) return std::nullopt;
  return static_cast<FamilyIndex>(found - std::begin(kFamilies));
}

FamilyIndex FamilyOf(const EngineVersion& engine) {
  const bool is_valkey = engine.family() == EngineFamily::kValkey;
  std::string_view family = is_valkey ? kValkeyRows[0].family : kRedisRows[0].family;
  if (is_valkey) {
    for (const EngineFamilyRow& row : kValkeyRows) {
      if (engine.AtLeastValkey(row.major, row.minor)) family = row.family;
    }
  } else {
    for (const EngineFamilyRow& row : kRedisRows) {
      if (engine.AtLeast(row.major, row.minor)) family = row.family;
    }
  }
  return IndexOf(family);
}

bool FamilySuits(FamilyIndex family, const EngineVersion& engine) {
  const FamilyIndex own = FamilyOf(engine);
  return family == own || (family == 0 && own == 1);
}

std::vector<const Parameter*> ParametersOf(FamilyIndex family) {
  std::vector<const Parameter*> found;
  for (const Parameter& parameter : Parameters()) {
    if (family >= parameter.first && family <= parameter.last) found.push_back(&parameter);
  }
  return found;
}

const Parameter* FindParameter(FamilyIndex family, std::string_view name) {
  for (const Parameter* parameter : ParametersOf(family)) {
    if (EqualsIgnoreCase(parameter->name, name)) return parameter;
  }
  return nullptr;
}

const Parameter* ParameterOfOption(FamilyIndex family, const OptionSpec& option) {
  if (const Parameter* parameter = FindParameter(family, option.name)) return parameter;
  for (const std::string_view alias : option.aliases) {
    const Parameter* parameter = alias.empty() ? nullptr : FindParameter(family, alias);
    if (parameter != nullptr) return parameter;
  }
  return nullptr;
}

std::string_view NearestParameterName(FamilyIndex family, std::string_view name) {
  std::vector<std::string_view> names;
  for (const Parameter* parameter : ParametersOf(family)) names.push_back(parameter->name);
  return NearestName(name, names);
}

bool IsPermitted(const Parameter& parameter, std::string_view value) {
  if (parameter.values.empty()) return true;
  int64_t number = 0;
  const bool is_integer = parameter.type == "integer";
  if (is_integer && !TryParseInt64(value, number)) return false;
  for (std::string_view values = parameter.values; !values.empty();) {
    const std::string_view item = TakeValue(values);
    if (is_integer ? NumberFits(item, number) : EqualsIgnoreCase(item, value)) return true;
  }
  return false;
}

std::string PermittedText(const Parameter& parameter) {
  if (parameter.values.empty()) return {};
  std::string text = parameter.type == "integer" ? "allowed: a number of " : "allowed: ";
  bool is_first = true;
  for (std::string_view values = parameter.values; !values.empty();) {
    const std::string_view item = TakeValue(values);
    if (!is_first) text.append(", ");
    is_first = false;
    const size_t dash = item.find('-', 1);
    if (parameter.type != "integer" || dash == std::string_view::npos) {
      text.append(item);
    } else if (dash + 1 == item.size()) {
      text.append(item.substr(0, dash)).append(" or more");
    } else {
      text.append(item.substr(0, dash)).append(" to ").append(item.substr(dash + 1));
    }
  }
  return text;
}

}  // namespace cachenode
