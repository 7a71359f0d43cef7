#include "storage/value/packed_block.h"

#include <cassert>
#include <new>

#include "storage/base/memory.h"

namespace cachenode {

namespace {

// First bytes of lengths that do not fit into one.
constexpr uint8_t kLength16 = 252;
constexpr uint8_t kLength32 = 253;
constexpr uint8_t kLength64 = 254;

template <typename T>
char* PutTagged(char* to, uint8_t tag, uint64_t length) noexcept {
  const auto stored = static_cast<T>(length);
  *to = static_cast<char>(tag);
  std::memcpy(to + 1, &stored, sizeof(stored));
  return to + 1 + sizeof(stored);
}

template <typename T>
const char* ReadTagged(const char* from, uint64_t& length) noexcept {
  T stored;
  std::memcpy(&stored, from + 1, sizeof(stored));
  length = stored;
  return from + 1 + sizeof(stored);
}

}  // namespace

char* PutRecordLength(char* to, uint64_t length) noexcept {
  if (length < kLength16) {
    *to = static_cast<char>(length);
    return to + 1;
  }
  if (length <= UINT16_MAX) return PutTagged<uint16_t>(to, kLength16, length);
  if (length <= UINT32_MAX) return PutTagged<uint32_t>(to, kLength32, length);
  return PutTagged<uint64_t>(to, kLength64, length);
}

const char* detail::ReadLongRecordLength(const char* from, uint64_t& length) noexcept {
  const auto first = static_cast<uint8_t>(*from);
  assert(first <= kLength64);
  if (first == kLength16) return ReadTagged<uint16_t>(from, length);
  if (first == kLength32) return ReadTagged<uint32_t>(from, length);
  return ReadTagged<uint64_t>(from, length);
}

PackedBlock* PackedBlock::Create(size_t slots, size_t records_bytes) noexcept {
  assert(records_bytes <= kRecordsBytesMax);
  if (slots > kSlotsMax) return nullptr;
  const size_t wanted = kHeaderBytes + slots * kSlotBytes + records_bytes;
  const size_t unit_mask = kCapacityUnit - 1;
  // What the allocator gives may be no multiple of the unit; what is asked for must be one.
  const size_t good = memory::GoodSize(wanted < kBlockBytesMin ? kBlockBytesMin : (wanted + unit_mask) & ~unit_mask);
  const size_t capacity = good & ~unit_mask;
  void* const raw = memory::Allocate(capacity);
  return raw == nullptr ? nullptr : new (raw) PackedBlock(capacity, slots);
}

PackedBlock* PackedBlock::CopyWithRoom(size_t more_slots, size_t more_bytes) const noexcept {
  PackedBlock* const copy = Create(SlotsFor(count_ + more_slots), records_bytes_ + more_bytes);
  if (copy == nullptr) return nullptr;
  std::memcpy(copy->Tags(), Tags(), count_);
  std::memcpy(copy->Places(), Places(), count_ * sizeof(uint16_t));
  std::memcpy(copy->Records(), Records(), records_bytes_);
  copy->count_ = count_;
  copy->records_bytes_ = records_bytes_;
  copy->has_external_ = has_external_;
  return copy;
}

void PackedBlock::AddRefToExternal() const noexcept {
  if (!has_external_) return;
  for (size_t slot = 0; slot < count_; ++slot) {
    if (IsExternal(RawAt(slot))) ExternalOf(RawAt(slot))->AddRef();
  }
}

void PackedBlock::Drop(PackedBlock* block) noexcept {
  if (block == nullptr || !block->refs_.DropRef()) return;
  if (block->has_external_) {
    for (size_t slot = 0; slot < block->count_; ++slot) {
      if (IsExternal(block->RawAt(slot))) ExternalOf(block->RawAt(slot))->DropRef();
    }
  }
  FreeEmptied(block);
}

void PackedBlock::FreeEmptied(PackedBlock* block) noexcept {
  const size_t memory_bytes = block->MemoryBytes();
  block->~PackedBlock();
  memory::Free(block, memory_bytes);
}

bool PackedBlock::WidenSlots() noexcept {
  const size_t old_slots = slots();
  const size_t new_slots = old_slots + kSlotStep;
  if (new_slots > kSlotsMax || kHeaderBytes + new_slots * kSlotBytes + records_bytes_ > MemoryBytes()) return false;
  char* const bytes = Bytes();
  std::memmove(bytes + new_slots * kSlotBytes, bytes + old_slots * kSlotBytes, records_bytes_);
  std::memmove(bytes + new_slots, bytes + old_slots, count_ * sizeof(uint16_t));
  slot_steps_ = static_cast<uint8_t>(new_slots / kSlotStep);
  return true;
}

char* PackedBlock::Append(uint8_t tag, size_t raw_bytes) noexcept {
  assert(HasRoom(1, raw_bytes));
  const size_t slot = count_++;
  Tags()[slot] = tag;
  SetPlace(slot, records_bytes_);
  char* const raw = Records() + records_bytes_;
  records_bytes_ = static_cast<uint16_t>(records_bytes_ + raw_bytes);
  return raw;
}

// Adds `by` to every place behind `behind`.
void PackedBlock::ShiftPlaces(size_t behind, ptrdiff_t by) noexcept {
  char* const places = Places();
  const auto limit = static_cast<uint16_t>(behind);
  const auto step = static_cast<uint16_t>(by);  // Modulo 2^16, as the addition is.
  for (size_t slot = 0; slot < count_; ++slot) {
    uint16_t place;
    std::memcpy(&place, places + slot * sizeof(place), sizeof(place));
    place = static_cast<uint16_t>(place + (place > limit ? step : 0));
    std::memcpy(places + slot * sizeof(place), &place, sizeof(place));
  }
}

void PackedBlock::Remove(size_t slot, size_t raw_bytes) noexcept {
  const size_t place = PlaceAt(slot);
  char* const raw = Records() + place;
  std::memmove(raw, raw + raw_bytes, records_bytes_ - place - raw_bytes);
  ShiftPlaces(place, -static_cast<ptrdiff_t>(raw_bytes));
  records_bytes_ = static_cast<uint16_t>(records_bytes_ - raw_bytes);
  const size_t last = --count_;
  Tags()[slot] = Tags()[last];
  SetPlace(slot, PlaceAt(last));
}

char* PackedBlock::Resize(size_t slot, size_t old_bytes, size_t new_bytes) noexcept {
  const size_t place = PlaceAt(slot);
  char* const raw = Records() + place;
  if (old_bytes == new_bytes) return raw;
  std::memmove(raw + new_bytes, raw + old_bytes, records_bytes_ - place - old_bytes);
  ShiftPlaces(place, static_cast<ptrdiff_t>(new_bytes) - static_cast<ptrdiff_t>(old_bytes));
  records_bytes_ = static_cast<uint16_t>(records_bytes_ + new_bytes - old_bytes);
  return raw;
}

}  // namespace cachenode
