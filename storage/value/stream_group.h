// A stream's consumer group: how far it read, what was delivered and not acknowledged, and its consumers.
//
// Thread-safety: groups and consumers are nodes of the stream (NodeRefs): shared ones are immutable, a unique group
//   belongs to the shard's lock.
// Invariants: a pending entry is in the group's map and in the map of exactly one consumer, which the group's record
//   names by number; names are unique and in byte order. memory_bytes() is exact, shared nodes counted in full.
// Cost: a snapshot that holds the stream copies nothing. The first change of a group behind it copies the group (8
//   bytes a consumer, twice), the consumer it concerns (no pending entries) and of each map one leaf and its path:
//   about 6 KB, whatever the number of pending entries.
// Errors: memory only; Err::kOutOfMemory leaves the group valid, and unchanged where a method does not say otherwise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "storage/base/result.h"
#include "storage/value/pending_map.h"
#include "storage/value/pointer_array.h"
#include "storage/value/shared_root.h"
#include "storage/value/stream_id.h"

namespace cachenode {

// Names a consumer within its group for as long as it lives.
using ConsumerNumber = uint32_t;
inline constexpr ConsumerNumber kNoConsumer = UINT32_MAX;

// An entry that was delivered and not acknowledged.
struct PendingEntry {
  StreamId id;
  int64_t delivered_at_ms = 0;  // Unix milliseconds of the last delivery.
  uint64_t deliveries = 0;
  uint64_t consumer = kNoConsumer;  // A ConsumerNumber; 64 bits wide so that no byte of a record is undefined.
};
// What a consumer knows of one.
struct PendingId {
  StreamId id;
};

class StreamConsumer : public NodeRefs {
 public:
  static constexpr int64_t kNeverActive = -1;

  [[nodiscard]] std::string_view name() const noexcept;
  [[nodiscard]] ConsumerNumber number() const noexcept { return number_; }
  // Unix milliseconds of the last attempt to read or claim, and of the last that got something.
  [[nodiscard]] int64_t seen_at_ms() const noexcept { return seen_at_ms_; }
  [[nodiscard]] int64_t active_at_ms() const noexcept { return active_at_ms_; }
  [[nodiscard]] const PendingMap<PendingId>& pending() const noexcept { return pending_; }
  [[nodiscard]] size_t memory_bytes() const noexcept;

 private:
  friend class StreamGroup;
  friend struct StreamConsumerDropper;

  StreamConsumer(std::string_view name, ConsumerNumber number, int64_t now_ms) noexcept;
  ~StreamConsumer() = default;
  [[nodiscard]] static StreamConsumer* Create(std::string_view name, ConsumerNumber number, int64_t now_ms) noexcept;
  [[nodiscard]] StreamConsumer* CloneShallow() const noexcept;
  static void Drop(StreamConsumer* consumer) noexcept;

  uint32_t name_bytes_;
  ConsumerNumber number_;
  int64_t seen_at_ms_;
  int64_t active_at_ms_ = kNeverActive;
  PendingMap<PendingId> pending_;
};

struct StreamConsumerDropper {
  void operator()(StreamConsumer* consumer) const noexcept { StreamConsumer::Drop(consumer); }
};
// One reference to a consumer, given back on whatever thread this dies.
using StreamConsumerRef = std::unique_ptr<StreamConsumer, StreamConsumerDropper>;

// What is left to be freed of a consumer that was removed from its group.
struct RemovedConsumer {
  StreamConsumerRef consumer;
  PendingMap<PendingEntry> records;  // The group's map from before, if it has got another one.
  [[nodiscard]] size_t memory_bytes() const noexcept { return consumer->memory_bytes() + records.memory_bytes(); }
};

class StreamGroup : public NodeRefs {
 public:
  // Null when there is no memory.
  [[nodiscard]] static StreamGroup* Create(std::string_view name, StreamId last_id,
                                           std::optional<uint64_t> entries_read) noexcept;
  // A unique group with the same consumers and pending entries. Null when there is no memory.
  [[nodiscard]] StreamGroup* CloneShallow() const noexcept;
  static void Drop(StreamGroup* group) noexcept;

