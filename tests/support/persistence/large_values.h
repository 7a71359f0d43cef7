// Large collections of every type for tests of snapshots and loads: made, changed at random, and compared by the bytes
// that RDB stores.
//
// Thread-safety: as the keyspace they live in.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "persistence/rdb_value_codec.h"
#include "storage/keyspace.h"
#include "storage/value/hash_value.h"
#include "storage/value/list_value.h"
#include "storage/value/set_value.h"
#include "storage/value/sorted_set_value.h"
#include "storage/value/stream_value.h"

namespace cachenode {

// (database, key) -> type byte and value as a file without compression holds them, and the deadline.
using EncodedDataSet = std::map<std::pair<uint32_t, std::string>, std::pair<std::string, int64_t>>;

inline RdbEncoding PlainEncoding(int version) {
  RdbEncoding how;
  how.compression = RdbCompression::kOff;
  how.version = version;
  return how;
}

inline std::string EncodeOne(const EntryView& entry, int version) {
  EntryView bare = entry;
  bare.expire_at_ms = -1;
  bare.key = {};
  EncodeBuffer buffer;
  RdbOutput out(buffer, RdbCompression::kOff);
  EXPECT_TRUE(AppendRdbEntry(out, bare, PlainEncoding(version)).ok());
  std::string bytes(buffer.view());
  bytes.erase(1, 1);  // The empty key.
  return bytes;
}

inline EncodedDataSet EncodeAll(const Keyspace& keyspace, int version) {
  EncodedDataSet all;
  for (uint32_t db = 0; db < keyspace.database_count(); ++db) {
    keyspace.ForEach(db, [&](const EntryView& entry) {
      all[{db, std::string(entry.key)}] = {EncodeOne(entry, version), entry.expire_at_ms};
      return true;
    });
  }
  return all;
}

// Adds and removes elements of a collection at random; each type has keys of its own.
class CollectionWriter {
 public:
  explicit CollectionWriter(uint64_t seed) : random_(seed) {}

  static constexpr ValueType kTypes[] = {ValueType::kList, ValueType::kSet, ValueType::kSortedSet, ValueType::kHash,
                                         ValueType::kStream};

  // `count` random changes of the collection at `slot`, which is of `type` or missing; mostly additions while
  // `growing`.
  void Change(ValueType type, KeySlot& slot, int count, bool growing) {
    for (int i = 0; i < count; ++i) {
      const bool add = !slot.Exists() || random_() % 8 < (growing ? 7 : 4);
      ASSERT_TRUE(ChangeOnce(type, slot, add).ok());
    }
  }

 private:
  std::string Element() {
    const uint64_t number = random_() % 200000;
    if (number % 3 == 0) return std::to_string(number);
    std::string text = "element:" + std::to_string(number);
    if (number % 997 == 0) text.append(2000, 'x');
    return text;
  }
  static Status Outcome(Result<bool> result) { return result ? Status::Ok() : result.error(); }

  Status ChangeOnce(ValueType type, KeySlot& slot, bool add) {
    switch (type) {
      case ValueType::kList:
        return ChangeList(ListValue(slot), add);
      case ValueType::kSet:
        return add ? Outcome(SetValue(slot).Add(Element())) : Outcome(SetValue(slot).Remove(Element()));
      case ValueType::kSortedSet:
        return ChangeSortedSet(slot, add);
      case ValueType::kHash:
        return add ? Outcome(HashValue(slot).Set(Element(), Element())) : Outcome(HashValue(slot).Erase(Element()));
      case ValueType::kStream:
        return ChangeStream(slot, add);
      case ValueType::kString:
        break;
    }
    return Status::Ok();
  }
  Status ChangeList(ListValue list, bool add) {
    const ListEnd end = random_() % 2 == 0 ? ListEnd::kFront : ListEnd::kBack;
    if (!add) return list.Pop(end);
    if (list.Count() > 0 && random_() % 4 == 0) return list.Replace(random_() % list.Count(), Element());
    return list.Push(end, Element());
  }
  Status ChangeSortedSet(KeySlot& slot, bool add) {
    if (!add) return Outcome(SortedSetValue(slot).Remove(Element()));
    const double score = static_cast<double>(random_() % 1000) / 8;
    Result<SortedSetValue::Added> added = SortedSetValue(slot).Put(Element(), score, {});
    return added ? Status::Ok() : added.error();
  }
  Status ChangeStream(KeySlot& slot, bool add) {
    StreamValue stream(slot);
    if (Status status = stream.Open(); !status.ok()) return status;
    const StreamId last = stream.view().last_id();
    if (!add && last.ms > 0) {
      Result<bool> deleted = stream.Delete({1 + random_() % last.ms, 0});
      stream.FinishDeleting();
      return Outcome(std::move(deleted));
    }
    const std::string value = Element();
    const std::string_view fields[] = {"field", value};
    if (Status status = stream.Append({last.ms + 1, 0}, fields); !status.ok()) return status;
    if (stream.view().FindGroup("group") == nullptr) return stream.CreateGroup("group", {0, 0}, 0);
    StreamGroup* const group = stream.EditGroup("group");
    if (group == nullptr) return Err::kOutOfMemory;
    if (group->consumer_count() == 0) {
      Result<ConsumerNumber> added = group->AddConsumer("consumer", 1000);
      if (!added) return added.error();
    }
    return group->Assign({{last.ms + 1, 0}, 2000, 1, group->consumer(0).number()});
  }

  std::mt19937_64 random_;
};

}  // namespace cachenode
