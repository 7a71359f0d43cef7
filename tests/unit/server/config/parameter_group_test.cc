#include "server/config/parameter_group.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "server/config/embedded_conf.h"
#include "server/config/option_value.h"
#include "server/config/parameter_json.h"
#include "tests/support/scratch_folder.h"

namespace cachenode {
namespace {

FamilyIndex Family(std::string_view name) { return FindFamily(name).value(); }

GroupOutcome Parse(const std::string& text) { return ParseParameterGroup("my.conf", text, EngineVersion()); }

// "line: reason / hint", or "valid".
std::string Problem(const std::string& text) {
  const GroupOutcome outcome = Parse(text);
  if (!outcome.error) return "valid";
  return std::to_string(outcome.error->line) + ": " + outcome.error->reason + " / " + outcome.error->hint;
}

TEST(ParameterTable, EveryParameterIsAnOptionThatTakesItsDefault) {
  const Config defaults = DefaultConfig({4, "/"});
  for (FamilyIndex family = 0; family < ParameterFamilies().size(); ++family) {
    SCOPED_TRACE(ParameterFamilies()[family]);
    EXPECT_GE(ParametersOf(family).size(), 31U);
    for (const Parameter* parameter : ParametersOf(family)) {
      SCOPED_TRACE(parameter->name);
      const OptionSpec* option = FindOption(parameter->name);
      ASSERT_NE(option, nullptr);
      EXPECT_EQ(ParameterOfOption(family, *option), parameter);
      EXPECT_FALSE(parameter->description.empty());
      if (parameter->is_by_node_type) continue;
      EXPECT_TRUE(IsPermitted(*parameter, parameter->default_text)) << parameter->default_text;
      Config config = defaults;
      const std::string value(parameter->default_text);
      const Status parsed = ParseOption(*option, config, ValueWords(*option, value), false);
      EXPECT_TRUE(parsed.ok()) << parsed.text();
      EXPECT_EQ(FormatOption(*option, config), value);
    }
  }
}

TEST(ParameterTable, FamiliesFollowTheEngine) {
  const auto family = [](const char* engine) { return ParameterFamilies()[FamilyOf(*EngineVersion::Parse(engine))]; };
  EXPECT_EQ(family("2.8"), "redis2.8");
  EXPECT_EQ(family("3.0"), "redis2.8");
  EXPECT_EQ(family("6.2"), "redis6.x");
  EXPECT_EQ(family("7.4"), "redis7");
  EXPECT_EQ(family("valkey-7.2"), "valkey7");
  EXPECT_EQ(family("valkey-8.1"), "valkey8");
  EXPECT_EQ(family("valkey-9.1"), "valkey9");
  EXPECT_TRUE(FamilySuits(Family("redis2.6"), *EngineVersion::Parse("2.8")));
  EXPECT_FALSE(FamilySuits(Family("redis2.6"), *EngineVersion::Parse("3.2")));
  EXPECT_FALSE(FamilySuits(Family("redis7"), *EngineVersion::Parse("valkey-7.2")));
}

TEST(ParameterTable, ValuesArePermittedByRangesAndNames) {
  const FamilyIndex redis7 = Family("redis7");
  const auto permits = [redis7](const char* name, const char* value) {
    return IsPermitted(*FindParameter(redis7, name), value);
  };
  EXPECT_TRUE(permits("timeout", "0"));
  EXPECT_FALSE(permits("timeout", "19"));
  EXPECT_TRUE(permits("timeout", "20"));
  EXPECT_FALSE(permits("timeout", "20s"));
  EXPECT_TRUE(permits("slowlog-log-slower-than", "-1"));
  EXPECT_FALSE(permits("slowlog-log-slower-than", "-2"));
  EXPECT_TRUE(permits("active-defrag-cycle-max", "75"));
  EXPECT_FALSE(permits("active-defrag-cycle-max", "76"));
  EXPECT_TRUE(permits("maxmemory-policy", "allkeys-LFU"));
  EXPECT_FALSE(permits("maxmemory-policy", "allkeys-s3fifo"));
  EXPECT_TRUE(permits("notify-keyspace-events", "KEA"));
  EXPECT_EQ(PermittedText(*FindParameter(redis7, "timeout")), "allowed: a number of 0, 20 or more");
  EXPECT_EQ(PermittedText(*FindParameter(redis7, "latency-tracking")), "allowed: yes, no");
  EXPECT_FALSE(IsPermitted(*FindParameter(Family("redis3.2"), "maxmemory-policy"), "allkeys-lfu"));
  EXPECT_EQ(PermittedText(*FindParameter(redis7, "active-defrag-cycle-max")), "allowed: a number of 1 to 75");
}

TEST(ParameterGroup, EveryDefaultGroupIsWhatTheTableSays) {
  for (FamilyIndex family = 0; family < ParameterFamilies().size(); ++family) {
    const std::string name = "default." + std::string(ParameterFamilies()[family]);
    SCOPED_TRACE(name);
    const GroupOutcome outcome = ReadParameterGroup(name, EngineVersion());
    ASSERT_TRUE(outcome.group) << outcome.error->reason;
    EXPECT_EQ(outcome.group->family, family);
    EXPECT_TRUE(outcome.group->is_read_only);
    size_t by_node_type = 0;
    for (const Parameter* parameter : ParametersOf(family)) {
      by_node_type += parameter->is_by_node_type ? 1 : 0;
      EXPECT_EQ(outcome.group->ValueOf(*parameter), parameter->default_text) << parameter->name;
    }
    EXPECT_EQ(outcome.group->entries.size() + by_node_type, ParametersOf(family).size());
  }
}

TEST(ParameterGroup, ErrorsNameLineValueAllowedValuesAndTheNearestName) {
  EXPECT_EQ(Problem("family redis7\ntimeout 300\n"), "valid");
  EXPECT_EQ(Problem("# mine\nfamily redis7\n\nmaxmemory-polici allkeys-lru\n"),
            "4: family redis7 has no parameter 'maxmemory-polici' / did you mean 'maxmemory-policy'?");
  EXPECT_EQ(Problem("family redis7\ntimeout 5\n"),
            "2: '5' is no value of this parameter / allowed: a number of 0, 20 or more");
  EXPECT_EQ(Problem("family redis7\nmaxclients 100\n"), "2: the parameter cannot be modified / its value is '65000'");
  EXPECT_EQ(Problem("family redis7\nmaxmemory 100\n"),
            "2: the parameter cannot be modified / its value comes from cache-node-type");
  EXPECT_EQ(Problem("family redis7\nsave 60 1\n"),
            "2: 'save' is an option of this server, but no parameter of family redis7 / put it into the configuration "
            "file");
  EXPECT_EQ(Problem("family redis7\ntimeout 20\ntimeout 30\n"), "3: the parameter stands in the group twice / ");
  EXPECT_EQ(Problem("family redis7\ntimeout\n"), "2: a line is a parameter's name and its value / ");
  EXPECT_NE(Problem("timeout 20\n").find("1: the line 'family NAME' comes before"), std::string::npos);
  EXPECT_NE(Problem("family redis8\n").find("1: there is no such family / allowed: redis2.6, "), std::string::npos);
  EXPECT_NE(Problem("# nothing\n").find("0: the group names no family"), std::string::npos);
  EXPECT_EQ(Problem("family redis7\ntimeout \"20\n"), "2: Unbalanced quotes in configuration line / ");
}

class ParameterGroupFile : public testing::Test {
 protected:
  std::string Write(const std::string& text) {
    std::ofstream(path_) << text;
    return path_;
  }
  LoadOutcome Load(const std::string& text, const std::string& builtin = {}) {
    return LoadConfig({{"built in", builtin, SourceKind::kBuiltin}, {"a.conf", text, SourceKind::kFile}}, {4, "/"});
  }
  const ScratchFolder folder_;
  const std::string path_ = folder_.File("group.conf");
};

TEST_F(ParameterGroupFile, IsALayerBelowTheLinesOfTheConfiguration) {
  const std::string path =
      Write("family redis7\nmaxmemory-policy allkeys-lfu\nclient-output-buffer-limit-normal-hard-limit 5000\n");
  const LoadOutcome outcome =
      Load("parameter-group " + path + "\ntimeout 7\n", "maxmemory-policy noeviction\nport 7000\n");
  ASSERT_TRUE(outcome.loaded) << outcome.error->reason;
  const Config& config = outcome.loaded->config;
  EXPECT_EQ(config.maxmemory_policy, EvictionPolicy::kAllKeysLfu);
  EXPECT_EQ(config.client_output_buffer_limit[0].hard_bytes, 5000U);
  EXPECT_EQ(config.maxclients, 65000);
  EXPECT_FALSE(config.latency_tracking);
  EXPECT_EQ(config.timeout, 7);
  EXPECT_EQ(config.port, 7000);
  EXPECT_EQ(outcome.loaded->defaults.maxmemory_policy, EvictionPolicy::kAllKeysLfu);
  ASSERT_TRUE(outcome.loaded->group);
  EXPECT_EQ(outcome.loaded->group->name, path);
}

TEST_F(ParameterGroupFile, ADefaultGroupGivesTheServicesDefaults) {
  const LoadOutcome outcome = Load("parameter-group default.redis7\n");
  ASSERT_TRUE(outcome.loaded) << outcome.error->reason;
  EXPECT_EQ(outcome.loaded->config.maxmemory_policy, EvictionPolicy::kVolatileLru);
  EXPECT_TRUE(outcome.loaded->group->is_read_only);
}

TEST_F(ParameterGroupFile, WhatCannotBeUsedStopsTheStart) {
  LoadOutcome outcome = Load("parameter-group default.redis6.x\n");
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->reason, "the group is of family redis6.x, engine-version 7.4 takes redis7");
  EXPECT_EQ(outcome.error->line, 1U);
  outcome = Load("parameter-group /no/such/file\n");
  ASSERT_TRUE(outcome.error);
  EXPECT_NE(outcome.error->reason.find("No such file"), std::string::npos);
  outcome = Load("engine-version 2.8\nparameter-group " + Write("family redis2.8\nappendonly yes\n"));
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->line, 2U);
  EXPECT_NE(outcome.error->reason.find("append-only file is not built"), std::string::npos);
}

