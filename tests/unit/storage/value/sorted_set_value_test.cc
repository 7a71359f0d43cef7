#include "storage/value/sorted_set_value.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "storage/base/random.h"
#include "storage/keyspace.h"
#include "storage/value/value_limits.h"
#include "tests/support/property.h"

namespace cachenode {
namespace {

using Outcome = SortedSetValue::Outcome;
using Elements = std::vector<std::pair<double, std::string>>;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

class SortedSetValueTest : public ::testing::Test {
 protected:
  SortedSetValueTest() { context_.SetNow(1'700'000'000'000); }
  ~SortedSetValueTest() override { value_limits = ValueLimits{}; }

  KeySlot At(std::string_view key) { return keyspace_.Locate(0, key, context_); }
  Outcome Put(std::string_view key, double score, std::string_view member, const ScoreUpdate& update = {}) {
    KeySlot slot = At(key);
    Result<SortedSetValue::Added> added = SortedSetValue(slot).Put(member, score, update);
    EXPECT_TRUE(added);
    return added ? added->outcome : Outcome::kRefused;
  }
  bool Remove(std::string_view key, std::string_view member) {
    KeySlot slot = At(key);
    Result<bool> removed = SortedSetValue(slot).Remove(member);
    EXPECT_TRUE(removed);
    return removed && *removed;
  }
  Elements All(std::string_view key) {
    const KeySlot slot = At(key);
    return slot.Exists() ? AllOf(SortedSetView::Of(slot)) : Elements{};
  }
  static Elements AllOf(const SortedSetView& view) {
    Elements all;
    view.ForEach([&](std::string_view member, double score) { all.emplace_back(score, member); });
    return all;
  }

