#include "server/config/option_table.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "server/config/config_lines.h"
#include "server/config/option_value.h"
#include "storage/base/bytes.h"
#include "tests/support/source_path.h"

namespace cachenode {
namespace {

const MachineFacts kMachine{4, "/"};

TEST(OptionTable, NamesAndAliasesAreUniqueLowerCaseAndOrdered) {
  std::set<std::string_view> seen;
  std::string_view previous;
  for (const OptionSpec* option : Options()) {
    EXPECT_LT(previous, option->name);
    previous = option->name;
    EXPECT_EQ(LowerCased(option->name), option->name);
    EXPECT_TRUE(seen.insert(option->name).second) << option->name;
    for (const std::string_view alias : option->aliases) {
      if (!alias.empty()) {
        EXPECT_TRUE(seen.insert(alias).second) << alias;
      }
    }
  }
}

TEST(OptionTable, EveryRowTakesItsOwnDefaultAndGivesItBack) {
  const Config defaults = DefaultConfig(kMachine);
  for (const OptionSpec* option : Options()) {
    Config config = defaults;
    const std::string text = FormatOption(*option, defaults);
    const Status parsed = ParseOption(*option, config, ValueWords(*option, text), false);
    EXPECT_TRUE(parsed.ok()) << option->name << " '" << text << "': " << parsed.text();
    EXPECT_EQ(FormatOption(*option, config), text) << option->name;
  }
}

TEST(OptionTable, EveryNumberRefusesWhatLiesBeyondItsRange) {
  for (const OptionSpec* option : Options()) {
    if (option->type != OptionType::kInteger) continue;
    Config config = DefaultConfig(kMachine);
    const auto accepts = [&](int64_t value) {
      const std::vector<std::string> words = {std::to_string(value)};
      return ParseOption(*option, config, words, false).ok();
    };
    EXPECT_TRUE(accepts(option->min)) << option->name;
    EXPECT_TRUE(accepts(option->max)) << option->name;
    if (option->min > INT64_MIN) {
      EXPECT_FALSE(accepts(option->min - 1)) << option->name;
    }
    if (option->max < INT64_MAX) {
      EXPECT_FALSE(accepts(option->max + 1)) << option->name;
    }
  }
}

std::string_view TypeName(OptionType type) {
  switch (type) {
    case OptionType::kBool:
      return "bool";
    case OptionType::kInteger:
      return "int";
    case OptionType::kMemory:
      return "memory";
    case OptionType::kMemoryOrPercent:
      return "memory|percent";
    case OptionType::kEnum:
    case OptionType::kEnumList:
      return "enum";
    case OptionType::kString:
      return "string";
    case OptionType::kOctal:
      return "octal";
    case OptionType::kSpecial:
      return "special";
  }
  return "";
}

struct ReferenceRow {
  std::string name, alias, type, default_text, min, max, values, mutability;
};

std::vector<ReferenceRow> ReadReference() {
  std::ifstream file(SourcePath("tests/unit/server/config/data/redis-7.0-options.tsv"));
  std::vector<ReferenceRow> rows;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::vector<std::string> cells;
    for (size_t start = 0; start <= line.size();) {
      const size_t end = std::min(line.find('\t', start), line.size());
      cells.push_back(line.substr(start, end - start));
      start = end + 1;
    }
    EXPECT_EQ(cells.size(), 8U) << line;
    rows.push_back({cells[0], cells[1], cells[2], cells[3], cells[4], cells[5], cells[6], cells[7]});
  }
  return rows;
}

// What differs from redis-server 7.0 on purpose.
bool DefaultIsOurs(std::string_view name) { return name == "io-threads" || name == "dir"; }

TEST(OptionTable, HoldsEveryOptionOfRedis70WithItsTypeDefaultAndBounds) {
  const Config defaults = DefaultConfig(kMachine);
  const std::vector<ReferenceRow> rows = ReadReference();
  ASSERT_GT(rows.size(), 170U);
  for (const ReferenceRow& row : rows) {
    SCOPED_TRACE(row.name);
    const OptionSpec* option = FindOption(row.name);
    ASSERT_NE(option, nullptr);
    EXPECT_EQ(option->name, row.name);
    EXPECT_EQ(option->aliases[kOldAlias], row.alias);
    EXPECT_EQ(TypeName(option->type), row.type);
    EXPECT_EQ(option->Has(kOptionImmutable) ? "immutable" : "runtime", row.mutability);
    if (!DefaultIsOurs(row.name)) {
      EXPECT_EQ(FormatOption(*option, defaults), row.default_text);
    }
    if (!row.min.empty() && !option->Has(kOptionUnsigned)) {
      EXPECT_EQ(std::to_string(option->min), row.min);
      EXPECT_EQ(std::to_string(option->max), row.max);
    }
    std::string values;
    for (const EnumName& name : option->names) values.append(values.empty() ? "" : ",").append(name.name);
    if (!row.values.empty()) {
      EXPECT_EQ(values.substr(0, row.values.size()), row.values);
    }
  }
}

TEST(OptionTable, FindsNamesInAnyCaseAndUnderTheirAliases) {
  EXPECT_EQ(FindOption("TimeOut")->name, "timeout");
  EXPECT_EQ(FindOption("slave-priority")->name, "replica-priority");
  EXPECT_EQ(FindOption("commandlog-slow-execution-max-len")->name, "slowlog-max-len");
  EXPECT_EQ(FindOption("no-such-option"), nullptr);
}

TEST(OptionTable, SuggestsTheNearestNameOrNone) {
  EXPECT_EQ(NearestOptionName("maxmemroy"), "maxmemory");
  EXPECT_EQ(NearestOptionName("replica-prioriti"), "replica-priority");
  EXPECT_EQ(NearestOptionName("qqqqqqqqqqqq"), "");
  EXPECT_EQ(NearestOptionName(std::string(100000, 'a')), "");
}

TEST(OptionTable, WorkersByDefaultFollowTheCoresUpToEight) {
  EXPECT_EQ(DefaultConfig({1, "/"}).io_threads, 1);
  EXPECT_EQ(DefaultConfig({6, "/"}).io_threads, 6);
  EXPECT_EQ(DefaultConfig({64, "/"}).io_threads, 8);
}

}  // namespace
}  // namespace cachenode
