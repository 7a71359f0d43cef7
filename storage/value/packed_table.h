// A hash table of byte strings, each with an optional payload, in packed blocks: large sets, large hashes, and the
// index of large sorted sets.
//
// Linear hashing: one bucket is split or merged per change, so that no change stalls, and buckets keep the order of the
// key hash's bits reversed, which is what makes cursors survive. Root -> segments of 64 pointers -> blocks of about a
// dozen records (packed_block.h); copy-on-write as shared_root.h says.
// Thread-safety: a table that somebody else holds too is immutable, and so readable by any thread. Changes are for the
//   holder of its one reference (KeySlot::EditRoot).
// Invariants: keys are unique. Records of more than kInlineRecordBytesMax lie in a ByteBlock of their own. memory_bytes
//   is exact, as if nothing were shared.
// Errors: a change answers that there was no memory, and then the table is as it was.
// Views: a PackedRecord lives until the next change.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "storage/base/function_ref.h"
#include "storage/base/hash.h"
#include "storage/base/random.h"
#include "storage/value/packed_block.h"
#include "storage/value/shared_root.h"

namespace cachenode {

class PackedTable final : public SharedRoot {
 public:
  static constexpr size_t kInlineRecordBytesMax = 512;
  static constexpr unsigned kCursorBits = 48;

  // An empty table, or null.
  [[nodiscard]] static PackedTable* Create(RecordPayload payload) noexcept;
  // For KeySlot::EditRoot: the same records, sharing all nodes; null when there is no memory.
  [[nodiscard]] PackedTable* CloneShallow() const noexcept;
  // Gives one reference back, on any thread; the last one frees everything.
  static void Drop(PackedTable* table) noexcept;

  [[nodiscard]] uint64_t count() const noexcept { return count_; }
  // About how many heap blocks Drop would free.
  [[nodiscard]] size_t block_count() const noexcept { return bucket_count_ + external_count_ + 1; }
  [[nodiscard]] RecordPayload payload() const noexcept { return payload_; }

  // `hash` is HashKey(key), everywhere. Empty when there is none.
  [[nodiscard]] PackedRecord Find(std::string_view key, uint64_t hash) const noexcept {
    return FindIf(hash, [key](const PackedRecord& record) { return record.key == key; });
  }
  [[nodiscard]] PackedRecord Find(std::string_view key) const noexcept { return Find(key, HashKey(key)); }
  // The first record `match` accepts among the few whose hash resembles `hash`, for callers who know a record by
  // something else than its key.
  template <typename Match>
  [[nodiscard]] PackedRecord FindIf(uint64_t hash, Match&& match) const noexcept {
    const PackedBlock* const block = BlockAt(BucketOf(hash));
    if (block == nullptr) return {};
    const size_t slot = block->FindSlot(TagOf(hash), match);
    return slot == PackedBlock::kNoSlot ? PackedRecord{} : block->At(slot);
  }
  // The record that `confirms` accepts, of which the caller knows that it is there. When it is the only one with the
  // tag of `hash`, nothing is asked.
  template <typename Confirms>
  [[nodiscard]] PackedRecord FindKnown(uint64_t hash, Confirms&& confirms) const noexcept {
    const PackedBlock* const block = BlockAt(BucketOf(hash));
    if (block == nullptr) [[unlikely]]
      return {};
    const size_t slot = block->FindOnlySlot(TagOf(hash));
    return slot != PackedBlock::kNoSlot ? block->At(slot) : FindIf(hash, confirms);
  }
  // Asks the processor for the memory Find will look at; `hash` of a later lookup.
  void Prefetch(uint64_t hash) const noexcept { __builtin_prefetch(BlockOf(hash)); }
  // For PackedLookup: where a record of this hash is, if it is there, and what tag it has in the block; may be null.
  [[nodiscard]] const PackedBlock* BlockOf(uint64_t hash) const noexcept { return BlockAt(BucketOf(hash)); }
  [[nodiscard]] static uint8_t TagOf(uint64_t hash) noexcept { return static_cast<uint8_t>(hash >> 56); }

  // --- Changing; requires IsUnique() -----------------------------------------------------------------------------

  enum class Change : uint8_t { kNone, kDone, kNoMemory };

