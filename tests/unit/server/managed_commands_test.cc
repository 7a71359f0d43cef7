#include "server/managed_commands.h"

#include <gtest/gtest.h>

#include <string>

#include "server/commands/families.h"
#include "server/config/option_table.h"

namespace cachenode {
namespace {

class ManagedCommands : public testing::Test {
 protected:
  void Hide(ManagedMode mode, const char* engine = "7.4") {
    Config config = DefaultConfig({1, "/"});
    config.managed_mode = mode;
    config.engine_version = *EngineVersion::Parse(engine);
    HideManagedCommands(commands_, config);
  }
  [[nodiscard]] bool Has(const char* name) const { return commands_.FindByFullName(name) != nullptr; }

  CommandTable commands_{AllFamilies()};
};

TEST_F(ManagedCommands, ModeNoHidesNothing) {
  Hide(ManagedMode::kNo);
  for (const char* name : {"save", "bgsave", "config|set", "debug", "acl|setuser", "shutdown"}) {
    EXPECT_TRUE(Has(name)) << name;
  }
}

TEST_F(ManagedCommands, ModeYesHidesWhatAServiceHidesAndNothingElse) {
  const size_t count = commands_.commands().size();
  Hide(ManagedMode::kYes);
  for (const char* name : {"save", "bgsave", "config", "config|get", "debug", "migrate", "shutdown", "acl|setuser",
                           "acl|load", "cluster|meet"}) {
    EXPECT_FALSE(Has(name)) << name;
  }
  for (const char* name : {"flushall", "keys", "monitor", "client|kill", "slowlog|get", "eval", "lastsave",
                           "acl|whoami", "cluster|info", "memory|usage", "object|encoding"}) {
    EXPECT_TRUE(Has(name)) << name;
  }
  EXPECT_LT(commands_.commands().size(), count);
}

TEST_F(ManagedCommands, ReadOnlyConfigLeavesConfigGet) {
  Hide(ManagedMode::kConfigReadOnly);
  EXPECT_TRUE(Has("config|get"));
  EXPECT_FALSE(Has("config|set"));
  EXPECT_FALSE(Has("config|rewrite"));
  EXPECT_FALSE(Has("save"));
}

TEST_F(ManagedCommands, HiddenCommandsKeepTheirIds) {
  const size_t count = commands_.count();
  const uint32_t id = commands_.Find("ping")->id;
  Hide(ManagedMode::kYes);
  EXPECT_EQ(commands_.count(), count);
  EXPECT_EQ(commands_.Find("ping")->id, id);
  EXPECT_EQ(commands_.by_id(id).name, "ping");
  size_t hidden = 0;
  for (size_t i = 0; i < count; ++i) hidden += commands_.by_id(i).is_hidden ? 1U : 0U;
  EXPECT_GE(hidden, 20U);
  EXPECT_EQ(commands_.Find(""), nullptr);
  EXPECT_FALSE(commands_.Hide("save"));
  EXPECT_FALSE(commands_.Hide("acl|nope"));
}

}  // namespace
}  // namespace cachenode