TEST_F(ParameterGroupFile, ParametersWithoutEffectWarn) {
  const LoadOutcome outcome = Load("parameter-group " + Write("family redis7\nclose-on-replica-write no\n"));
  ASSERT_TRUE(outcome.loaded) << outcome.error->reason;
  ASSERT_EQ(outcome.loaded->warnings.size(), 1U);
  EXPECT_NE(outcome.loaded->warnings[0].find("'close-on-replica-write' at line 2"), std::string::npos);
}

TEST_F(ParameterGroupFile, RenamesCommands) {
  const LoadOutcome outcome =
      Load("parameter-group " + Write("family redis7\nrename-commands flushall blocked keys mykeys\n"));
  ASSERT_TRUE(outcome.loaded) << outcome.error->reason;
  ASSERT_EQ(outcome.loaded->renamed_commands.size(), 2U);
  EXPECT_EQ(outcome.loaded->renamed_commands[0].old_name, "flushall");
  EXPECT_EQ(outcome.loaded->renamed_commands[0].new_name, "");
  EXPECT_EQ(outcome.loaded->renamed_commands[1].new_name, "mykeys");
  for (const char* bad : {"flushall", "keys my-keys", "keys abcdefghijklmnopqrstu"}) {
    const LoadOutcome refused = Load("parameter-group " + Write(std::string("family redis7\nrename-commands ") + bad));
    ASSERT_TRUE(refused.error) << bad;
    EXPECT_EQ(refused.error->line, 2U);
  }
}

