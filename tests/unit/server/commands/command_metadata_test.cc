// Every row of the command table against the facts of the reference servers (tests/unit/server/data).
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <span>
#include <sstream>
#include <string>

#include "server/command_table.h"
#include "server/commands/argument_grammar.h"
#include "server/commands/command_replies.h"
#include "server/commands/families.h"
#include "tests/support/source_path.h"

namespace cachenode {
namespace {

struct Fact {
  int arity = 0;
  std::string flags;
  std::string acl_categories;
  std::string since;
  std::string key_specs;
};

// In alphabetical order, as the facts have them.
std::string NamesOf(uint32_t bits, std::span<const NamedBit> names) {
  std::set<std::string> found;
  for (const NamedBit& row : names) {
    if ((bits & row.bit) != 0) found.emplace(row.name.substr(row.name.starts_with('@') ? 1 : 0));
  }
  std::string text;
  for (const std::string& name : found) text.append(text.empty() ? "" : ",").append(name);
  return text.empty() ? "-" : text;
}

// "idx:1>range:0/1/0(RO,access)".
std::string TextOf(const KeySpec& spec) {
  const auto three = [](int a, int b, int c) {
    return std::to_string(a) + "/" + std::to_string(b) + "/" + std::to_string(c);
  };
  std::string text = "unknown";
  if (spec.begin == KeySpec::Begin::kIndex) text = "idx:" + std::to_string(spec.begin_index);
  if (spec.begin == KeySpec::Begin::kKeyword) {
    text = "kw:" + std::string(spec.keyword) + "@" + std::to_string(spec.begin_index);
  }
  text += ">";
  if (spec.find == KeySpec::Find::kUnknown) text += "unknown";
  if (spec.find == KeySpec::Find::kRange) text += "range:" + three(spec.last_key, spec.step, spec.limit);
  if (spec.find == KeySpec::Find::kKeyNumber) text += "keynum:" + three(spec.limit, spec.last_key, spec.step);
  std::string flags;
  for (const NamedBit& row : KeyFlagNames()) {
    if ((spec.flags & row.bit) != 0) flags.append(flags.empty() ? "" : ",").append(row.name);
  }
  return text + "(" + flags + ")";
}

std::string TextOf(const KeySpecs& specs) {
  std::string text;
  for (const KeySpec& spec : specs.all()) text.append(text.empty() ? "" : " ").append(TextOf(spec));
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
    fields >> name >> fact.arity >> fact.flags >> fact.acl_categories >> fact.since >> std::ws;
    std::getline(fields, fact.key_specs);
    facts[name] = fact;
  }
  return facts;
}

// By command, the grammars the reference servers give.
std::map<std::string, std::set<std::string>> ReadGrammars() {
  std::ifstream file(SourcePath("tests/unit/server/data/command-arguments.tsv"));
  std::map<std::string, std::set<std::string>> grammars;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    const size_t servers = line.find('\t');
    const size_t grammar = line.find('\t', servers + 1);
    grammars[line.substr(0, servers)].insert(line.substr(grammar + 1));
  }
  return grammars;
}

// Containers that no reference server has.
bool IsOurs(const Command& command) {
  static const std::set<std::string, std::less<>> kOurs = {"node", "snapshot"};
  return kOurs.contains(command.full_name.substr(0, command.full_name.find('|')));
}

TEST(CommandMetadata, EqualsTheReference) {
  const std::map<std::string, Fact> facts = ReadFacts();
  ASSERT_GT(facts.size(), 100U);
  constexpr uint32_t kShownElsewhere = kMayReplicate | kMovableKeys;  // Not among the facts.
  const CommandTable table(AllFamilies());
  for (size_t id = 0; id < table.count(); ++id) {
    const Command& command = table.by_id(id);
    if (IsOurs(command)) continue;
    const auto found = facts.find(command.full_name);
    if (found == facts.end()) {
      ADD_FAILURE() << command.full_name << " is not in the reference";
      continue;
    }
    const Fact& fact = found->second;
    EXPECT_EQ(command.arity, fact.arity) << command.full_name;
    EXPECT_EQ(NamesOf(command.spec->flags & ~kShownElsewhere, CommandFlagNames()), fact.flags) << command.full_name;
    EXPECT_EQ(NamesOf(AclCategoriesOf(*command.spec), AclCategoryNames()), fact.acl_categories) << command.full_name;
    EXPECT_EQ(command.spec->doc.since, fact.since) << command.full_name;
    EXPECT_EQ(TextOf(command.spec->keys), fact.key_specs) << command.full_name;
  }
}

TEST(CommandMetadata, ArgumentsAreThoseOfAReferenceServer) {
  const std::map<std::string, std::set<std::string>> grammars = ReadGrammars();
  ASSERT_GT(grammars.size(), 100U);
  const CommandTable table(AllFamilies());
  for (size_t id = 0; id < table.count(); ++id) {
    const Command& command = table.by_id(id);
    const std::string_view grammar = command.spec->doc.arguments;
    EXPECT_TRUE(ParseArgumentGrammar(grammar)) << command.full_name;
    if (IsOurs(command)) continue;
    const auto found = grammars.find(command.full_name);
    ASSERT_NE(found, grammars.end()) << command.full_name;
    EXPECT_TRUE(found->second.contains(grammar.empty() ? "-" : std::string(grammar)))
        << command.full_name << ": " << grammar << "\n  is none of\n  " << testing::PrintToString(found->second);
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

// Command::is_plain opens the short way through the request runner: nobody may take it who changes by what later
// requests are judged, and the everyday commands must.
TEST(CommandTable, TellsPlainCommandsFromThoseThatNeedACloserLook) {
  const CommandTable table(AllFamilies());
  for (const char* name : {"ping",  "echo", "select", "get",  "set",  "mset", "mget",     "incr",    "del",  "expire",
                           "lpush", "rpop", "sadd",   "hset", "zadd", "xadd", "bitfield", "publish", "scan", "type"}) {
    EXPECT_TRUE(table.Find(name)->is_plain) << name;
  }
  for (const char* name :
       {"multi",       "exec",    "discard", "watch", "unwatch",  "auth",   "hello",    "quit",   "reset", "subscribe",
        "unsubscribe", "monitor", "blpop",   "xread", "wait",     "eval",   "fcall",    "script", "sort",  "migrate",
        "client",      "config",  "acl",     "debug", "flushall", "swapdb", "shutdown", "save",   "bgsave"}) {
    EXPECT_FALSE(table.Find(name)->is_plain) << name;
  }
}

}  // namespace
}  // namespace cachenode
