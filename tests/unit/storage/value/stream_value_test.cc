#include "storage/value/stream_value.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "storage/base/memory.h"
#include "storage/keyspace.h"
#include "storage/value/stream_builder.h"
#include "storage/value/value_limits.h"

namespace cachenode {
namespace {

using Direction = StreamCursor::Direction;
using Texts = std::vector<std::string_view>;

class StreamValueTest : public ::testing::Test {
 protected:
  StreamValueTest() { context_.SetNow(1'700'000'000'000); }
  ~StreamValueTest() override { value_limits = before_; }

  KeySlot At(std::string_view key) { return keyspace_.Locate(0, key, context_); }
  StreamView View(std::string_view key = "s") { return StreamView::Of(At(key)); }
  void Add(StreamId id, const Texts& fields = {"f", "v"}) {
    KeySlot slot = At("s");
    StreamValue stream(slot);
    ASSERT_TRUE(stream.Open().ok());
    ASSERT_TRUE(stream.Append(id, fields).ok());
  }
  uint64_t Trim(const StreamTrim& trim) {
    KeySlot slot = At("s");
    StreamValue stream(slot);
    EXPECT_TRUE(stream.Open().ok());
    Result<uint64_t> removed = stream.Trim(trim);
    return removed ? *removed : UINT64_MAX;
  }