  Keyspace keyspace_{KeyspaceOptions{}};
  AccessContext context_;
};

TEST_F(SortedSetValueTest, IsOrderedByScoreThenMember) {
  EXPECT_EQ(Put("z", 2, "b"), Outcome::kAdded);
  EXPECT_EQ(Put("z", 2, "a"), Outcome::kAdded);
  EXPECT_EQ(Put("z", -kInfinity, "low"), Outcome::kAdded);
  EXPECT_EQ(Put("z", 0.5, "7"), Outcome::kAdded);
  EXPECT_EQ(All("z"), (Elements{{-kInfinity, "low"}, {0.5, "7"}, {2, "a"}, {2, "b"}}));
  EXPECT_EQ(At("z").EncodingName(), "listpack");
  EXPECT_EQ(Put("z", 3, "low"), Outcome::kUpdated);
  EXPECT_EQ(Put("z", 3, "low"), Outcome::kUnchanged);
  EXPECT_EQ(All("z"), (Elements{{0.5, "7"}, {2, "a"}, {2, "b"}, {3, "low"}}));
}

TEST_F(SortedSetValueTest, ObeysTheConditionsOfAnUpdate) {
  for (const size_t entries_max : {size_t{128}, size_t{0}}) {
    value_limits.zset_max_listpack_entries = entries_max;
    const std::string key = "z" + std::to_string(entries_max);
    EXPECT_EQ(Put(key, 1, "a", {.only_existing = true}), Outcome::kRefused);
    EXPECT_FALSE(At(key).Exists());
    EXPECT_EQ(Put(key, 1, "a", {.only_new = true}), Outcome::kAdded);
    EXPECT_EQ(Put(key, 2, "a", {.only_new = true}), Outcome::kRefused);
    EXPECT_EQ(Put(key, 0, "a", {.only_greater = true}), Outcome::kRefused);
    EXPECT_EQ(Put(key, 2, "a", {.only_greater = true}), Outcome::kUpdated);
    EXPECT_EQ(Put(key, 3, "a", {.only_less = true}), Outcome::kRefused);
    EXPECT_EQ(Put(key, 1, "a", {.only_less = true}), Outcome::kUpdated);
    EXPECT_EQ(Put(key, 2.5, "a", {.increments = true}), Outcome::kUpdated);
    EXPECT_EQ(Put(key, kInfinity, "a"), Outcome::kUpdated);
    KeySlot slot = At(key);
    EXPECT_FALSE(SortedSetValue(slot).Put("a", -kInfinity, {.increments = true}));
    EXPECT_EQ(All(key), (Elements{{kInfinity, "a"}}));
    EXPECT_EQ(slot.EncodingName(), entries_max == 0 ? "skiplist" : "listpack");
  }
}

TEST_F(SortedSetValueTest, BecomesLargeAtTheLimits) {
  value_limits.zset_max_listpack_entries = 4;
  for (int i = 0; i < 4; ++i) Put("z", i, std::to_string(i));
  EXPECT_EQ(At("z").EncodingName(), "listpack");
  Put("z", 4, "4");
  EXPECT_EQ(At("z").EncodingName(), "skiplist");
  EXPECT_EQ(All("z").size(), 5U);
  EXPECT_TRUE(Remove("z", "4"));
  EXPECT_EQ(At("z").EncodingName(), "skiplist");
  Put("long", 1, std::string(64, 'x'));
  EXPECT_EQ(At("long").EncodingName(), "listpack");
  Put("long", 1, std::string(65, 'x'));
  EXPECT_EQ(At("long").EncodingName(), "skiplist");
  Put("first", 1, std::string(65, 'x'));
  EXPECT_EQ(At("first").EncodingName(), "skiplist");
}

TEST_F(SortedSetValueTest, TheLastMemberTakesTheKeyAlong) {
  for (const size_t entries_max : {size_t{128}, size_t{0}}) {
    value_limits.zset_max_listpack_entries = entries_max;
    Put("z", 1, "a");
    EXPECT_FALSE(Remove("z", "b"));
    EXPECT_TRUE(Remove("z", "a"));
    EXPECT_FALSE(At("z").Exists());
    EXPECT_FALSE(Remove("z", "a"));
    EXPECT_EQ(keyspace_.Memory().external_bytes, 0U);
  }
}

TEST_F(SortedSetValueTest, KeepsFractionsExactly) {
  const double fractions[] = {0.1, 1.0 / 3, 1e300, -1e-300, 4611686018427387904.0, 9.3e18, 3.0000000000000004};
  for (const double score : fractions) {
    Put("z", score, "m");
    EXPECT_EQ(SortedSetView::Of(At("z")).Score("m"), score);
  }
  Put("z", 1, "m");
  Put("z", -0.0, "m");
  EXPECT_FALSE(std::signbit(*SortedSetView::Of(At("z")).Score("m")));
}

// In a table a score takes the room it needs, which grows and does not shrink.
TEST_F(SortedSetValueTest, LargeSetsKeepEveryScoreExactly) {
  value_limits.zset_max_listpack_entries = 0;
  const double scores[] = {
      0,      -0.0,      1,          -1, 2147483647.0, 2147483648.0, -2147483648.0, -2147483649.0, .5, 1e18, -1e300,
      5e-324, kInfinity, -kInfinity, 3};
  for (const double first : scores) {
    for (const double second : scores) {
      Put("z", 7, "before");
      Put("z", first, "m");
      Put("z", 7, "behind");
      EXPECT_EQ(Put("z", second, "m"), first == second ? Outcome::kUnchanged : Outcome::kUpdated);
      const double kept = first == second ? first : second;  // Zeros are equal, whatever their sign.
      const SortedSetView view = SortedSetView::Of(At("z"));
      ASSERT_FALSE(view.is_packed());
      EXPECT_EQ(view.Score("m"), kept);
      EXPECT_EQ(std::signbit(*view.Score("m")), std::signbit(kept));
      EXPECT_EQ(view.Score("before"), 7);
      EXPECT_EQ(view.Score("behind"), 7);
      EXPECT_TRUE(static_cast<const LargeSortedSet*>(At("z").ReadRoot())->IsConsistent());
      At("z").Erase();
    }
  }
  EXPECT_EQ(keyspace_.Memory().external_bytes, 0U);
}

TEST_F(SortedSetValueTest, ASharedSetStaysAsItWas) {
  value_limits.zset_max_listpack_entries = 0;
  for (int i = 0; i < 3000; ++i) Put("z", i % 50, "member" + std::to_string(i));
  KeySlot copy = At("copy");
  ASSERT_TRUE(At("z").CopyTo(copy).ok());
  const Elements before = All("z");
  for (int i = 0; i < 3000; i += 2) Remove("z", "member" + std::to_string(i));
  for (int i = 1; i < 3000; i += 2) Put("z", -i, "member" + std::to_string(i));
  EXPECT_EQ(All("copy"), before);
  EXPECT_EQ(All("z").size(), 1500U);
  At("z").Erase();
  EXPECT_EQ(All("copy"), before);
  At("copy").Erase();
  EXPECT_EQ(keyspace_.Memory().external_bytes, 0U);
}

TEST_F(SortedSetValueTest, BuildersMakeTheSmallestForm) {
  value_limits.zset_max_listpack_entries = 1000;
  for (const int count : {1, 200, 257, 1000, 1001, 5000}) {
    SortedSetBuilder builder;
    for (int i = count; i > 0; --i) {
      Result<bool> added = builder.Add("m" + std::to_string(i), i / 3);
      ASSERT_TRUE(added && *added);
    }
    Result<bool> again = builder.Add("m1", 7);
    EXPECT_TRUE(again && !*again);
    EXPECT_EQ(builder.count(), static_cast<uint64_t>(count));
    const Elements all = AllOf(builder.View());
    EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
    KeySlot slot = At("z");
    ASSERT_TRUE(builder.Finish(slot, Expiry::kClear).ok());
    EXPECT_EQ(slot.EncodingName(), count > 1000 ? "skiplist" : "listpack");
    EXPECT_EQ(All("z"), all);
  }
}

TEST_F(SortedSetValueTest, StoresPackedBytesInTheFormTheLimitsAskFor) {
  std::string bytes = MakeListpack();
  for (int i = 0; i < 10; ++i) InsertIntoPackedSortedSet(bytes, "m" + std::to_string(i), 10 - i);
  ASSERT_TRUE(PackedSortedSet::IsValid(bytes));
  KeySlot slot = At("z");
  ASSERT_TRUE(StorePackedSortedSet(slot, bytes, Expiry::kClear).ok());
  EXPECT_EQ(slot.EncodingName(), "listpack");
  const Elements all = All("z");
  value_limits.zset_max_listpack_entries = 9;
  ASSERT_TRUE(StorePackedSortedSet(slot, bytes, Expiry::kClear).ok());
  EXPECT_EQ(slot.EncodingName(), "skiplist");
  EXPECT_EQ(All("z"), all);
}

TEST(PackedSortedSet, RefusesWhatIsNoSortedSet) {
  std::string odd = MakeListpack();
  EXPECT_FALSE(PackedSortedSet::IsValid(odd));
  AppendToListpack(odd, "a");
  EXPECT_FALSE(PackedSortedSet::IsValid(odd));
  AppendToListpack(odd, "nan");
  EXPECT_FALSE(PackedSortedSet::IsValid(odd));
  std::string twice = MakeListpack();
  for (int i = 0; i < 2; ++i) {
    AppendToListpack(twice, "a");
    AppendToListpack(twice, i);
    EXPECT_EQ(PackedSortedSet::IsValid(twice), i == 0);
  }
  EXPECT_FALSE(PackedSortedSet::IsValid("short"));
}

// Random commands against a std::map, in each form and with many equal scores, with copies that must not change.
class SortedSetModel : public SortedSetValueTest, public ::testing::WithParamInterface<size_t> {
 protected:
  void Check(const std::map<std::string, double>& model) {
    Elements expected;
    for (const auto& [member, score] : model) expected.emplace_back(score, member);
    std::sort(expected.begin(), expected.end());
    ASSERT_EQ(All("z"), expected);
    if (model.empty()) return;
    const SortedSetView view = SortedSetView::Of(At("z"));
    ASSERT_EQ(view.Count(), model.size());
    if (!view.is_packed()) {
      ASSERT_TRUE(static_cast<const LargeSortedSet*>(At("z").ReadRoot())->IsConsistent());
    }
    CheckRanks(view, expected);
    CheckRanges(view, expected);
    CheckScan(view, model);
  }

