// One bucket of a PackedTable: a counted block of records, each with a one-byte tag and a place.
//
//   header 12 B | u8 tag[slots] | u16 place[slots] | records, one behind the other | unused
//   record = key length | key | payload, or 0xFF | 8 bytes: a counted reference to a ByteBlock with such a record
//   length = 1 byte below 252, else 252 + u16, 253 + u32 or 254 + u64
// Thread-safety: as every node of a large value (shared_root.h): changed only by the holder of its one reference.
// Invariants: places count from the first record; records tile their area in any order; the block fills a size class
//   of the allocator.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "storage/base/byte_block.h"
#include "storage/value/shared_root.h"

namespace cachenode {

// What follows the key in every record of a table.
enum class RecordPayload : uint8_t {
  kNone,   // Sets.
  kScore,  // A score and what tells records of equal hashes apart: record_score.h.
  kField,  // Length of the value << 1 | has deadline; the value; 6 bytes: Unix milliseconds.
};

// A record as it is seen: key and payload, borrowed from the block. Empty when there is none.
struct PackedRecord {
  std::string_view key;
  const char* payload = nullptr;

  explicit operator bool() const noexcept { return payload != nullptr; }
};

// A length in front of bytes.
[[nodiscard]] constexpr size_t RecordLengthBytes(uint64_t length) noexcept {
  if (length < 252) return 1;
  if (length <= UINT16_MAX) return 1 + sizeof(uint16_t);
  return length <= UINT32_MAX ? 1 + sizeof(uint32_t) : 1 + sizeof(uint64_t);
}
char* PutRecordLength(char* to, uint64_t length) noexcept;
namespace detail {
const char* ReadLongRecordLength(const char* from, uint64_t& length) noexcept;
}
// Returns the end of what was read.
[[nodiscard]] inline const char* ReadRecordLength(const char* from, uint64_t& length) noexcept {
  const auto first = static_cast<uint8_t>(*from);
  if (first >= 252) [[unlikely]]
    return detail::ReadLongRecordLength(from, length);
  length = first;
  return from + 1;
}

class PackedBlock {
 public:
  static constexpr size_t kSlotStep = 8;
  static constexpr size_t kSlotBytes = sizeof(uint8_t) + sizeof(uint16_t);
  static constexpr size_t kSlotsMax = UINT8_MAX * kSlotStep;
  static constexpr size_t kRecordsBytesMax = UINT16_MAX;
  static constexpr char kExternal = '\xFF';  // In the place of the key's length.
  static constexpr size_t kExternalBytes = 1 + sizeof(ByteBlock*);

  // An empty block with room for so many slots and bytes of records, or null. Requires records_bytes <=
  // kRecordsBytesMax.
  [[nodiscard]] static PackedBlock* Create(size_t slots, size_t records_bytes) noexcept;
  // The same records with room for so much more, or null. Who keeps the original too calls AddRefToExternal; who does
  // not frees it by FreeEmptied. Requires that the sums stay within the limits.
  [[nodiscard]] PackedBlock* CopyWithRoom(size_t more_slots, size_t more_bytes) const noexcept;
  // One more reference to each ByteBlock, for a copy of the records.
  void AddRefToExternal() const noexcept;
  // Gives a reference back; the last one frees block and ByteBlocks.
  static void Drop(PackedBlock* block) noexcept;
  // Frees a block whose records were copied elsewhere with the references they hold. Requires IsUnique().
  static void FreeEmptied(PackedBlock* block) noexcept;

  PackedBlock(const PackedBlock&) = delete;
  PackedBlock& operator=(const PackedBlock&) = delete;

  [[nodiscard]] bool IsUnique() const noexcept { return refs_.IsUnique(); }
  void AddRef() noexcept { refs_.AddRef(); }
  [[nodiscard]] size_t count() const noexcept { return count_; }
  [[nodiscard]] size_t records_bytes() const noexcept { return records_bytes_; }
  [[nodiscard]] size_t slots() const noexcept { return size_t{slot_steps_} * kSlotStep; }
  [[nodiscard]] bool has_external() const noexcept { return has_external_; }
  // Heap bytes of this block, without its ByteBlocks.
  [[nodiscard]] size_t MemoryBytes() const noexcept { return size_t{capacity_units_} * kCapacityUnit; }

