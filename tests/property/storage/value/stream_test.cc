// Random changes of a stream against plain maps: entries and groups, snapshots that must not change, rebuilding from
// the bytes RDB stores, and memory to the byte.
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "storage/base/memory.h"
#include "storage/base/random.h"
#include "storage/keyspace.h"
#include "storage/value/stream_builder.h"
#include "storage/value/stream_value.h"
#include "storage/value/value_limits.h"
#include "tests/support/property.h"

namespace cachenode {
namespace {

using Direction = StreamCursor::Direction;

struct PendingModel {
  std::string consumer;
  int64_t at_ms = 0;
  uint64_t deliveries = 0;
  bool operator==(const PendingModel&) const = default;
};

struct GroupModel {
  StreamId last_id;
  std::map<StreamId, PendingModel> pending;
  std::map<std::string, int64_t> consumers;  // Seen at.
};

struct StreamModel {
  std::map<StreamId, std::vector<std::string>> entries;
  StreamId last_id;
  StreamId max_deleted_id;
  uint64_t added = 0;
  std::map<std::string, GroupModel> groups;
};

std::vector<std::string> FieldsOf(const StreamEntry& entry) {
  std::vector<std::string> fields;
  StreamFieldCursor cursor(entry);
  ListpackElement field;
  ListpackElement value;
  while (cursor.Next(field, value)) {
    ListpackScratch scratch;
    fields.emplace_back(field.Read(scratch));
    fields.emplace_back(value.Read(scratch));
  }
  return fields;
}

void ExpectSameGroup(const StreamGroup& group, const GroupModel& model) {
  ASSERT_EQ(group.last_id(), model.last_id);
  ASSERT_EQ(group.pending().count(), model.pending.size());
  auto cursor = group.pending().From(kStreamIdMin);
  for (const auto& [id, expected] : model.pending) {
    const PendingEntry* const entry = cursor.Next();
    ASSERT_NE(entry, nullptr);
    ASSERT_EQ(entry->id, id);
    const StreamConsumer& owner = group.ByNumber(entry->consumer);
    ASSERT_EQ((PendingModel{std::string(owner.name()), entry->delivered_at_ms, entry->deliveries}), expected);
    ASSERT_NE(owner.pending().Find(id), nullptr);
  }
  ASSERT_EQ(cursor.Next(), nullptr);
  ASSERT_EQ(group.consumer_count(), model.consumers.size());
  uint32_t index = 0;
  uint64_t owned = 0;
  for (const auto& [name, seen_at_ms] : model.consumers) {
    const StreamConsumer& consumer = group.consumer(index++);
    ASSERT_EQ(consumer.name(), name);
    ASSERT_EQ(consumer.seen_at_ms(), seen_at_ms);
    owned += consumer.pending().count();
  }
  ASSERT_EQ(owned, model.pending.size());
}

void ExpectSame(StreamView stream, const StreamModel& model) {
  ASSERT_EQ(stream.length(), model.entries.size());
  ASSERT_EQ(stream.last_id(), model.last_id);
  ASSERT_EQ(stream.history().max_deleted_id, model.max_deleted_id);
  ASSERT_EQ(stream.history().entries_added, model.added);
  ASSERT_EQ(stream.history().first_id, model.entries.empty() ? StreamId{} : model.entries.begin()->first);
  StreamCursor forward = stream.Range(kStreamIdMin, kStreamIdMax, Direction::kForward);
  StreamCursor backward = stream.Range(kStreamIdMin, kStreamIdMax, Direction::kBackward);
  StreamEntry entry;
  for (const auto& [id, fields] : model.entries) {
    ASSERT_TRUE(forward.Next(entry));
    ASSERT_EQ(entry.id, id);
    ASSERT_EQ(FieldsOf(entry), fields);
  }
  ASSERT_FALSE(forward.Next(entry));
  for (auto at = model.entries.rbegin(); at != model.entries.rend(); ++at) {
    ASSERT_TRUE(backward.Next(entry));
    ASSERT_EQ(entry.id, at->first);
  }
  ASSERT_FALSE(backward.Next(entry));
  ASSERT_EQ(stream.group_count(), model.groups.size());
  uint32_t index = 0;
  for (const auto& [name, group] : model.groups) {
    ASSERT_EQ(stream.group(index).name(), name);
    ExpectSameGroup(stream.group(index++), group);
  }
}

// A reference as a running save holds one, and what it must go on showing.
struct Snapshot {
  StreamRoot* root;
  StreamModel model;
};

class StreamHarness {
 public:
  explicit StreamHarness(uint64_t seed) : random_(seed) { context_.SetNow(1'700'000'000'000); }
  ~StreamHarness() {
    for (const Snapshot& snapshot : snapshots_) StreamRoot::Drop(snapshot.root);
  }