  void CheckRanks(const SortedSetView& view, const Elements& expected) {
    const uint64_t rank = random_.Below(expected.size());
    const auto ranked = view.Rank(expected[rank].second);
    ASSERT_TRUE(ranked);
    EXPECT_EQ(ranked->rank, rank);
    EXPECT_EQ(ranked->score, expected[rank].first);
    EXPECT_FALSE(view.Rank("missing"));
    uint64_t at = rank + 1;
    for (SortedSetView::Cursor cursor(view, rank); !cursor.IsEnd(); cursor.Previous()) {
      ASSERT_GT(at, 0U);
      --at;
      ASSERT_EQ(cursor.member(), expected[at].second);
      ASSERT_EQ(cursor.score(), expected[at].first);
    }
    EXPECT_EQ(at, 0U);
    EXPECT_TRUE(SortedSetView::Cursor(view, expected.size()).IsEnd());
    for (const bool is_reverse : {false, true}) CheckVisit(view, expected, is_reverse);
  }

  void CheckVisit(const SortedSetView& view, const Elements& expected, bool is_reverse) {
    RankRange range{random_.Below(expected.size()), 0};
    range.count = random_.Below(expected.size() - range.first + 1);
    const auto from = expected.begin() + static_cast<std::ptrdiff_t>(range.first);
    Elements wanted(from, from + static_cast<std::ptrdiff_t>(range.count));
    if (is_reverse) std::reverse(wanted.begin(), wanted.end());
    Elements seen;
    view.VisitRange(range, is_reverse,
                    [&seen](std::string_view member, double score) { seen.emplace_back(score, member); });
    ASSERT_EQ(seen, wanted);
  }