  [[nodiscard]] uint8_t TagAt(size_t slot) const noexcept { return Tags()[slot]; }
  // The record's own bytes: what external ones hold is a reference.
  [[nodiscard]] const char* RawAt(size_t slot) const noexcept { return Records() + PlaceAt(slot); }
  [[nodiscard]] char* RawAt(size_t slot) noexcept { return Records() + PlaceAt(slot); }
  [[nodiscard]] static bool IsExternal(const char* raw) noexcept { return *raw == kExternal; }
  [[nodiscard]] static ByteBlock* ExternalOf(const char* raw) noexcept {
    ByteBlock* block;
    std::memcpy(&block, raw + 1, sizeof(block));
    return block;
  }
  // The record wherever its bytes lie.
  [[nodiscard, gnu::always_inline]] PackedRecord At(size_t slot) const noexcept {
    const char* raw = RawAt(slot);
    if (IsExternal(raw)) [[unlikely]]
      raw = ExternalOf(raw)->data();
    uint64_t length;
    const char* const key = ReadRecordLength(raw, length);
    return {{key, static_cast<size_t>(length)}, key + length};
  }

  static constexpr size_t kNoSlot = SIZE_MAX;
  // The first slot whose tag is `tag` and whose record `match` accepts; kNoSlot when there is none.
  template <typename Match>
  [[nodiscard]] size_t FindSlot(uint8_t tag, Match&& match) const noexcept {
    const uint8_t* const tags = Tags();
    for (size_t base = 0; base < count_; base += kTagsAtOnce) {
      uint32_t mask = MatchTags(tags + base, tag);
      if (count_ - base < kTagsAtOnce) mask &= (1U << (count_ - base)) - 1;
      for (; mask != 0; mask &= mask - 1) {
        const size_t slot = base + static_cast<size_t>(std::countr_zero(mask));
        if (match(At(slot))) return slot;
      }
    }
    return kNoSlot;
  }

  // The one slot whose tag is `tag`; kNoSlot when there is none, and when there are several.
  [[nodiscard]] size_t FindOnlySlot(uint8_t tag) const noexcept {
    const uint8_t* const tags = Tags();
    size_t found = kNoSlot;
    for (size_t base = 0; base < count_; base += kTagsAtOnce) {
      uint32_t mask = MatchTags(tags + base, tag);
      if (count_ - base < kTagsAtOnce) mask &= (1U << (count_ - base)) - 1;
      if (mask == 0) continue;
      if ((mask & (mask - 1)) != 0 || found != kNoSlot) [[unlikely]]
        return kNoSlot;
      found = base + static_cast<size_t>(std::countr_zero(mask));
    }
    return found;
  }

  // --- Changing; each requires IsUnique() ------------------------------------------------------------------------