  // For tables without payload: adds a key. kNone when it is there already. `key` must not lie in this table.
  [[nodiscard]] Change Add(std::string_view key, uint64_t hash) noexcept;
  // The same for a key that is known to be missing.
  [[nodiscard]] Change AddMissing(std::string_view key, uint64_t hash) noexcept {
    return PutNew(key, hash, 0) == nullptr ? Change::kNoMemory : Change::kDone;
  }
  // The payload of `key`, `payload_bytes` long, for the caller to write whole before anything else: of the record that
  // is there, keeping the payload's common prefix (`existed`), or of a new one. Null when there is no memory.
  [[nodiscard]] char* Put(std::string_view key, uint64_t hash, size_t payload_bytes, bool& existed) noexcept;
  // The payload of a record that Find answered for this hash, for writing; null when it is shared or lies outside: Put
  // knows what to do then.
  [[nodiscard]] char* PayloadInPlace(const PackedRecord& record, uint64_t hash) noexcept {
    const uint64_t bucket = BucketOf(hash);
    PackedBlock* const block = BlockAt(bucket);
    const bool is_own = segments_[bucket >> kSegmentBits]->refs.IsUnique() && block->IsUnique();
    return is_own && !block->has_external() ? block->PayloadOf(record) : nullptr;
  }
  // kNone when there is no such key. kNoMemory can happen only while nodes are shared. `key` may lie in this table.
  [[nodiscard]] Change Erase(std::string_view key, uint64_t hash) noexcept;

  // --- Going through ---------------------------------------------------------------------------------------------

  // A record drawn fairly: each with the same chance. Requires count() > 0. Expected O(1).
  [[nodiscard]] PackedRecord RandomRecord(Random& random) const noexcept;
  // Visits whole buckets from `cursor` on until `count` records were visited, and answers the cursor to go on with,
  // below 2^48, 0 at the end. A key that stays is visited at least once between 0 and 0, whatever happens to others.
  // An arbitrary cursor is harmless.
  uint64_t Scan(uint64_t cursor, size_t count, FunctionRef<void(const PackedRecord&)> visit) const;

  // Goes through all records of a table that does not change meanwhile, in no order.
  class Iterator {
   public:
    explicit Iterator(const PackedTable& table) noexcept : table_(&table) {}
    // False at the end.
    [[nodiscard]] bool Next(PackedRecord& record) noexcept;

   private:
    const PackedTable* table_;
    uint64_t bucket_ = 0;
    size_t slot_ = 0;
  };

  // How many records each bucket holds, in no order.
  void VisitBuckets(FunctionRef<void(size_t count)> visit) const;
  // Visits every record, in no order, until `visit` answers false. The table must not change meanwhile.
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    PackedRecord record;
    for (Iterator iterator(*this); iterator.Next(record);) {
      if (!visit(record)) return;
    }
  }

  // --- Deadlines of fields, kept by the hash class; shared with copies as everything else --------------------------

  struct Deadlines {
    int64_t earliest_ms = -1;  // Unix milliseconds; may be early, never late; -1: none.
    uint64_t count = 0;        // Records that have one.
  };
  [[nodiscard]] const Deadlines& deadlines() const noexcept { return deadlines_; }
  void SetDeadlines(const Deadlines& deadlines) noexcept { deadlines_ = deadlines; }
  // Each segment, about 800 records, has a bound of its own, so that looking for due records does not mean looking at
  // all. A record has this deadline; to be told right after its Put.
  void LowerSegmentBound(uint64_t hash, int64_t deadline_ms) noexcept {
    int64_t& bound = segments_[BucketOf(hash) >> kSegmentBits]->earliest_ms;
    if (deadline_ms < bound) bound = deadline_ms;
  }
  [[nodiscard]] uint32_t segment_count() const noexcept { return segment_count_; }
  // INT64_MAX: no record has a deadline. May be early, never late.
  [[nodiscard]] int64_t SegmentBound(uint32_t segment) const noexcept { return segments_[segment]->earliest_ms; }
  // Sets it to what a visit found. False when there is no memory.
  [[nodiscard]] bool SetSegmentBound(uint32_t segment, int64_t earliest_ms) noexcept {
    if (EditBucket(uint64_t{segment} << kSegmentBits) == nullptr) return false;
    segments_[segment]->earliest_ms = earliest_ms;
    return true;
  }
  template <typename Visit>
  void VisitSegment(uint32_t segment, Visit&& visit) const {
    for (const PackedBlock* const block : segments_[segment]->blocks) {
      for (size_t slot = 0; block != nullptr && slot < block->count(); ++slot) visit(block->At(slot));
    }
  }