  void Run(size_t operations) {
    for (size_t i = 0; i < operations && !::testing::Test::HasFailure(); ++i) {
      Step();
      if (i % 32 == 0) Compare();
      if (i % 64 == 0) ProbeRanges();
      if (i % 128 == 0) Rebuild();
    }
    Compare();
  }

  // Bytes the stream says it takes, and what is free once it is gone. For one without snapshots.
  void CheckMemory() {
    Compare();
    for (const Snapshot& snapshot : snapshots_) StreamRoot::Drop(snapshot.root);
    snapshots_.clear();
    Rebuild();
    KeySlot slot = At("copy");
    const size_t expected = slot.ReadRoot()->memory_bytes();
    slot.ReadRoot()->AddRef();
    StreamRoot* const root = static_cast<StreamRoot*>(slot.ReadRoot());
    slot.Erase();
    const size_t before = memory::UsedBytes();
    StreamRoot::Drop(root);
    EXPECT_EQ(before - memory::UsedBytes(), expected);
  }

 private:
  KeySlot At(std::string_view key) { return keyspace_.Locate(0, key, context_); }

  void Step() {
    switch (random_.Below(20)) {
      case 0:
        return Trim();
      case 1:
        return Delete(1 + random_.Below(5));
      case 2:
        return ChangeGroups();
      case 3:
      case 4:
      case 5:
      case 6:
        return Read();
      case 7:
      case 8:
        return Acknowledge();
      case 9:
        return TakeSnapshot();
      default:
        return Append();
    }
  }

  void Append() {
    const bool usual = random_.Below(4) != 0;
    std::vector<std::string> fields;
    for (size_t i = usual ? 2 : 1 + random_.Below(4); i > 0; --i) {
      fields.push_back(usual ? "field" + std::to_string(i) : std::string(random_.Below(20), 'n'));
      fields.push_back(random_.Below(2) == 0 ? std::to_string(random_.Below(1'000'000))
                                             : std::string(random_.Below(90), 'v'));
    }
    const StreamId id = random_.Below(3) == 0 ? StreamId{model_.last_id.ms + 1 + random_.Below(200), random_.Below(9)}
                                              : *NextStreamId(model_.last_id);
    const std::vector<std::string_view> parts(fields.begin(), fields.end());
    KeySlot slot = At("s");
    StreamValue stream(slot);
    ASSERT_TRUE(stream.Open().ok());
    ASSERT_TRUE(stream.Append(id, parts).ok());
    model_.entries[id] = fields;
    model_.last_id = id;
    ++model_.added;
  }

  StreamId AnyId() {
    if (model_.entries.empty() || random_.Below(5) == 0) return {model_.last_id.ms / 2, random_.Below(3)};
    auto found = model_.entries.lower_bound({random_.Below(model_.last_id.ms + 1), random_.Below(4)});
    return found == model_.entries.end() ? model_.entries.rbegin()->first : found->first;
  }

  void Delete(size_t count) {
    KeySlot slot = At("s");
    StreamValue stream(slot);
    ASSERT_TRUE(stream.Open().ok());
    for (; count > 0; --count) {
      const StreamId id = AnyId();
      Result<bool> gone = stream.Delete(id);
      ASSERT_TRUE(gone.ok());
      ASSERT_EQ(*gone, model_.entries.erase(id) == 1);
      if (*gone) model_.max_deleted_id = std::max(model_.max_deleted_id, id);
    }
    stream.FinishDeleting();
  }

  void Trim() {
    KeySlot slot = At("s");
    StreamValue stream(slot);
    ASSERT_TRUE(stream.Open().ok());
    StreamTrim trim;
    if (random_.Below(2) == 0) {
      trim.by = StreamTrim::By::kLength;
      trim.length = model_.entries.size() - random_.Below(model_.entries.size() / 3 + 1);
    } else {
      trim.by = StreamTrim::By::kId;
      trim.id = {model_.last_id.ms * random_.Below(10) / 20, 1};
    }
    trim.whole_nodes = random_.Below(3) == 0;
    const StreamReferences kKinds[] = {StreamReferences::kKeep, StreamReferences::kDelete,
                                       StreamReferences::kOnlyAcknowledged};
    trim.references = trim.whole_nodes ? StreamReferences::kKeep : kKinds[random_.Below(3)];
    Result<uint64_t> removed = stream.Trim(trim);
    ASSERT_TRUE(removed.ok());
    TrimModel(trim, *removed);
  }