  // Whether one more slot and so many more bytes of records fit.
  [[nodiscard]] bool HasRoom(size_t more_slots, size_t more_bytes) const noexcept {
    return count_ + more_slots <= slots() && records_bytes_ + more_bytes <= kRecordsBytesMax &&
           kHeaderBytes + slots() * kSlotBytes + records_bytes_ + more_bytes <= MemoryBytes();
  }
  // Makes room for kSlotStep more slots where the block has the bytes for them; false when it has not.
  [[nodiscard]] bool WidenSlots() noexcept;
  // Adds a record of so many bytes for the caller to write. Requires HasRoom.
  char* Append(uint8_t tag, size_t raw_bytes) noexcept;
  // Takes a record of `raw_bytes` out; the last slot takes its place. What it refers to is the caller's.
  void Remove(size_t slot, size_t raw_bytes) noexcept;
  // Makes a record longer or shorter, for the caller to write anew. Requires HasRoom for what it grows by.
  char* Resize(size_t slot, size_t old_bytes, size_t new_bytes) noexcept;
  void NoteExternal() noexcept { has_external_ = true; }
  // The payload of a record in this block, for writing. Requires that the record is not external.
  [[nodiscard]] char* PayloadOf(const PackedRecord& record) noexcept { return Bytes() + (record.payload - Bytes()); }
  // How many slots a block of `count` records is made with.
  [[nodiscard]] static size_t SlotsFor(size_t count) noexcept {
    return (count + kSlotStep - 1) / kSlotStep * kSlotStep;
  }
  // Whether a smaller block would do.
  [[nodiscard]] bool IsSlack() const noexcept {
    return kHeaderBytes + SlotsFor(count_) * kSlotBytes + records_bytes_ + kSlackBytes < MemoryBytes() / 4 * 3;
  }

 private:
  static constexpr size_t kHeaderBytes = 12;
  static constexpr size_t kCapacityUnit = 8;
  static constexpr size_t kTagsAtOnce = 16;
  static constexpr size_t kBlockBytesMin = 48;  // A look at 16 tags stays inside.
  static constexpr size_t kSlackBytes = 64;

  PackedBlock(size_t capacity_bytes, size_t slots) noexcept
      : capacity_units_(static_cast<uint16_t>(capacity_bytes / kCapacityUnit)),
        slot_steps_(static_cast<uint8_t>(slots / kSlotStep)) {}
  ~PackedBlock() = default;

  [[nodiscard]] const char* Bytes() const noexcept { return reinterpret_cast<const char*>(this) + kHeaderBytes; }
  [[nodiscard]] char* Bytes() noexcept { return reinterpret_cast<char*>(this) + kHeaderBytes; }
  [[nodiscard]] const uint8_t* Tags() const noexcept { return reinterpret_cast<const uint8_t*>(Bytes()); }
  [[nodiscard]] uint8_t* Tags() noexcept { return reinterpret_cast<uint8_t*>(Bytes()); }
  [[nodiscard]] const char* Places() const noexcept { return Bytes() + slots(); }
  [[nodiscard]] char* Places() noexcept { return Bytes() + slots(); }
  [[nodiscard]] const char* Records() const noexcept { return Bytes() + slots() * kSlotBytes; }
  [[nodiscard]] char* Records() noexcept { return Bytes() + slots() * kSlotBytes; }
  [[nodiscard]] size_t PlaceAt(size_t slot) const noexcept {
    uint16_t place;
    std::memcpy(&place, Places() + slot * sizeof(place), sizeof(place));
    return place;
  }
  void SetPlace(size_t slot, size_t place) noexcept {
    const auto stored = static_cast<uint16_t>(place);
    std::memcpy(Places() + slot * sizeof(stored), &stored, sizeof(stored));
  }
  void ShiftPlaces(size_t behind, ptrdiff_t by) noexcept;

  // Bit i is set when tags[i] is `tag`. Reads kTagsAtOnce bytes.
  [[nodiscard]] static uint32_t MatchTags(const uint8_t* tags, uint8_t tag) noexcept {
#if defined(__SSE2__)
    const __m128i line = _mm_loadu_si128(reinterpret_cast<const __m128i*>(tags));
    const __m128i equal = _mm_cmpeq_epi8(line, _mm_set1_epi8(static_cast<char>(tag)));
    return static_cast<uint32_t>(_mm_movemask_epi8(equal));
#else
    uint32_t mask = 0;
    for (uint32_t i = 0; i < kTagsAtOnce; ++i) mask |= static_cast<uint32_t>(tags[i] == tag) << i;
    return mask;
#endif
  }

  NodeRefs refs_;
  uint16_t capacity_units_;
  uint16_t records_bytes_ = 0;
  uint16_t count_ = 0;
  uint8_t slot_steps_;
  bool has_external_ = false;
};

}  // namespace cachenode
