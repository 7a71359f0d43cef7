#include "storage/value/set_value.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "storage/keyspace.h"
#include "storage/value/value_limits.h"
#include "tests/support/property.h"

namespace cachenode {
namespace {

using Members = std::set<std::string>;

class SetValueTest : public ::testing::Test {
 protected:
  SetValueTest() { context_.SetNow(1'700'000'000'000); }
  ~SetValueTest() override { value_limits = saved_limits_; }

  KeySlot At(std::string_view key) { return keyspace_.Locate(0, key, context_); }
  bool Add(std::string_view key, std::string_view member) {
    KeySlot slot = At(key);
    Result<bool> added = SetValue(slot).Add(member);
    EXPECT_TRUE(added.ok());
    return added.ok() && *added;
  }
  bool Remove(std::string_view key, std::string_view member) {
    KeySlot slot = At(key);
    Result<bool> removed = SetValue(slot).Remove(member);
    EXPECT_TRUE(removed.ok());
    return removed.ok() && *removed;
  }
  void AddNumbers(std::string_view key, int64_t from, int64_t to) {
    for (int64_t number = from; number < to; ++number) Add(key, std::to_string(number));
  }
  std::string Name(std::string_view key) { return std::string(At(key).EncodingName()); }
  Members All(std::string_view key) {
    Members all;
    const KeySlot slot = At(key);
    if (!slot.Exists()) return all;
    ListpackElement member;
    ListpackScratch scratch;
    for (SetView::Iterator members(SetView::Of(slot)); members.Next(member);)
      EXPECT_TRUE(all.emplace(member.Read(scratch)).second);
    EXPECT_EQ(SetView::Of(slot).Count(), all.size());
    return all;
  }
  size_t ExternalBytes() { return keyspace_.Memory().external_bytes; }