 private:
  static constexpr unsigned kSegmentBits = 6;
  static constexpr uint64_t kSegmentBuckets = uint64_t{1} << kSegmentBits;

  struct Segment {
    NodeRefs refs;
    PackedBlock* blocks[kSegmentBuckets] = {};
    int64_t earliest_ms = INT64_MAX;  // No record's deadline is earlier.
  };

  explicit PackedTable(RecordPayload payload) noexcept : payload_(payload) {}
  ~PackedTable() = default;

  [[nodiscard]] uint64_t BucketOf(uint64_t hash) const noexcept {
    const uint64_t bucket = hash & bucket_mask_;
    return bucket < bucket_count_ ? bucket : bucket & (bucket_mask_ >> 1);
  }
  [[nodiscard]] PackedBlock* BlockAt(uint64_t bucket) const noexcept {
    return segments_[bucket >> kSegmentBits]->blocks[bucket & (kSegmentBuckets - 1)];
  }
  [[nodiscard]] unsigned BitsOf(uint64_t bucket) const noexcept;
  [[nodiscard]] size_t RawBytes(const char* raw) const noexcept;
  [[nodiscard]] size_t PayloadBytes(const char* payload) const noexcept;
  [[nodiscard]] static size_t SegmentBytes() noexcept;
  [[nodiscard]] static Segment* CloneSegment(const Segment* segment) noexcept;
  static void DropSegment(Segment* segment) noexcept;
  // The place of a bucket's pointer, in a segment nobody else holds; null when there is no memory.
  [[nodiscard]] PackedBlock** EditBucket(uint64_t bucket) noexcept;
  // Makes *place a block that nobody else holds, with room for so much more; false when there is no memory.
  [[nodiscard]] bool MakeRoom(PackedBlock** place, size_t more_slots, size_t more_bytes) noexcept;
  [[nodiscard]] char* PutNew(std::string_view key, uint64_t hash, size_t payload_bytes) noexcept;
  [[nodiscard]] char* PutOver(PackedBlock** place, size_t slot, std::string_view key, size_t payload_bytes) noexcept;
  // Writes the record's key and answers where its payload goes; `external` when it has a block of its own.
  char* WriteRecord(PackedBlock* block, char* raw, std::string_view key, ByteBlockRef external) noexcept;
  void ForgetExternal(ByteBlock* external) noexcept;
  void ReplaceBlock(PackedBlock** place, PackedBlock* block) noexcept;
  void FitBlock(PackedBlock** place) noexcept;
  void GrowByOne() noexcept;
  void ShrinkByOne() noexcept;
  [[nodiscard]] bool ReserveBucket() noexcept;
  // Records of bucket `from` went to bucket `to`, both in segments nobody else holds.
  void CarryBound(uint64_t from, uint64_t to) noexcept {
    int64_t& bound = segments_[to >> kSegmentBits]->earliest_ms;
    bound = std::min(bound, segments_[from >> kSegmentBits]->earliest_ms);
  }
  [[nodiscard]] bool SplitBlock(PackedBlock** from, PackedBlock** to, uint64_t bit) noexcept;
  void CopyRecord(const PackedBlock& from, size_t slot, PackedBlock* to) const noexcept;
  void SetBucketCount(uint64_t count) noexcept;

  Segment** segments_ = nullptr;
  uint64_t count_ = 0;
  uint64_t bucket_count_ = 0;
  uint64_t bucket_mask_ = 0;  // The next power of two from bucket_count_ on, minus one.
  uint64_t external_count_ = 0;
  uint32_t segment_count_ = 0;
  uint32_t segment_capacity_ = 0;
  uint16_t fullest_ = 0;  // No block ever held more records.
  RecordPayload payload_;
  Deadlines deadlines_;
};

// --- Payloads ----------------------------------------------------------------------------------------------------

struct RecordField {
  std::string_view value;
  int64_t deadline_ms = -1;  // Unix milliseconds below 2^48; -1: none.
};
[[nodiscard]] RecordField ReadRecordField(const char* payload) noexcept;
[[nodiscard]] size_t RecordFieldBytes(const RecordField& field) noexcept;
void PutRecordField(char* payload, const RecordField& field) noexcept;

}  // namespace cachenode