TEST(ParameterJson, HasTheShapeOfTheServicesAnswerAndIsReadBack) {
  ParameterGroup group = DefaultParameterGroup(Family("redis7"));
  group.is_read_only = false;
  group.entries.push_back({FindParameter(group.family, "timeout"), "300", {}});
  const std::string text = ParametersJson(group);
  const auto json = nlohmann::json::parse(text);
  EXPECT_EQ(json["Parameters"].size() + json["CacheNodeTypeSpecificParameters"].size(),
            ParametersOf(group.family).size());
  bool found = false;
  for (const auto& parameter : json["Parameters"]) {
    if (parameter["ParameterName"] != "timeout") continue;
    found = true;
    EXPECT_EQ(parameter["ParameterValue"], "300");
    EXPECT_EQ(parameter["Source"], "user");
    EXPECT_EQ(parameter["DataType"], "integer");
    EXPECT_EQ(parameter["AllowedValues"], "0,20-");
    EXPECT_EQ(parameter["IsModifiable"], true);
    EXPECT_EQ(parameter["ChangeType"], "immediate");
    EXPECT_EQ(parameter["MinimumEngineVersion"], "2.6.13");
  }
  EXPECT_TRUE(found);
  EXPECT_EQ(json["CacheNodeTypeSpecificParameters"][0]["CacheNodeTypeSpecificValues"].size(), 112U);
  const GroupOutcome back = Parse(text);
  ASSERT_TRUE(back.group) << back.error->reason;
  ASSERT_EQ(back.group->entries.size(), 1U);
  EXPECT_EQ(back.group->ValueOf(*FindParameter(group.family, "timeout")), "300");
}