  const ValueLimits saved_limits_ = value_limits;
  Keyspace keyspace_{KeyspaceOptions{}};
  AccessContext context_;
};

TEST_F(SetValueTest, StaysAnIntsetUpToItsLimit) {
  AddNumbers("s", 0, 512);
  EXPECT_EQ(Name("s"), "intset");
  EXPECT_FALSE(Add("s", "511"));
  EXPECT_EQ(Name("s"), "intset");
  EXPECT_TRUE(Add("s", "512"));
  EXPECT_EQ(Name("s"), "hashtable");
  EXPECT_EQ(All("s").size(), 513U);
}

TEST_F(SetValueTest, OnlyCanonicalNumbersAreIntegers) {
  for (const std::string_view text : {"01", "+1", "-0", "1.0", " 1", "9223372036854775808"}) {
    Add("s", "1");
    EXPECT_EQ(Name("s"), "intset");
    EXPECT_TRUE(Add("s", text)) << text;
    EXPECT_EQ(Name("s"), "listpack") << text;
    EXPECT_EQ(All("s"), (Members{"1", std::string(text)}));
    At("s").Erase();
  }
  EXPECT_TRUE(Add("s", "-9223372036854775808"));
  EXPECT_TRUE(Add("s", "9223372036854775807"));
  EXPECT_EQ(Name("s"), "intset");
  EXPECT_EQ(All("s"), (Members{"-9223372036854775808", "9223372036854775807"}));
}

TEST_F(SetValueTest, AnIntsetBecomesAListpackOnlyWhileItIsSmall) {
  AddNumbers("small", 0, 127);
  Add("small", "word");
  EXPECT_EQ(Name("small"), "listpack");
  AddNumbers("full", 0, 128);
  Add("full", "word");
  EXPECT_EQ(Name("full"), "hashtable");
  AddNumbers("long", 0, 2);
  Add("long", std::string(65, 'x'));
  EXPECT_EQ(Name("long"), "hashtable");
  EXPECT_EQ(All("long"), (Members{"0", "1", std::string(65, 'x')}));
}

TEST_F(SetValueTest, AListpackBecomesATableAtEitherLimit) {
  for (int i = 0; i < 128; ++i) Add("many", "m" + std::to_string(i));
  EXPECT_EQ(Name("many"), "listpack");
  EXPECT_TRUE(Add("many", "one more"));
  EXPECT_EQ(Name("many"), "hashtable");
  Add("long", std::string(64, 'x'));
  EXPECT_EQ(Name("long"), "listpack");
  Add("long", std::string(65, 'x'));
  EXPECT_EQ(Name("long"), "hashtable");
  // It never turns back.
  Remove("long", std::string(65, 'x'));
  EXPECT_EQ(Name("long"), "hashtable");
}

TEST_F(SetValueTest, OlderEnginesCallSmallSetsHashtables) {
  value_limits.packed_lists_and_sets = false;
  Add("s", "word");
  EXPECT_EQ(Name("s"), "hashtable");
  Add("n", "1");
  EXPECT_EQ(Name("n"), "intset");
}

TEST_F(SetValueTest, ExpectingManyMembersStartsLarge) {
  KeySlot slot = At("s");
  SetValue set(slot);
  ASSERT_TRUE(set.Expect("word", 129).ok());
  ASSERT_TRUE(set.Add("word").ok());
  EXPECT_EQ(Name("s"), "hashtable");
  KeySlot numbers = At("n");
  ASSERT_TRUE(SetValue(numbers).Expect("1", 512).ok());
  Add("n", "1");
  EXPECT_EQ(Name("n"), "intset");
  ASSERT_TRUE(SetValue(numbers).Expect("2", 513).ok());
  EXPECT_EQ(Name("n"), "hashtable");
}

TEST_F(SetValueTest, KeepsTheDeadlineThroughConversions) {
  Add("s", "1");
  ASSERT_TRUE(At("s").SetExpire(1'700'000'100'000).ok());
  Add("s", "word");
  for (int i = 0; i < 200; ++i) Add("s", "m" + std::to_string(i));
  EXPECT_EQ(Name("s"), "hashtable");
  EXPECT_EQ(At("s").expire_at_ms(), 1'700'000'100'000);
}

TEST_F(SetValueTest, TheLastMemberTakesTheKeyWithIt) {
  for (const std::string& member : {std::string("1"), std::string("word"), std::string(100, 'x')}) {
    Add("s", member);
    EXPECT_FALSE(Remove("s", "other"));
    EXPECT_TRUE(Remove("s", member));
    EXPECT_FALSE(At("s").Exists());
    EXPECT_FALSE(Remove("s", member));
  }
  EXPECT_EQ(ExternalBytes(), 0U);
}

TEST_F(SetValueTest, ACopyOfALargeSetIsIndependent) {
  AddNumbers("a", 0, 2000);
  KeySlot copy = At("b");
  ASSERT_TRUE(At("a").CopyTo(copy).ok());
  const Members before = All("b");
  for (int i = 0; i < 1000; ++i) Remove("a", std::to_string(2 * i));
  AddNumbers("a", 5000, 5500);
  EXPECT_EQ(All("b"), before);
  AddNumbers("b", 7000, 7100);
  EXPECT_EQ(All("a").count("7000"), 0U);
  EXPECT_EQ(All("a").size(), 1500U);
  At("a").Erase();
  EXPECT_EQ(All("b").size(), 2100U);
  At("b").Erase();
  EXPECT_EQ(ExternalBytes(), 0U);
}

TEST_F(SetValueTest, EveryMemberHasTheSameChance) {
  Random random(PropertySeed());
  for (const size_t count : {size_t{10}, size_t{100}, size_t{400}}) {
    const std::string key = std::to_string(count);
    const std::string prefix = count == 10 ? "" : "m";  // An intset, a listpack, a table.
    for (size_t i = 0; i < count; ++i) Add(key, prefix + std::to_string(i));
    std::vector<double> seen(count);
    const size_t draws = count * 500;
    ListpackScratch scratch;
    const KeySlot slot = At(key);
    for (size_t i = 0; i < draws; ++i) {
      const ListpackElement drawn = SetView::Of(slot).RandomMember(random);
      ++seen.at(std::stoul(std::string(drawn.Read(scratch).substr(prefix.size()))));
    }
    double chi_square = 0;
    for (const double times : seen) chi_square += (times - 500) * (times - 500) / 500;
    const double freedom = static_cast<double>(count - 1);
    EXPECT_LT(chi_square, freedom + 6 * std::sqrt(2 * freedom)) << SetView::Of(slot).Count();
  }
}

TEST_F(SetValueTest, BuilderChoosesTheSmallestForm) {
  const auto form = [&](const std::vector<std::string>& members) {
    SetBuilder builder;
    for (const std::string& member : members) EXPECT_TRUE(builder.Add(member).ok());
    EXPECT_FALSE(*builder.Add(members.front()));
    EXPECT_TRUE(builder.Contains(members.back()));
    EXPECT_EQ(builder.count(), members.size());
    KeySlot slot = At("s");
    EXPECT_TRUE(builder.Finish(slot, Expiry::kClear).ok());
    EXPECT_EQ(All("s"), Members(members.begin(), members.end()));
    return Name("s");
  };
  std::vector<std::string> numbers;
  for (int i = 0; i < 512; ++i) numbers.push_back(std::to_string(i - 200));
  EXPECT_EQ(form(numbers), "intset");
  numbers.emplace_back("100000");
  EXPECT_EQ(form(numbers), "hashtable");
  std::vector<std::string> words;
  for (int i = 0; i < 128; ++i) words.push_back(i % 2 == 0 ? "w" + std::to_string(i) : std::to_string(i));
  EXPECT_EQ(form(words), "listpack");
  words.emplace_back("one more");
  EXPECT_EQ(form(words), "hashtable");
  EXPECT_EQ(form({std::string(65, 'x')}), "hashtable");
  EXPECT_EQ(form({"1", std::string(65, 'x')}), "hashtable");
  At("s").Erase();
  EXPECT_EQ(ExternalBytes(), 0U);
}

TEST_F(SetValueTest, StoresPackedBytesByTheLimits) {
  std::string intset = MakeIntset();
  std::string listpack = MakeListpack();
  for (int i = 0; i < 10; ++i) {
    AddToIntset(intset, i);
    AppendToListpack(listpack, i % 2 == 0 ? std::to_string(i) : "w" + std::to_string(i));
  }
  EXPECT_FALSE(HasDuplicates(ListpackView(listpack)));
  KeySlot slot = At("s");
  ASSERT_TRUE(StorePackedSet(slot, AggregateEncoding::kPackedOther, intset, Expiry::kClear).ok());
  EXPECT_EQ(Name("s"), "intset");
  EXPECT_EQ(All("s").size(), 10U);
  ASSERT_TRUE(StorePackedSet(slot, AggregateEncoding::kPacked, listpack, Expiry::kClear).ok());
  EXPECT_EQ(Name("s"), "listpack");
  value_limits.set_max_listpack_entries = value_limits.set_max_intset_entries = 9;
  ASSERT_TRUE(StorePackedSet(slot, AggregateEncoding::kPacked, listpack, Expiry::kClear).ok());
  EXPECT_EQ(Name("s"), "hashtable");
  ASSERT_TRUE(StorePackedSet(slot, AggregateEncoding::kPackedOther, intset, Expiry::kClear).ok());
  EXPECT_EQ(Name("s"), "hashtable");
  EXPECT_EQ(All("s").size(), 10U);
  AppendToListpack(listpack, "4");
  EXPECT_TRUE(HasDuplicates(ListpackView(listpack)));
}

// Random changes under random limits, so that every conversion is met, against std::set.
TEST_F(SetValueTest, EqualsTheModelInEveryEncoding) {
  SCOPED_TRACE(PropertyTrace());
  Random random(PropertySeed());
  for (size_t round = 0; round < PropertyRounds(60) && !HasFailure(); ++round) {
    value_limits.set_max_intset_entries = random.Below(40);
    value_limits.set_max_listpack_entries = random.Below(40);
    value_limits.set_max_listpack_value = 1 + random.Below(40);
    const uint64_t range = 1 + random.Below(150);
    const uint64_t words = random.Below(3);
    Members model;
    Members copy_model;
    for (int step = 0; step < 600; ++step) {
      std::string member = std::to_string(static_cast<int64_t>(random.Below(range)) - 20);
      if (random.Below(8) == 0) member += std::string(8, '0');
      if (random.Below(3) < words) member.insert(0, random.Below(50), 'w');
      if (random.Below(3) != 0) {
        EXPECT_EQ(Add("s", member), model.insert(member).second);
      } else {
        EXPECT_EQ(Remove("s", member), model.erase(member) != 0);
      }
      const KeySlot slot = At("s");
      EXPECT_EQ(slot.Exists() && SetView::Of(slot).Contains(member), model.count(member) != 0);
      if (random.Below(100) == 0 && At("s").Exists()) {
        KeySlot copy = At("copy");
        ASSERT_TRUE(At("s").CopyTo(copy).ok());
        copy_model = model;
      }
    }
    EXPECT_EQ(All("s"), model);
    EXPECT_EQ(All("copy"), copy_model);
    At("s").Erase();
    if (At("copy").Exists()) At("copy").Erase();
    EXPECT_EQ(ExternalBytes(), 0U);
  }
}

}  // namespace
}  // namespace cachenode
