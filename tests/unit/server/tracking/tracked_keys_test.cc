#include "server/tracking/tracked_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cachenode {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(TrackedKeys, AnswersWhoReadAKeyOnce) {
  TrackedKeys keys(2);
  keys.Add(1, "a", 9);
  keys.Add(1, "a", 3);
  keys.Add(1, "a", 9);
  EXPECT_EQ(keys.KeyCount(), 1U);
  EXPECT_EQ(keys.ItemCount(), 2U);
  EXPECT_THAT(keys.Take(1, "a"), ElementsAre(3, 9));
  EXPECT_THAT(keys.Take(1, "a"), IsEmpty());
  EXPECT_EQ(keys.KeyCount(), 0U);
  EXPECT_EQ(keys.ItemCount(), 0U);
}

TEST(TrackedKeys, TakesSomeKeyOfTheShardUntilNoneIsLeft) {
  TrackedKeys keys(2);
  keys.Add(0, "a", 1);
  keys.Add(0, "b", 1);
  keys.Add(1, "c", 1);
  EXPECT_TRUE(keys.TakeAny(0).has_value());
  EXPECT_TRUE(keys.TakeAny(0).has_value());
  EXPECT_FALSE(keys.TakeAny(0).has_value());
  EXPECT_EQ(keys.KeyCount(), 1U);
}

TEST(TrackedKeys, ClearForgetsAllShards) {
  TrackedKeys keys(2);
  keys.Add(0, "a", 1);
  keys.Add(1, "b", 1);
  keys.Clear();
  EXPECT_EQ(keys.KeyCount(), 0U);
  EXPECT_EQ(keys.ItemCount(), 0U);
  EXPECT_THAT(keys.Take(0, "a"), IsEmpty());
}

}  // namespace
}  // namespace cachenode
