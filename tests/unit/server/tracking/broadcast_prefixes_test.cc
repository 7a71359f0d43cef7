#include "server/tracking/broadcast_prefixes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cachenode {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(BroadcastPrefixes, NotesAKeyUnderEachPrefixItHas) {
  BroadcastPrefixes prefixes;
  prefixes.Add("", 1);
  prefixes.Add("ab", 2);
  prefixes.Add("abcd", 3);
  prefixes.Add("x", 4);
  ChangedKeys changed;
  prefixes.Note("abc", 7, changed);
  EXPECT_THAT(changed.TakeAll(),
              ElementsAre(Pair("", ElementsAre(Pair("abc", 7))), Pair("ab", ElementsAre(Pair("abc", 7)))));
  EXPECT_TRUE(changed.empty());
}

TEST(BroadcastPrefixes, TheLastChangeOfAKeyNamesItsClient) {
  BroadcastPrefixes prefixes;
  prefixes.Add("k", 1);
  ChangedKeys changed;
  prefixes.Note("k1", 7, changed);
  prefixes.Note("k1", 0, changed);
  EXPECT_THAT(changed.TakeAll(), ElementsAre(Pair("k", ElementsAre(Pair("k1", 0)))));
}

TEST(BroadcastPrefixes, APrefixGoesWithItsLastClient) {
  BroadcastPrefixes prefixes;
  prefixes.Add("k", 1);
  prefixes.Add("k", 2);
  prefixes.Remove("k", 1);
  EXPECT_EQ(prefixes.Count(), 1U);
  EXPECT_THAT(prefixes.ClientsOf("k"), ElementsAre(2));
  prefixes.Remove("k", 2);
  EXPECT_EQ(prefixes.Count(), 0U);
  ChangedKeys changed;
  prefixes.Note("k1", 7, changed);
  EXPECT_THAT(changed.TakeAll(), IsEmpty());
}

TEST(ChangedKeys, AreFullAtTheirLimit) {
  ChangedKeys changed;
  for (size_t i = 0; i < ChangedKeys::kKeysMax; ++i) {
    EXPECT_FALSE(changed.full());
    changed.Add("", std::to_string(i), 1);
  }
  EXPECT_TRUE(changed.full());
}

}  // namespace
}  // namespace cachenode