  [[nodiscard]] std::string_view name() const noexcept;
  [[nodiscard]] StreamId last_id() const noexcept { return last_id_; }
  // How many entries of the stream's whole history come before or at last_id(); empty when that is not known.
  [[nodiscard]] std::optional<uint64_t> entries_read() const noexcept { return entries_read_; }
  [[nodiscard]] const PendingMap<PendingEntry>& pending() const noexcept { return pending_; }
  [[nodiscard]] size_t memory_bytes() const noexcept;

  // Consumers in order of their names.
  [[nodiscard]] uint32_t consumer_count() const noexcept { return by_name_.count(); }
  [[nodiscard]] const StreamConsumer& consumer(uint32_t index) const noexcept { return *by_name_.at(index); }
  // Null when there is none. Borrowed until the group changes.
  [[nodiscard]] const StreamConsumer* FindConsumer(std::string_view name) const noexcept;
  [[nodiscard]] const StreamConsumer& ByNumber(uint64_t number) const noexcept {
    return *by_number_.at(static_cast<uint32_t>(number));
  }

  // --- Changing; requires that the group is unique ---

  void SetPosition(StreamId last_id, std::optional<uint64_t> entries_read) noexcept {
    last_id_ = last_id;
    entries_read_ = entries_read;
  }
  // Requires that there is none of this name.
  [[nodiscard]] Result<ConsumerNumber> AddConsumer(std::string_view name, int64_t now_ms);
  // Removes a consumer and everything pending for it; what is answered may be large. O(1) when nothing is pending for
  // others, else O(pending entries of the group), a few nanoseconds each. On failure some entries are gone.
  [[nodiscard]] Result<RemovedConsumer> RemoveConsumer(ConsumerNumber number);
  // Sets both times of a consumer; an empty one stays.
  [[nodiscard]] Status SetTimes(ConsumerNumber number, std::optional<int64_t> seen_at_ms,
                                std::optional<int64_t> active_at_ms);
  // Makes `entry` pending as it is given, in the place of what was known about its id.
  [[nodiscard]] Status Assign(const PendingEntry& entry);
  // Whether `id` was pending; it is not any more.
  [[nodiscard]] Result<bool> Acknowledge(StreamId id);

  // --- For loading: entries come before their consumers ---

  // Adds an entry of no consumer; false when it is there already.
  [[nodiscard]] Result<bool> AddUnowned(const PendingEntry& entry);
  // Gives an entry to a consumer; false when it is not pending or has a consumer.
  [[nodiscard]] Result<bool> GiveUnowned(StreamId id, ConsumerNumber number);

 private:
  StreamGroup(uint32_t name_bytes, StreamId last_id, std::optional<uint64_t> entries_read) noexcept
      : name_bytes_(name_bytes), last_id_(last_id), entries_read_(entries_read) {}
  ~StreamGroup();

  [[nodiscard]] StreamConsumer* EditConsumer(ConsumerNumber number) noexcept;
  // Takes the records of a consumer out of the group's map; what it replaced goes into `replaced`.
  [[nodiscard]] Status TakeRecordsOf(ConsumerNumber number, PendingMap<PendingEntry>& replaced);
  // Changes a consumer's map, keeping count of its bytes.
  [[nodiscard]] bool AddTo(ConsumerNumber number, StreamId id) noexcept;
  [[nodiscard]] bool PrepareTake(ConsumerNumber number, StreamId id) noexcept;
  // Requires PrepareTake, or that the id was just added.
  void TakeFrom(ConsumerNumber number, StreamId id) noexcept;
  [[nodiscard]] ConsumerNumber FreeNumber() const noexcept;

  uint32_t name_bytes_;
  StreamId last_id_;
  std::optional<uint64_t> entries_read_;
  PendingMap<PendingEntry> pending_;
  PointerArray<StreamConsumer> by_name_;
  PointerArray<StreamConsumer> by_number_;  // Null where a consumer was removed. The references are by_name_'s.
  size_t consumers_bytes_ = 0;
};

struct StreamGroupDropper {
  void operator()(StreamGroup* group) const noexcept { StreamGroup::Drop(group); }
};
// One reference to a group, given back on whatever thread this dies.
using StreamGroupRef = std::unique_ptr<StreamGroup, StreamGroupDropper>;

}  // namespace cachenode