  Keyspace keyspace_{KeyspaceOptions{}};
  AccessContext context_;
  const ValueLimits before_ = value_limits;
};

TEST_F(StreamValueTest, NodesAreTheBytesRdbStores) {
  Add({1526919030474, 55}, {"temperature", "10", "humidity", "x"});
  Add({1526919030474, 56}, {"temperature", "11", "humidity", "y"});
  Add({1526919030475, 0}, {"other", "1"});
  std::string bytes;
  View().ForEachNode([&](StreamId master, std::string_view node) {
    EXPECT_EQ(master, (StreamId{1526919030474, 55}));
    bytes.append(node);
  });
  // As redis-server 7.0.15 keeps these three.
  const std::string_view kExpected(
      "\x54\x00\x00\x00\x19\x00"
      "\x03\x01\x00\x01\x02\x01\x8btemperature\x0c\x88humidity\x09\x00\x01"
      "\x02\x01\x00\x01\x00\x01\x0a\x01\x81x\x02\x05\x01"
      "\x02\x01\x00\x01\x01\x01\x0b\x01\x81y\x02\x05\x01"
      "\x00\x01\x01\x01\xdf\xc9\x02\x01\x01\x85other\x06\x01\x01\x06\x01"
      "\xff",
      0x54);
  EXPECT_EQ(bytes, kExpected);
}

TEST_F(StreamValueTest, ApproximateTrimTakesWholeNodes) {
  for (uint64_t i = 1; i <= 350; ++i) Add({i, 0});
  StreamTrim trim;
  trim.by = StreamTrim::By::kLength;
  trim.length = 120;
  trim.whole_nodes = true;
  trim.limit = 10'000;
  EXPECT_EQ(Trim(trim), 200U);
  EXPECT_EQ(View().length(), 150U);
  EXPECT_EQ(View().history().first_id, (StreamId{201, 0}));
  EXPECT_TRUE(View().history().max_deleted_id.IsZero()) << "trimming is not deleting";
}

TEST_F(StreamValueTest, NodeLimitsOfZeroMeanNone) {
  value_limits.stream_node_max_entries = 0;
  value_limits.stream_node_max_bytes = 0;
  for (uint64_t i = 1; i <= 2000; ++i) Add({i, 0});
  EXPECT_EQ(View().node_count(), 1U);
  EXPECT_EQ(View().length(), 2000U);
}

TEST_F(StreamValueTest, SpareEntriesThatGroupsStillNeed) {
  for (uint64_t i = 1; i <= 4; ++i) Add({i, 0});
  KeySlot slot = At("s");
  {
    StreamValue stream(slot);
    ASSERT_TRUE(stream.Open().ok());
    ASSERT_TRUE(stream.CreateGroup("g", {3, 0}, std::nullopt).ok());
    StreamGroup* const group = stream.EditGroup("g");
    Result<ConsumerNumber> consumer = group->AddConsumer("c", 1);
    ASSERT_TRUE(consumer.ok());
    ASSERT_TRUE(group->Assign({.id = {2, 0}, .delivered_at_ms = 1, .deliveries = 1, .consumer = *consumer}).ok());
  }
  StreamTrim trim;
  trim.by = StreamTrim::By::kLength;
  trim.references = StreamReferences::kOnlyAcknowledged;
  EXPECT_EQ(Trim(trim), 2U) << "2-0 is pending, 4-0 not read";
  trim.references = StreamReferences::kDelete;
  EXPECT_EQ(Trim(trim), 2U);
  EXPECT_EQ(View().FindGroup("g")->pending().count(), 0U);
  EXPECT_TRUE(slot.Exists()) << "an empty stream stays";
}

// The group holds exactly these, all of one consumer, delivered as many times as their ids say.
void ExpectPending(const StreamGroup& group, const std::vector<StreamId>& ids) {
  ASSERT_EQ(group.pending().count(), ids.size());
  ASSERT_EQ(group.consumer_count(), 1U);
  ASSERT_EQ(group.consumer(0).pending().count(), ids.size());
  auto records = group.pending().From(kStreamIdMin);
  auto owned = group.consumer(0).pending().From(kStreamIdMin);
  for (const StreamId id : ids) {
    const PendingEntry* const record = records.Next();
    ASSERT_EQ(record->id, id);
    ASSERT_EQ(record->consumer, group.consumer(0).number());
    ASSERT_EQ(record->deliveries, id.ms);
    ASSERT_EQ(owned.Next()->id, id);
    ASSERT_EQ(group.pending().Find(id), record);
  }
  ASSERT_EQ(records.Next(), nullptr);
}

// How a consumer is taken out of its group depends on what stays: nothing, little, about as much, nearly all.
TEST_F(StreamValueTest, ConsumersLeaveWithWhatIsPendingForThem) {
  constexpr uint64_t kEntries = 20'000;
  struct Share {
    uint64_t run;     // Entries delivered to one consumer before the other gets some.
    uint64_t period;  // One run of so many is the other's; 0: none.
    bool other_goes;  // The one with the few runs is removed.
  };
  const Share kShares[] = {{1, 0, false},   {1, 5000, false}, {1, 30, false},  {1, 2, false},
                           {100, 2, false}, {100, 20, false}, {1, 4, false},   {1, 4, true},
                           {100, 20, true}, {1, 200, true},   {1, 5000, true}, {30'000, 1, true}};
  for (const Share& share : kShares) {
    for (const bool is_shared : {false, true}) {
      SCOPED_TRACE(::testing::Message() << share.run << '/' << share.period << share.other_goes << is_shared);
      std::vector<StreamId> staying;
      staying.reserve(kEntries);  // Its memory counts as well.
      const size_t bytes_before = memory::UsedBytes();
      StreamGroupRef group(StreamGroup::Create("g", {}, std::nullopt));
      const ConsumerNumber one = *group->AddConsumer("one", 1);
      const ConsumerNumber other = *group->AddConsumer("other", 1);
      for (uint64_t i = 1; i <= kEntries; ++i) {
        const bool is_other = share.period != 0 && i / share.run % share.period == 0;
        ASSERT_TRUE(group->Assign({{i, 0}, 7, i, is_other ? other : one}).ok());
        if (is_other != share.other_goes) staying.push_back({i, 0});
      }
      const StreamGroupRef copy(is_shared ? group->CloneShallow() : nullptr);
      ASSERT_TRUE(group->RemoveConsumer(share.other_goes ? other : one).ok());
      ExpectPending(*group, staying);
      EXPECT_EQ(group->FindConsumer(share.other_goes ? "other" : "one"), nullptr);
      if (is_shared) {
        EXPECT_EQ(copy->pending().count(), kEntries);
        EXPECT_EQ(copy->ByNumber(one).pending().count() + copy->ByNumber(other).pending().count(), kEntries);
      } else {
        EXPECT_EQ(memory::UsedBytes() - bytes_before, group->memory_bytes());
      }
    }
  }
}

TEST_F(StreamValueTest, CopiesShareUntilOneChanges) {
  for (uint64_t i = 1; i <= 1000; ++i) Add({i, 0});
  KeySlot from = At("s");
  KeySlot to = At("t");
  ASSERT_TRUE(from.CopyTo(to).ok());
  Add({2000, 0});
  EXPECT_EQ(View("s").length(), 1001U);
  EXPECT_EQ(View("t").length(), 1000U);
  At("s").Erase();
  EXPECT_TRUE(View("t").Find({500, 0}).has_value());
  EXPECT_EQ(At("t").EncodingName(), "stream");
}

TEST_F(StreamValueTest, BuilderRefusesWhatDoesNotFitTogether) {
  Add({1, 0});
  Add({2, 0});
  std::string node;
  View().ForEachNode([&](StreamId, std::string_view bytes) { node.assign(bytes); });
  const StreamHistory history{.last_id = {2, 0}, .first_id = {1, 0}, .max_deleted_id = {}, .entries_added = 2};
  {
    StreamBuilder builder;
    EXPECT_FALSE(builder.AddNode({1, 0}, node.substr(0, node.size() - 1)).ok());
  }
  {
    StreamBuilder builder;
    ASSERT_TRUE(builder.AddNode({1, 0}, node).ok());
    EXPECT_FALSE(builder.AddNode({1, 0}, node).ok()) << "ids must ascend";
  }
  {
    StreamBuilder builder;
    ASSERT_TRUE(builder.AddNode({1, 0}, node).ok());
    EXPECT_FALSE(builder.SetHistory(3, history).ok()) << "length";
  }
  {
    StreamBuilder builder;
    ASSERT_TRUE(builder.AddNode({1, 0}, node).ok());
    ASSERT_TRUE(builder.SetHistory(2, history).ok());
    ASSERT_TRUE(builder.AddGroup("g", {2, 0}, 2).ok());
    ASSERT_TRUE(builder.AddPending({1, 0}, 1, 1).ok());
    EXPECT_FALSE(builder.AddPending({1, 0}, 1, 1).ok()) << "twice pending";
  }
  {
    StreamBuilder builder;
    ASSERT_TRUE(builder.AddNode({1, 0}, node).ok());
    ASSERT_TRUE(builder.SetHistory(2, StreamId{2, 0}).ok());
    ASSERT_TRUE(builder.AddGroup("g", {2, 0}).ok());
    ASSERT_TRUE(builder.AddPending({1, 0}, 1, 1).ok());
    ASSERT_TRUE(builder.AddConsumer("c", 1, 1).ok());
    EXPECT_FALSE(builder.AddConsumerPending({2, 0}).ok()) << "not pending";
    KeySlot slot = At("t");
    EXPECT_FALSE(builder.Finish(slot, Expiry::kClear).ok()) << "1-0 has no consumer";
    EXPECT_FALSE(slot.Exists());
  }
}

TEST_F(StreamValueTest, IdsAreReadAndWritten) {
  EXPECT_EQ(ParseStreamId("5", 7), (StreamId{5, 7}));
  EXPECT_EQ(ParseStreamId("18446744073709551615-18446744073709551615", 0), kStreamIdMax);
  for (const char* text : {"", "-", "+", "a", "1-", "-1", "1-a", "1-2-3", "18446744073709551616-0"}) {
    EXPECT_FALSE(ParseStreamId(text, 0).has_value()) << text;
  }
  StreamIdScratch scratch;
  EXPECT_EQ(FormatStreamId(kStreamIdMax, scratch), "18446744073709551615-18446744073709551615");
  EXPECT_FALSE(NextStreamId(kStreamIdMax).has_value());
  EXPECT_EQ(PreviousStreamId({1, 0}), (StreamId{0, UINT64_MAX}));
}

}  // namespace
}  // namespace cachenode