  void CheckRanges(const SortedSetView& view, const Elements& expected) {
    ScoreRange scores{.min = RandomScore(), .max = RandomScore()};
    scores.excludes_min = random_.Below(2) == 0;
    scores.excludes_max = random_.Below(2) == 0;
    const std::string low = RandomMember();
    const std::string high = RandomMember();
    LexRange lex{{LexBound::Kind::kInclusive, low}, {LexBound::Kind::kExclusive, high}};
    uint64_t in_scores = 0;
    bool one_score = true;
    uint64_t in_lex = 0;
    for (const auto& [score, member] : expected) {
      in_scores += !scores.IsBefore(score) && !scores.IsBehind(score);
      in_lex += !lex.IsBefore(member) && !lex.IsBehind(member);
      one_score = one_score && score == expected[0].first;
    }
    EXPECT_EQ(view.Select(scores).count, in_scores);
    if (one_score) {
      EXPECT_EQ(view.Select(lex).count, in_lex);
    }
  }

  static void CheckScan(const SortedSetView& view, const std::map<std::string, double>& model) {
    std::map<std::string, double> seen;
    uint64_t cursor = 0;
    do {
      cursor = view.Scan(cursor, 10, [&](std::string_view member, double score) { seen[std::string(member)] = score; });
    } while (cursor != 0);
    EXPECT_EQ(seen, model);
  }

  double RandomScore() { return static_cast<double>(random_.Below(score_count_)) / 4; }
  std::string RandomMember() {
    std::string member = std::to_string(random_.Below(2000));
    if (random_.Below(50) == 0) member.insert(0, 700, 'x');
    return member;
  }

