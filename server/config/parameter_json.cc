#include "server/config/parameter_json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "server/config/node_type.h"

namespace cachenode {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kIndent = 4;

std::string TextOf(const Json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// Reads the objects of "Parameters".
class JsonReader {
 public:
  JsonReader(const std::string& label, FamilyIndex family) {
    group_.name = label;
    group_.family = family;
  }

  GroupOutcome Run(std::string_view text) {
    const Json json = Json::parse(text, nullptr, false);
    const bool has_list = json.is_object() && json.contains("Parameters") && json["Parameters"].is_array();
    if (!has_list) {
      return Failed({}, "the file is no answer of DescribeCacheParameters: an object with a list 'Parameters'", {});
    }
    for (const Json& object : json["Parameters"]) {
      ++number_;
      if (!object.is_object()) return Failed({}, "an entry is no object", {});
      if (std::optional<GroupOutcome> failed = ReadEntry(object)) return *std::move(failed);
    }
    return {std::move(group_), std::nullopt};
  }

 private:
  std::optional<GroupOutcome> ReadEntry(const Json& object) {
    const std::string name = TextOf(object, "ParameterName");
    if (name.empty()) return Failed({}, "an entry has no ParameterName", {});
    const auto modifiable = object.find("IsModifiable");
    if (modifiable != object.end() && modifiable->is_boolean() && !modifiable->get<bool>()) return std::nullopt;
    const Parameter* parameter = FindParameter(group_.family, name);
    const std::string value = TextOf(object, "ParameterValue");
    if (parameter == nullptr) return ReadUnknown(name, TextOf(object, "Source") == "user");
    if (parameter->is_by_node_type || value == parameter->default_text) return std::nullopt;
    if (!parameter->is_modifiable) {
      return Failed(name, "the parameter cannot be modified",
                    fmt::format("its value is '{}'", parameter->default_text));
    }
    if (!IsPermitted(*parameter, value)) {
      return Failed(name, fmt::format("'{}' is no value of this parameter", value), PermittedText(*parameter));
    }
    group_.entries.push_back({parameter, value, PlaceOf(name)});
    return std::nullopt;
  }

  std::optional<GroupOutcome> ReadUnknown(const std::string& name, bool is_set_by_user) {
    const std::string_view family = ParameterFamilies()[group_.family];
    if (is_set_by_user) {
      const std::string_view nearest = NearestParameterName(group_.family, name);
      return Failed(name, fmt::format("family {} has no parameter '{}'", family, name),
                    nearest.empty() ? std::string() : fmt::format("did you mean '{}'?", nearest));
    }
    group_.warnings.push_back(
        fmt::format("'{}' of {} is passed over: family {} has no such parameter here", name, group_.name, family));
    return std::nullopt;
  }

  [[nodiscard]] ConfigError PlaceOf(const std::string& name) const {
    return {group_.name, number_, name, {}, {}};  // Counted in entries, which is what a reader can find.
  }

  GroupOutcome Failed(const std::string& name, std::string reason, std::string hint) const {
    ConfigError error = PlaceOf(name);
    error.reason = std::move(reason);
    error.hint = std::move(hint);
    return {std::nullopt, std::move(error)};
  }

  ParameterGroup group_;
  size_t number_ = 0;
};

// What both lists of the answer say about a parameter.
Json Common(const Parameter& parameter, std::string_view source) {
  Json object;
  object["ParameterName"] = parameter.name;
  object["Description"] = parameter.description;
  object["Source"] = source;
  object["DataType"] = parameter.type;
  if (!parameter.values.empty()) object["AllowedValues"] = parameter.values;
  object["IsModifiable"] = parameter.is_modifiable;
  object["MinimumEngineVersion"] = parameter.engine;
  object["ChangeType"] = parameter.is_at_reboot ? "requires-reboot" : "immediate";
  return object;
}

Json ValuesByType(const Parameter& parameter) {
  Json values = Json::array();
  for (const NodeType& type : NodeTypes()) {
    if (type.memory_bytes == 0) continue;
    const uint64_t value = parameter.name == "maxmemory" ? type.memory_bytes : type.replica_buffer_bytes;
    values.push_back({{"CacheNodeType", type.name}, {"Value", std::to_string(value)}});
  }
  return values;
}

}  // namespace

GroupOutcome ParseParameterJson(const std::string& label, std::string_view text, FamilyIndex family) {
  return JsonReader(label, family).Run(text);
}

std::string ParametersJson(const ParameterGroup& group) {
  Json parameters = Json::array();
  Json by_type = Json::array();
  for (const Parameter* parameter : ParametersOf(group.family)) {
    Json object = Common(*parameter, group.Changes(*parameter) ? "user" : "system");
    if (parameter->is_by_node_type) {
      object["CacheNodeTypeSpecificValues"] = ValuesByType(*parameter);
      by_type.push_back(std::move(object));
      continue;
    }
    object["ParameterValue"] = group.ValueOf(*parameter);
    parameters.push_back(std::move(object));
  }
  Json answer;
  answer["CacheNodeTypeSpecificParameters"] = std::move(by_type);
  answer["Parameters"] = std::move(parameters);
  // A group's file may hold any bytes, JSON only UTF-8.
  return answer.dump(kIndent, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace cachenode
