// Every row of the command table against the facts of the reference servers (tests/unit/server/data/commands.tsv).
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "server/command_table.h"
#include "server/commands/families.h"
#include "tests/support/source_path.h"

namespace cachenode {
namespace {

struct Fact {
  int arity = 0;
  std::string flags;
  std::string acl_categories;
  std::string since;
};

struct NamedBit {
  uint32_t bit;
  const char* name;
};

constexpr NamedBit kFlagNames[] = {
    {kWrite, "write"},
    {kReadOnly, "readonly"},
    {kDenyOom, "denyoom"},
    {kAdmin, "admin"},
    {kPubSub, "pubsub"},
    {kNoScript, "noscript"},
    {kBlocking, "blocking"},
    {kLoading, "loading"},
    {kStale, "stale"},
    {kFast, "fast"},
    {kSkipMonitor, "skip_monitor"},
    {kSkipSlowlog, "skip_commandlog"},
    {kAsking, "asking"},
    {kNoAuth, "no_auth"},
    {kNoMandatoryKeys, "no_mandatory_keys"},
    {kNoMulti, "no_multi"},
    {kNoAsyncLoading, "no_async_loading"},
    {kAllowBusy, "allow_busy"},
};

constexpr NamedBit kCategoryNames[] = {
    {kAclKeyspace, "keyspace"},
    {kAclRead, "read"},
    {kAclWrite, "write"},
    {kAclSet, "set"},
    {kAclSortedSet, "sortedset"},
    {kAclList, "list"},
    {kAclHash, "hash"},
    {kAclString, "string"},
    {kAclBitmap, "bitmap"},
    {kAclHyperLogLog, "hyperloglog"},
    {kAclGeo, "geo"},
    {kAclStream, "stream"},
    {kAclPubSub, "pubsub"},
    {kAclAdmin, "admin"},
    {kAclFast, "fast"},
    {kAclSlow, "slow"},
    {kAclBlocking, "blocking"},
    {kAclDangerous, "dangerous"},
    {kAclConnection, "connection"},
    {kAclTransaction, "transaction"},
    {kAclScripting, "scripting"},
};

std::string NamesOf(uint32_t bits, std::span<const NamedBit> names) {
  std::set<std::string> found;
  for (const NamedBit& row : names) {
    if ((bits & row.bit) != 0) found.insert(row.name);
  }
  std::string text;
  for (const std::string& name : found) text.append(text.empty() ? "" : ",").append(name);
  return text.empty() ? "-" : text;
}

std::map<std::string, Fact> ReadFacts() {
  std::ifstream file(SourcePath("tests/unit/server/data/commands.tsv"));
  std::map<std::string, Fact> facts;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream fields(line);
    std::string name;
    Fact fact;
    fields >> name >> fact.arity >> fact.flags >> fact.acl_categories >> fact.since;
    facts[name] = fact;
  }
  return facts;
}

TEST(CommandMetadata, EqualsTheReference) {
  const std::map<std::string, Fact> facts = ReadFacts();
  ASSERT_GT(facts.size(), 100U);
  const CommandTable table(AllFamilies());
  for (size_t id = 0; id < table.count(); ++id) {
    const Command& command = table.by_id(id);
    const auto found = facts.find(command.full_name);
    if (found == facts.end()) {
      ADD_FAILURE() << command.full_name << " is not in the reference";
      continue;
    }
    const Fact& fact = found->second;
    EXPECT_EQ(command.arity, fact.arity) << command.full_name;
    EXPECT_EQ(NamesOf(command.spec->flags, kFlagNames), fact.flags) << command.full_name;
    EXPECT_EQ(NamesOf(AclCategoriesOf(*command.spec), kCategoryNames), fact.acl_categories) << command.full_name;
    EXPECT_EQ(command.spec->doc.since, fact.since) << command.full_name;
  }
}

TEST(CommandMetadata, EveryRowIsDocumentedAndCallable) {
  const CommandTable table(AllFamilies());
  for (size_t id = 0; id < table.count(); ++id) {
    const Command& command = table.by_id(id);
    EXPECT_FALSE(command.spec->doc.summary.empty()) << command.full_name;
    EXPECT_FALSE(command.spec->doc.complexity.empty()) << command.full_name;
    EXPECT_TRUE(command.handler != nullptr || !command.subcommands.empty()) << command.full_name;
    EXPECT_EQ(table.FindByFullName(command.full_name), &command);
  }
}

}  // namespace
}  // namespace cachenode