TEST(ParameterJson, IsJsonWhateverBytesAValueHas) {
  ParameterGroup group = DefaultParameterGroup(Family("redis7"));
  group.entries.push_back({FindParameter(group.family, "rename-commands"), "keys a\xFFz", {}});
  const auto json = nlohmann::json::parse(ParametersJson(group));
  const auto& parameters = json["Parameters"];
  const auto found = std::find_if(parameters.begin(), parameters.end(), [](const auto& parameter) {
    return parameter["ParameterName"] == "rename-commands";
  });
  ASSERT_NE(found, parameters.end());
  EXPECT_EQ((*found)["ParameterValue"], "keys a\xEF\xBF\xBDz");
}

TEST(ParameterJson, PassesOverWhatTheUserDidNotSetAndRefusesTheRest) {
  EXPECT_EQ(
      Problem(R"({"Parameters": [{"ParameterName": "maxclients", "ParameterValue": "20000", "IsModifiable": false},
      {"ParameterName": "of-tomorrow", "ParameterValue": "1", "Source": "system", "IsModifiable": true}]})"),
      "valid");
  EXPECT_EQ(Problem(R"({"Parameters": [{"ParameterName": "timeou", "ParameterValue": "1", "Source": "user"}]})"),
            "1: family redis7 has no parameter 'timeou' / did you mean 'timeout'?");
  EXPECT_EQ(Problem(R"({"Parameters": [{"ParameterName": "databases", "ParameterValue": "16"},
      {"ParameterName": "timeout", "ParameterValue": "1", "Source": "user"}]})"),
            "2: '1' is no value of this parameter / allowed: a number of 0, 20 or more");
  EXPECT_NE(Problem("{").find("the file is no answer of DescribeCacheParameters"), std::string::npos);
  EXPECT_NE(Problem(R"({"Parameters": [1]})").find("an entry is no object"), std::string::npos);
  EXPECT_NE(Problem(R"({"Parameters": [{}]})").find("an entry has no ParameterName"), std::string::npos);
}

}  // namespace
}  // namespace cachenode
