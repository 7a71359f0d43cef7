#include "server/config/parameter_group.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "server/config/embedded_conf.h"
#include "server/config/option_value.h"
#include "server/config/parameter_json.h"
#include "storage/base/blanks.h"
#include "storage/base/bytes.h"
#include "storage/base/quoting.h"

namespace cachenode {
namespace {

constexpr std::string_view kFolder = "parameter-groups/";
constexpr std::string_view kSuffix = ".conf";

std::string FamiliesText() { return fmt::format("{}", fmt::join(ParameterFamilies(), ", ")); }

// Reads the lines of one group.
class GroupReader {
 public:
  explicit GroupReader(const std::string& label) { group_.name = label; }

  GroupOutcome Run(std::string_view text) {
    size_t number = 0;
    while (!text.empty() && !error_) {
      const size_t end = std::min(text.find('\n'), text.size());
      const std::string_view line = TrimBlanks(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
      ++number;
      if (line.empty() || line[0] == '#') continue;
      place_ = {group_.name, number, std::string(line), {}, {}};
      ReadLine(line);
    }
    if (!error_ && !has_family_) {
      place_ = {group_.name, 0, {}, {}, {}};
      Fail("the group names no family: its first line is 'family NAME'", "allowed: " + FamiliesText());
    }
    if (error_) return {std::nullopt, std::move(error_)};
    return {std::move(group_), std::nullopt};
  }

 private:
  void ReadLine(std::string_view line) {
    std::vector<std::string> words;
    if (!SplitQuotedWords(line, words)) return Fail("Unbalanced quotes in configuration line");
    if (words.size() < 2) return Fail("a line is a parameter's name and its value");
    const std::string name = LowerCased(words[0]);
    if (name == "family") return ReadFamily(words);
    if (name == "description") return;
    if (!has_family_) return Fail("the line 'family NAME' comes before the parameters", "allowed: " + FamiliesText());
    std::string value = words[1];
    for (size_t i = 2; i < words.size(); ++i) value.append(" ").append(words[i]);
    ReadParameter(name, std::move(value));
  }

  void ReadFamily(const std::vector<std::string>& words) {
    const std::optional<FamilyIndex> family = FindFamily(words[1]);
    if (has_family_) return Fail("a group has one family");
    if (!family || words.size() != 2) return Fail("there is no such family", "allowed: " + FamiliesText());
    group_.family = *family;
    has_family_ = true;
  }

  void ReadParameter(const std::string& name, std::string value) {
    const Parameter* parameter = FindParameter(group_.family, name);
    if (parameter == nullptr) return FailUnknown(name);
    const bool is_known = std::ranges::any_of(
        group_.entries, [parameter](const ParameterGroup::Entry& entry) { return entry.parameter == parameter; });
    if (is_known) return Fail("the parameter stands in the group twice");
    if (!parameter->is_modifiable && value != parameter->default_text) return FailFixed(*parameter);
    if (value != parameter->default_text && !IsPermitted(*parameter, value)) {
      return Fail(fmt::format("'{}' is no value of this parameter", value), PermittedText(*parameter));
    }
    group_.entries.push_back({parameter, std::move(value), place_});
  }

  void FailUnknown(const std::string& name) {
    const std::string_view family = ParameterFamilies()[group_.family];
    if (FindOption(name) != nullptr) {
      return Fail(fmt::format("'{}' is an option of this server, but no parameter of family {}", name, family),
                  "put it into the configuration file");
    }
    const std::string_view nearest = NearestParameterName(group_.family, name);
    Fail(fmt::format("family {} has no parameter '{}'", family, name),
         nearest.empty() ? fmt::format("'cachenode parameters --family {}' lists them", family)
                         : fmt::format("did you mean '{}'?", nearest));
  }

  void FailFixed(const Parameter& parameter) {
    Fail("the parameter cannot be modified", parameter.is_by_node_type
                                                 ? std::string("its value comes from cache-node-type")
                                                 : fmt::format("its value is '{}'", parameter.default_text));
  }

  void Fail(std::string reason, std::string hint = {}) {
    error_ = place_;
    error_->reason = std::move(reason);
    error_->hint = std::move(hint);
  }

  ParameterGroup group_;
  bool has_family_ = false;
  ConfigError place_;
  std::optional<ConfigError> error_;
};

GroupOutcome NoSuchGroup(const std::string& name, std::string_view why) {
  ConfigError error;
  error.label = name;
  error.reason = fmt::format("there is no parameter group '{}': {}", name, why);
  std::string names;
  for (const std::string_view family : ParameterFamilies()) {
    names.append(names.empty() ? "default." : ", default.").append(family);
  }
  error.hint = "allowed: the path of a file, " + names;
  return {std::nullopt, std::move(error)};
}

ConfigError At(const ParameterGroup::Entry& entry, std::string reason, std::string hint = {}) {
  ConfigError error = entry.place;
  error.reason = std::move(reason);
  error.hint = std::move(hint);
  return error;
}

// Puts one value into its option. The reason why not, or empty.
std::string SetParameter(const Parameter& parameter, const std::string& value, Config& config) {
  const OptionSpec* option = FindOption(parameter.name);
  if (option == nullptr) return "the server has no option of that name";
  return std::string(ParseOption(*option, config, ValueWords(*option, value), false).text());
}

}  // namespace

std::string ParameterGroup::ValueOf(const Parameter& parameter) const {
  const auto entry = std::ranges::find(entries, &parameter, &Entry::parameter);
  return entry != entries.end() ? entry->value : std::string(parameter.default_text);
}

bool ParameterGroup::Changes(const Parameter& parameter) const {
  return !is_read_only && ValueOf(parameter) != parameter.default_text;
}

GroupOutcome ParseParameterGroup(const std::string& label, std::string_view text, const EngineVersion& engine) {
  if (TrimBlanks(text).starts_with('{')) return ParseParameterJson(label, text, FamilyOf(engine));
  return GroupReader(label).Run(text);
}

GroupOutcome ReadParameterGroup(const std::string& name, const EngineVersion& engine) {
  std::string path(kFolder);
  path.append(name).append(kSuffix);
  const std::string_view embedded = FindEmbeddedFile(path);
  if (!embedded.empty()) {
    GroupOutcome outcome = GroupReader(name).Run(embedded);
    if (outcome.group) outcome.group->is_read_only = true;
    return outcome;
  }
  const Result<std::string> bytes = ReadConfigBytes(name);
  if (!bytes) return NoSuchGroup(name, bytes.status().text());
  if (bytes->size() > kConfigBytesMax) return NoSuchGroup(name, "the file is too long");
  return ParseParameterGroup(name, *bytes, engine);
}

ParameterGroup DefaultParameterGroup(FamilyIndex family) {
  ParameterGroup group;
  group.name = fmt::format("default.{}", ParameterFamilies()[family]);
  group.family = family;
  group.is_read_only = true;
  return group;
}

std::optional<ConfigError> ApplyParameterGroup(const ParameterGroup& group, const Config& engine_defaults,
                                               Config& config) {
  for (const Parameter* parameter : ParametersOf(group.family)) {
    if (parameter->is_by_node_type) continue;
    const std::string reason = SetParameter(*parameter, std::string(parameter->default_text), config);
    if (!reason.empty()) return ConfigError{group.name, 0, std::string(parameter->name), reason, {}};
  }
  for (const ParameterGroup::Entry& entry : group.entries) {
    if (entry.parameter->is_by_node_type) continue;
    std::string reason = SetParameter(*entry.parameter, entry.value, config);
    const OptionSpec* option = FindOption(entry.parameter->name);
    if (!reason.empty()) return At(entry, std::move(reason), AllowedValues(*option));
    reason = RefusedByFeature(*option, config, engine_defaults);
    if (!reason.empty()) return At(entry, std::move(reason));
  }
  return std::nullopt;
}

}  // namespace cachenode