  void Step(std::map<std::string, double>& model, bool grows) {
    const std::string member = RandomMember();
    if (random_.Below(10) < (grows ? 8U : 4U)) {
      const double score = RandomScore();
      const bool is_new = !model.contains(member);
      const Outcome expected = is_new                   ? Outcome::kAdded
                               : model[member] == score ? Outcome::kUnchanged
                                                        : Outcome::kUpdated;
      ASSERT_EQ(Put("z", score, member), expected);
      model[member] = score;
    } else if (random_.Below(20) == 0 && !model.empty()) {
      RemoveRandomRange(model);
    } else {
      ASSERT_EQ(Remove("z", member), model.erase(member) == 1);
    }
  }

  void RemoveRandomRange(std::map<std::string, double>& model) {
    const Elements all = All("z");
    RankRange range;
    range.first = random_.Below(all.size());
    range.count = std::min<uint64_t>(random_.Below(100), all.size() - range.first);
    KeySlot slot = At("z");
    ASSERT_TRUE(SortedSetValue(slot).RemoveRange(range).ok());
    for (uint64_t i = 0; i < range.count; ++i) model.erase(all[range.first + i].second);
  }

  Random random_{1};
  uint64_t score_count_ = 1;
};

TEST_P(SortedSetModel, MatchesAMap) {
  SCOPED_TRACE(PropertyTrace());
  value_limits.zset_max_listpack_entries = GetParam();
  value_limits.zset_max_listpack_value = 1000;
  for (size_t round = 0; round < PropertyRounds(12); ++round) {
    random_.Seed(PropertySeed() + round);
    constexpr uint64_t kScoreCounts[] = {1, 5, 1'000'000};
    score_count_ = kScoreCounts[round % 3];
    std::map<std::string, double> model;
    Elements copied;
    for (int step = 0; step < 3000; ++step) {
      Step(model, step < 2000);
      if (random_.Below(300) == 0 && !model.empty()) {
        ASSERT_EQ(All("copy"), copied);
        KeySlot copy = At("copy");
        ASSERT_TRUE(At("z").CopyTo(copy).ok());
        copied = All("z");
      }
      if (step % 211 == 0) Check(model);
    }
    Check(model);
    ASSERT_EQ(All("copy"), copied);
    At("copy").Erase();
    At("z").Erase();
    EXPECT_EQ(keyspace_.Memory().external_bytes, 0U);
  }
}

INSTANTIATE_TEST_SUITE_P(Forms, SortedSetModel, ::testing::Values(size_t{0}, size_t{128}, size_t{100'000}));

// Grown in order, backwards and at random, a large set is compact; so it is when most of it is gone again.
TEST_F(SortedSetValueTest, StaysCompact) {
  value_limits.zset_max_listpack_entries = 0;
  for (const int order : {0, 1, 2}) {
    Random random(7);
    LargeSortedSet* const set = LargeSortedSet::Create();
    constexpr int kCount = 50'000;
    const auto member_of = [](int i) { return "element:" + std::to_string(100'000'000'000 + i); };
    for (int i = 0; i < kCount; ++i) {
      const std::string member = member_of(i);
      const double score = order == 0 ? i : order == 1 ? -i : static_cast<double>(random.Below(1 << 30));
      ASSERT_TRUE(set->Insert(member, HashKey(member), score).ok());
    }
    EXPECT_LT(static_cast<double>(set->memory_bytes()) / kCount, 54) << order;
    RecordProperty("bytes" + std::to_string(order), std::to_string(set->memory_bytes() / kCount));
    uint64_t removed = 0;
    ASSERT_TRUE(set->RemoveRange({100, kCount - 1100}, removed).ok());
    EXPECT_TRUE(set->IsConsistent());
    EXPECT_EQ(set->count(), 1100U);
    EXPECT_LT(static_cast<double>(set->memory_bytes()) / 1100, 120) << order;
    LargeSortedSet::Drop(set);
  }
}

}  // namespace
}  // namespace cachenode