  void TrimModel(const StreamTrim& trim, uint64_t removed) {
    uint64_t expected = 0;
    for (auto at = model_.entries.begin(); at != model_.entries.end();) {
      const bool ends =
          trim.by == StreamTrim::By::kLength ? model_.entries.size() <= trim.length : at->first >= trim.id;
      if (ends || (trim.whole_nodes && expected == removed)) break;
      const StreamId id = at->first;
      if (trim.references == StreamReferences::kOnlyAcknowledged && IsReferenced(id)) {
        ++at;
        continue;
      }
      if (trim.references == StreamReferences::kDelete) {
        for (auto& [name, group] : model_.groups) group.pending.erase(id);
      }
      at = model_.entries.erase(at);
      ++expected;
    }
    ASSERT_EQ(removed, expected);
  }

  bool IsReferenced(StreamId id) const {
    return std::any_of(model_.groups.begin(), model_.groups.end(), [id](const auto& named) {
      return named.second.last_id < id || named.second.pending.contains(id);
    });
  }

  void ChangeGroups() {
    KeySlot slot = At("s");
    StreamValue stream(slot);
    ASSERT_TRUE(stream.Open().ok());
    const std::string name = "group" + std::to_string(random_.Below(4));
    const auto known = model_.groups.find(name);
    if (known == model_.groups.end()) {
      const StreamId from = AnyId();
      ASSERT_TRUE(stream.CreateGroup(name, from, std::nullopt).ok());
      model_.groups[name].last_id = from;
    } else if (random_.Below(4) == 0) {
      ASSERT_TRUE(stream.TakeGroup(name) != nullptr);
      model_.groups.erase(known);
    } else if (!known->second.consumers.empty()) {
      const std::string consumer = known->second.consumers.begin()->first;
      StreamGroup* const group = stream.EditGroup(name);
      ASSERT_TRUE(group->RemoveConsumer(group->FindConsumer(consumer)->number()).ok());
      known->second.consumers.erase(consumer);
      std::erase_if(known->second.pending, [&](const auto& pending) { return pending.second.consumer == consumer; });
    }
  }

  std::string AnyGroup() {
    if (model_.groups.empty()) return {};
    return std::next(model_.groups.begin(), static_cast<std::ptrdiff_t>(random_.Below(model_.groups.size())))->first;
  }

  // Gives some entries, new ones mostly, to a consumer.
  void Read() {
    const std::string name = AnyGroup();
    if (name.empty()) return;
    GroupModel& model = model_.groups[name];
    KeySlot slot = At("s");
    StreamValue stream(slot);
    ASSERT_TRUE(stream.Open().ok());
    StreamGroup* const group = stream.EditGroup(name);
    const std::string consumer = "consumer" + std::to_string(random_.Below(6));
    const auto now_ms = static_cast<int64_t>(random_.Below(1'000'000));
    const StreamConsumer* const known = group->FindConsumer(consumer);
    ASSERT_EQ(known != nullptr, model.consumers.contains(consumer));
    Result<ConsumerNumber> number = known == nullptr ? group->AddConsumer(consumer, now_ms) : known->number();
    ASSERT_TRUE(number.ok());
    ASSERT_TRUE(group->SetTimes(*number, now_ms, now_ms).ok());
    model.consumers[consumer] = now_ms;
    auto at = random_.Below(4) == 0 ? model_.entries.lower_bound(AnyId()) : model_.entries.upper_bound(model.last_id);
    for (size_t left = random_.Below(20); left > 0 && at != model_.entries.end(); --left, ++at) {
      const uint64_t deliveries = random_.Below(5);
      ASSERT_TRUE(group->Assign({at->first, now_ms, deliveries, *number}).ok());
      model.pending[at->first] = {consumer, now_ms, deliveries};
      model.last_id = std::max(model.last_id, at->first);
    }
    group->SetPosition(model.last_id, std::nullopt);
  }

  void Acknowledge() {
    const std::string name = AnyGroup();
    if (name.empty()) return;
    GroupModel& model = model_.groups[name];
    KeySlot slot = At("s");
    StreamValue stream(slot);
    ASSERT_TRUE(stream.Open().ok());
    StreamGroup* const group = stream.EditGroup(name);
    for (size_t left = random_.Below(20); left > 0; --left) {
      StreamId id = AnyId();
      if (!model.pending.empty() && random_.Below(2) == 0) id = model.pending.begin()->first;
      Result<bool> done = group->Acknowledge(id);
      ASSERT_TRUE(done.ok());
      ASSERT_EQ(*done, model.pending.erase(id) == 1);
    }
  }

  void TakeSnapshot() {
    KeySlot slot = At("s");
    if (!slot.Exists()) return;
    if (snapshots_.size() >= 3) {
      ExpectSame(StreamView(*snapshots_.front().root), snapshots_.front().model);
      StreamRoot::Drop(snapshots_.front().root);
      snapshots_.erase(snapshots_.begin());
    }
    slot.ReadRoot()->AddRef();
    snapshots_.push_back({static_cast<StreamRoot*>(slot.ReadRoot()), model_});
  }

  void ProbeRanges() {
    const KeySlot slot = At("s");
    if (!slot.Exists()) return;
    const StreamView stream = StreamView::Of(slot);
    const StreamId start = AnyId();
    const StreamId end = AnyId();
    StreamCursor cursor = stream.Range(start, end, Direction::kForward);
    StreamCursor back = stream.Range(start, end, Direction::kBackward);
    StreamEntry entry;
    std::vector<StreamId> found;
    while (cursor.Next(entry)) found.push_back(entry.id);
    std::vector<StreamId> expected;
    for (auto at = model_.entries.lower_bound(start); at != model_.entries.end() && at->first <= end; ++at) {
      expected.push_back(at->first);
    }
    ASSERT_EQ(found, expected);
    found.clear();
    while (back.Next(entry)) found.push_back(entry.id);
    std::reverse(found.begin(), found.end());
    ASSERT_EQ(found, expected);
    ASSERT_EQ(stream.Find(start).has_value(), model_.entries.contains(start));
    ASSERT_EQ(stream.IsReferenced(start), IsReferenced(start));
  }

  // As RDB does it: nodes as bytes, groups record by record.
  void Rebuild() {
    const KeySlot slot = At("s");
    if (!slot.Exists()) return;
    const StreamView stream = StreamView::Of(slot);
    StreamBuilder builder;
    stream.ForEachNode(
        [&](StreamId master, std::string_view bytes) { ASSERT_TRUE(builder.AddNode(master, bytes).ok()); });
    ASSERT_TRUE(builder.SetHistory(stream.length(), stream.history()).ok());
    for (uint32_t i = 0; i < stream.group_count(); ++i) RebuildGroup(builder, stream.group(i));
    KeySlot copy = At("copy");
    ASSERT_TRUE(builder.Finish(copy, Expiry::kClear).ok());
    ExpectSame(StreamView::Of(copy), model_);
  }

  static void RebuildGroup(StreamBuilder& builder, const StreamGroup& group) {
    ASSERT_TRUE(builder.AddGroup(group.name(), group.last_id(), group.entries_read()).ok());
    auto cursor = group.pending().From(kStreamIdMin);
    while (const PendingEntry* const entry = cursor.Next()) {
      ASSERT_TRUE(builder.AddPending(entry->id, entry->delivered_at_ms, entry->deliveries).ok());
    }
    for (uint32_t i = 0; i < group.consumer_count(); ++i) {
      const StreamConsumer& consumer = group.consumer(i);
      ASSERT_TRUE(builder.AddConsumer(consumer.name(), consumer.seen_at_ms(), consumer.active_at_ms()).ok());
      auto ids = consumer.pending().From(kStreamIdMin);
      while (const PendingId* const id = ids.Next()) ASSERT_TRUE(builder.AddConsumerPending(id->id).ok());
    }
  }

  void Compare() {
    const KeySlot slot = At("s");
    if (!slot.Exists()) return;
    ExpectSame(StreamView::Of(slot), model_);
    for (const Snapshot& snapshot : snapshots_) ExpectSame(StreamView(*snapshot.root), snapshot.model);
  }

  Random random_;
  Keyspace keyspace_{KeyspaceOptions{}};
  AccessContext context_;
  StreamModel model_;
  std::vector<Snapshot> snapshots_;
};

class StreamProperty : public ::testing::TestWithParam<std::pair<size_t, size_t>> {
 protected:
  StreamProperty() {
    value_limits.stream_node_max_bytes = GetParam().first;
    value_limits.stream_node_max_entries = GetParam().second;
  }
  ~StreamProperty() override { value_limits = before_; }

 private:
  const ValueLimits before_ = value_limits;
};

TEST_P(StreamProperty, EqualsPlainMaps) {
  SCOPED_TRACE(PropertyTrace());
  StreamHarness harness(PropertySeed());
  harness.Run(PropertyRounds(4000));
  harness.CheckMemory();
}

INSTANTIATE_TEST_SUITE_P(Nodes, StreamProperty,
                         ::testing::Values(std::pair<size_t, size_t>{4096, 100}, std::pair<size_t, size_t>{4096, 3},
                                           std::pair<size_t, size_t>{300, 0}, std::pair<size_t, size_t>{0, 0}));

}  // namespace
}  // namespace cachenode
