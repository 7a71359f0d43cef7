#include "storage/value/packed_table.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <new>

#include "storage/base/background_thread.h"
#include "storage/base/memory.h"
#include "storage/value/record_score.h"

namespace cachenode {

namespace {

// A bucket is split when there are more records than this for each, and merged when there are fewer than that.
constexpr uint64_t kLoadMax = 12;
constexpr uint64_t kLoadMin = 4;
constexpr uint32_t kSegmentCapacityMin = 1;
// Misses of RandomRecord are rare; this many in a row mean that the table is nearly empty buckets.
constexpr int kDrawsMax = 4096;
// Scan looks at this many empty buckets per record it may visit.
constexpr uint64_t kScanBucketsPerRecord = 10;

constexpr uint64_t kCursorEnd = uint64_t{1} << PackedTable::kCursorBits;

// The low 48 bits in reverse order.
constexpr uint64_t ReverseCursor(uint64_t bits) noexcept {
  bits = ((bits >> 1) & 0x5555555555555555U) | ((bits & 0x5555555555555555U) << 1);
  bits = ((bits >> 2) & 0x3333333333333333U) | ((bits & 0x3333333333333333U) << 2);
  bits = ((bits >> 4) & 0x0F0F0F0F0F0F0F0FU) | ((bits & 0x0F0F0F0F0F0F0F0FU) << 4);
  return __builtin_bswap64(bits) >> (64 - PackedTable::kCursorBits);
}

// The bucket that `bucket` was split from, or will be merged into.
constexpr uint64_t ParentOf(uint64_t bucket) noexcept { return bucket - std::bit_floor(bucket); }

constexpr size_t kFieldDeadlineBytes = 6;
// How far ahead an iterator asks for blocks, which lie all over the memory.
constexpr uint64_t kBlocksAhead = 4;

}  // namespace

// --- Payloads ----------------------------------------------------------------------------------------------------

RecordField ReadRecordField(const char* payload) noexcept {
  uint64_t stored;
  const char* const value = ReadRecordLength(payload, stored);
  const size_t size = static_cast<size_t>(stored >> 1);
  RecordField field{{value, size}, -1};
  if ((stored & 1) != 0) {
    uint64_t deadline = 0;
    std::memcpy(&deadline, value + size, kFieldDeadlineBytes);
    field.deadline_ms = static_cast<int64_t>(deadline);
  }
  return field;
}

size_t RecordFieldBytes(const RecordField& field) noexcept {
  const bool has_deadline = field.deadline_ms >= 0;
  return RecordLengthBytes(uint64_t{field.value.size()} << 1 | uint64_t{has_deadline}) + field.value.size() +
         (has_deadline ? kFieldDeadlineBytes : 0);
}

void PutRecordField(char* payload, const RecordField& field) noexcept {
  const bool has_deadline = field.deadline_ms >= 0;
  char* const value = PutRecordLength(payload, uint64_t{field.value.size()} << 1 | uint64_t{has_deadline});
  if (!field.value.empty()) std::memcpy(value, field.value.data(), field.value.size());
  if (!has_deadline) return;
  const auto deadline = static_cast<uint64_t>(field.deadline_ms);
  std::memcpy(value + field.value.size(), &deadline, kFieldDeadlineBytes);
}

// --- Birth and death ---------------------------------------------------------------------------------------------

// What the allocator gives for a segment; all of it is charged.
size_t PackedTable::SegmentBytes() noexcept {
  static const size_t bytes = memory::GoodSize(sizeof(Segment));
  return bytes;
}

PackedTable* PackedTable::Create(RecordPayload payload) noexcept {
  void* const raw = memory::Allocate(sizeof(PackedTable));
  if (raw == nullptr) return nullptr;
  auto* const table = new (raw) PackedTable(payload);
  table->AddMemory(sizeof(PackedTable));
  if (table->ReserveBucket()) [[likely]] {
    table->bucket_count_ = 1;
    return table;
  }
  Drop(table);
  return nullptr;
}

PackedTable* PackedTable::CloneShallow() const noexcept {
  void* const raw = memory::Allocate(sizeof(PackedTable));
  void* const segments = memory::Allocate(segment_capacity_ * sizeof(Segment*));
  if (raw == nullptr || segments == nullptr) {
    memory::Free(raw, sizeof(PackedTable));
    memory::Free(segments, segment_capacity_ * sizeof(Segment*));
    return nullptr;
  }
  auto* const copy = new (raw) PackedTable(payload_);
  copy->segments_ = static_cast<Segment**>(segments);
  std::copy_n(segments_, segment_count_, copy->segments_);
  for (uint32_t i = 0; i < segment_count_; ++i) segments_[i]->refs.AddRef();
  copy->segment_count_ = segment_count_;
  copy->segment_capacity_ = segment_capacity_;
  copy->count_ = count_;
  copy->bucket_count_ = bucket_count_;
  copy->bucket_mask_ = bucket_mask_;
  copy->external_count_ = external_count_;
  copy->fullest_ = fullest_;
  copy->deadlines_ = deadlines_;
  copy->AddMemory(static_cast<int64_t>(memory_bytes()));
  return copy;
}

void PackedTable::Drop(PackedTable* table) noexcept {
  if (table == nullptr || !table->DropRef()) return;
  for (uint32_t i = 0; i < table->segment_count_; ++i) {
    DropSegment(table->segments_[i]);
    GiveWay();
  }
  memory::Free(table->segments_, table->segment_capacity_ * sizeof(Segment*));
  table->~PackedTable();
  memory::Free(table, sizeof(PackedTable));
}

PackedTable::Segment* PackedTable::CloneSegment(const Segment* segment) noexcept {
  void* const raw = memory::Allocate(SegmentBytes());
  if (raw == nullptr) return nullptr;
  auto* const copy = new (raw) Segment;
  std::copy_n(segment->blocks, kSegmentBuckets, copy->blocks);
  copy->earliest_ms = segment->earliest_ms;
  for (PackedBlock* const block : copy->blocks) {
    if (block != nullptr) block->AddRef();
  }
  return copy;
}

void PackedTable::DropSegment(Segment* segment) noexcept {
  if (!segment->refs.DropRef()) return;
  for (PackedBlock* const block : segment->blocks) PackedBlock::Drop(block);
  segment->~Segment();
  memory::Free(segment, SegmentBytes());
}

// --- Buckets -----------------------------------------------------------------------------------------------------

// How many bits of the hash choose this bucket.
unsigned PackedTable::BitsOf(uint64_t bucket) const noexcept {
  const uint64_t half = std::bit_floor(bucket_count_);
  const auto bits = static_cast<unsigned>(std::countr_zero(half));
  return bits + static_cast<unsigned>(bucket >= half || bucket + half < bucket_count_);
}

size_t PackedTable::RawBytes(const char* raw) const noexcept {
  if (PackedBlock::IsExternal(raw)) [[unlikely]]
    return PackedBlock::kExternalBytes;
  uint64_t length;
  const char* const key = ReadRecordLength(raw, length);
  return static_cast<size_t>(key - raw) + static_cast<size_t>(length) + PayloadBytes(key + length);
}

size_t PackedTable::PayloadBytes(const char* payload) const noexcept {
  if (payload_ == RecordPayload::kNone) return 0;
  if (payload_ == RecordPayload::kScore) return RecordScoreRoom(payload);
  uint64_t stored;
  const char* const value = ReadRecordLength(payload, stored);
  return static_cast<size_t>(value - payload) + static_cast<size_t>(stored >> 1) +
         ((stored & 1) != 0 ? kFieldDeadlineBytes : 0);
}

PackedBlock** PackedTable::EditBucket(uint64_t bucket) noexcept {
  Segment*& segment = segments_[bucket >> kSegmentBits];
  if (!segment->refs.IsUnique()) [[unlikely]] {
    Segment* const copy = CloneSegment(segment);
    if (copy == nullptr) return nullptr;
    DropSegment(segment);
    segment = copy;
  }
  return &segment->blocks[bucket & (kSegmentBuckets - 1)];
}

// Puts `block` in the place of one whose records it holds now.
void PackedTable::ReplaceBlock(PackedBlock** place, PackedBlock* block) noexcept {
  PackedBlock* const old = *place;
  AddMemory(static_cast<int64_t>(block->MemoryBytes()) - static_cast<int64_t>(old->MemoryBytes()));
  *place = block;
  if (old->IsUnique()) {
    PackedBlock::FreeEmptied(old);
    return;
  }
  block->AddRefToExternal();
  PackedBlock::Drop(old);
}

bool PackedTable::MakeRoom(PackedBlock** place, size_t more_slots, size_t more_bytes) noexcept {
  PackedBlock* const block = *place;
  if (block == nullptr) {
    PackedBlock* const fresh = PackedBlock::Create(PackedBlock::SlotsFor(more_slots), more_bytes);
    if (fresh == nullptr) return false;
    AddMemory(static_cast<int64_t>(fresh->MemoryBytes()));
    *place = fresh;
    return true;
  }
  if (block->IsUnique()) [[likely]] {
    if (block->HasRoom(more_slots, more_bytes)) [[likely]]
      return true;
    if (block->count() + more_slots > block->slots() && block->WidenSlots() && block->HasRoom(more_slots, more_bytes))
      return true;
  }
  if (block->records_bytes() + more_bytes > PackedBlock::kRecordsBytesMax) return false;
  PackedBlock* const copy = block->CopyWithRoom(more_slots, more_bytes);
  if (copy == nullptr) return false;
  ReplaceBlock(place, copy);
  return true;
}

// Gives back what a block has too much of, when there is memory for a smaller one.
void PackedTable::FitBlock(PackedBlock** place) noexcept {
  PackedBlock* const block = *place;
  if (block->count() == 0) {
    AddMemory(-static_cast<int64_t>(block->MemoryBytes()));
    PackedBlock::Drop(block);
    *place = nullptr;
    return;
  }
  if (!block->IsSlack()) return;
  if (PackedBlock* const copy = block->CopyWithRoom(0, 0); copy != nullptr) ReplaceBlock(place, copy);
}

// --- Changing ----------------------------------------------------------------------------------------------------

PackedTable::Change PackedTable::Add(std::string_view key, uint64_t hash) noexcept {
  if (Find(key, hash)) return Change::kNone;
  return AddMissing(key, hash);
}

char* PackedTable::Put(std::string_view key, uint64_t hash, size_t payload_bytes, bool& existed) noexcept {
  const uint64_t bucket = BucketOf(hash);
  if (const PackedBlock* const block = BlockAt(bucket); block != nullptr) {
    const size_t slot = block->FindSlot(TagOf(hash), [key](const PackedRecord& record) { return record.key == key; });
    if (slot != PackedBlock::kNoSlot) {
      existed = true;
      PackedBlock** const place = EditBucket(bucket);
      return place == nullptr ? nullptr : PutOver(place, slot, key, payload_bytes);
    }
  }
  existed = false;
  return PutNew(key, hash, payload_bytes);
}

// Splitting comes first: afterwards the caller writes the payload, so the record must not move.
char* PackedTable::PutNew(std::string_view key, uint64_t hash, size_t payload_bytes) noexcept {
  assert(payload_ != RecordPayload::kNone || payload_bytes == 0);
  if (count_ >= bucket_count_ * kLoadMax) GrowByOne();
  const size_t plain_bytes = RecordLengthBytes(key.size()) + key.size() + payload_bytes;
  ByteBlockRef external;
  if (plain_bytes > kInlineRecordBytesMax) [[unlikely]] {
    external = ByteBlockRef::Create(plain_bytes);
    if (!external) return nullptr;
  }
  const size_t raw_bytes = external ? PackedBlock::kExternalBytes : plain_bytes;
  PackedBlock** const place = EditBucket(BucketOf(hash));
  if (place == nullptr || !MakeRoom(place, 1, raw_bytes)) return nullptr;
  PackedBlock* const block = *place;
  char* const raw = block->Append(TagOf(hash), raw_bytes);
  ++count_;
  fullest_ = std::max(fullest_, static_cast<uint16_t>(block->count()));
  return WriteRecord(block, raw, key, std::move(external));
}

char* PackedTable::WriteRecord(PackedBlock* block, char* raw, std::string_view key, ByteBlockRef external) noexcept {
  char* to = raw;
  if (external) [[unlikely]] {
    AddMemory(static_cast<int64_t>(external->MemoryBytes()));
    ++external_count_;
    block->NoteExternal();
    to = external->mutable_data();
    ByteBlock* const held = external.Release();
    *raw = PackedBlock::kExternal;
    std::memcpy(raw + 1, &held, sizeof(held));
  }
  to = PutRecordLength(to, key.size());
  if (!key.empty()) std::memcpy(to, key.data(), key.size());
  return to + key.size();
}

void PackedTable::ForgetExternal(ByteBlock* external) noexcept {
  AddMemory(-static_cast<int64_t>(external->MemoryBytes()));
  --external_count_;
  external->DropRef();
}

char* PackedTable::PutOver(PackedBlock** place, size_t slot, std::string_view key, size_t payload_bytes) noexcept {
  const char* const old_raw = (*place)->RawAt(slot);
  const size_t old_bytes = RawBytes(old_raw);
  const bool was_external = PackedBlock::IsExternal(old_raw);
  const size_t key_bytes = RecordLengthBytes(key.size()) + key.size();
  const size_t plain_bytes = key_bytes + payload_bytes;
  ByteBlockRef external;
  if (plain_bytes > kInlineRecordBytesMax) [[unlikely]] {
    external = ByteBlockRef::Create(plain_bytes);
    if (!external) return nullptr;
  }
  const size_t raw_bytes = external ? PackedBlock::kExternalBytes : plain_bytes;
  if (!MakeRoom(place, 0, raw_bytes > old_bytes ? raw_bytes - old_bytes : 0)) return nullptr;
  PackedBlock* const block = *place;
  if (!external && !was_external) [[likely]]  // The key stays where it is, and what is kept of the payload too.
    return block->Resize(slot, old_bytes, raw_bytes) + key_bytes;

  // Held until the common prefix of the payload is copied.
  const PackedRecord old = block->At(slot);
  const size_t kept_bytes = std::min(PayloadBytes(old.payload), payload_bytes);
  if (was_external) {
    ByteBlock* const old_external = PackedBlock::ExternalOf(block->RawAt(slot));
    char* const payload = WriteRecord(block, block->Resize(slot, old_bytes, raw_bytes), key, std::move(external));
    std::memcpy(payload, old.payload, kept_bytes);
    ForgetExternal(old_external);
    return payload;
  }
  std::memcpy(external->mutable_data() + key_bytes, old.payload, kept_bytes);
  return WriteRecord(block, block->Resize(slot, old_bytes, raw_bytes), key, std::move(external));
}

PackedTable::Change PackedTable::Erase(std::string_view key, uint64_t hash) noexcept {
  const uint64_t bucket = BucketOf(hash);
  const PackedBlock* const found = BlockAt(bucket);
  if (found == nullptr) return Change::kNone;
  const size_t slot = found->FindSlot(TagOf(hash), [key](const PackedRecord& record) { return record.key == key; });
  if (slot == PackedBlock::kNoSlot) return Change::kNone;
  PackedBlock** const place = EditBucket(bucket);
  if (place == nullptr || !MakeRoom(place, 0, 0)) return Change::kNoMemory;
  PackedBlock* const block = *place;
  const char* const raw = block->RawAt(slot);
  const size_t raw_bytes = RawBytes(raw);
  if (PackedBlock::IsExternal(raw)) ForgetExternal(PackedBlock::ExternalOf(raw));
  block->Remove(slot, raw_bytes);
  --count_;
  FitBlock(place);
  if (count_ < bucket_count_ * kLoadMin && bucket_count_ > 1) ShrinkByOne();
  return Change::kDone;
}

// --- Growing and shrinking, one bucket at a time; without memory the table stays as it is -------------------------

// Makes sure that bucket number bucket_count_ has a place.
bool PackedTable::ReserveBucket() noexcept {
  if (bucket_count_ >> kSegmentBits < segment_count_) return true;
  if (segment_count_ == segment_capacity_) {
    const uint32_t capacity = std::max(kSegmentCapacityMin, segment_capacity_ * 2);
    void* const grown =
        memory::Reallocate(segments_, segment_capacity_ * sizeof(Segment*), capacity * sizeof(Segment*));
    if (grown == nullptr) return false;
    AddMemory(static_cast<int64_t>((capacity - segment_capacity_) * sizeof(Segment*)));
    segments_ = static_cast<Segment**>(grown);
    segment_capacity_ = capacity;
  }
  void* const raw = memory::Allocate(SegmentBytes());
  if (raw == nullptr) return false;
  segments_[segment_count_++] = new (raw) Segment;
  AddMemory(static_cast<int64_t>(SegmentBytes()));
  return true;
}

void PackedTable::SetBucketCount(uint64_t count) noexcept {
  bucket_count_ = count;
  bucket_mask_ = std::bit_ceil(count) - 1;
  while (segment_count_ > ((count - 1) >> kSegmentBits) + 1) {
    DropSegment(segments_[--segment_count_]);
    AddMemory(-static_cast<int64_t>(SegmentBytes()));
  }
}

// Splits the next bucket in turn: its records whose hash has one more bit set move to a new bucket at the end.
void PackedTable::GrowByOne() noexcept {
  const uint64_t added = bucket_count_;
  const uint64_t parent = ParentOf(added);
  if (!ReserveBucket()) return;
  PackedBlock** const from = EditBucket(parent);
  PackedBlock** const to = EditBucket(added);
  if (from == nullptr || to == nullptr) return;
  if (PackedBlock* const block = *from; block != nullptr && !SplitBlock(from, to, std::bit_floor(added))) return;
  CarryBound(parent, added);
  SetBucketCount(added + 1);
}

bool PackedTable::SplitBlock(PackedBlock** from, PackedBlock** to, uint64_t bit) noexcept {
  PackedBlock* const block = *from;
  uint64_t moving[(PackedBlock::kSlotsMax + 63) / 64] = {};
  size_t moved_count = 0;
  size_t moved_bytes = 0;
  for (size_t slot = 0; slot < block->count(); ++slot) {
    if ((HashKey(block->At(slot).key) & bit) == 0) continue;
    moving[slot / 64] |= uint64_t{1} << (slot % 64);
    ++moved_count;
    moved_bytes += RawBytes(block->RawAt(slot));
  }
  if (moved_count == 0) return true;
  if (moved_count == block->count()) {
    std::swap(*from, *to);
    return true;
  }
  PackedBlock* const staying =
      PackedBlock::Create(PackedBlock::SlotsFor(block->count() - moved_count), block->records_bytes() - moved_bytes);
  PackedBlock* const leaving = PackedBlock::Create(PackedBlock::SlotsFor(moved_count), moved_bytes);
  if (staying == nullptr || leaving == nullptr) {
    PackedBlock::Drop(staying);
    PackedBlock::Drop(leaving);
    return false;
  }
  for (size_t slot = 0; slot < block->count(); ++slot) {
    const bool moves = (moving[slot / 64] >> (slot % 64) & 1) != 0;
    CopyRecord(*block, slot, moves ? leaving : staying);
  }
  const bool is_last = block->IsUnique();
  if (!is_last) block->AddRefToExternal();
  AddMemory(static_cast<int64_t>(staying->MemoryBytes() + leaving->MemoryBytes()) -
            static_cast<int64_t>(block->MemoryBytes()));
  is_last ? PackedBlock::FreeEmptied(block) : PackedBlock::Drop(block);
  *from = staying;
  *to = leaving;
  return true;
}

void PackedTable::CopyRecord(const PackedBlock& from, size_t slot, PackedBlock* to) const noexcept {
  const char* const raw = from.RawAt(slot);
  const size_t raw_bytes = RawBytes(raw);
  std::memcpy(to->Append(from.TagAt(slot), raw_bytes), raw, raw_bytes);
  if (PackedBlock::IsExternal(raw)) to->NoteExternal();
}

// Merges the last bucket into the one it was split from.
void PackedTable::ShrinkByOne() noexcept {
  const uint64_t last = bucket_count_ - 1;
  PackedBlock** const from = EditBucket(last);
  PackedBlock** const to = EditBucket(ParentOf(last));
  if (from == nullptr || to == nullptr) return;
  CarryBound(last, ParentOf(last));
  if (*to == nullptr) std::swap(*from, *to);
  if (PackedBlock* const block = *from; block != nullptr) {
    const bool was_unique = block->IsUnique();
    if (!MakeRoom(to, block->count(), block->records_bytes())) return;
    for (size_t slot = 0; slot < block->count(); ++slot) CopyRecord(*block, slot, *to);
    fullest_ = std::max(fullest_, static_cast<uint16_t>((*to)->count()));
    AddMemory(-static_cast<int64_t>(block->MemoryBytes()));
    if (!was_unique) block->AddRefToExternal();
    was_unique ? PackedBlock::FreeEmptied(block) : PackedBlock::Drop(block);
    *from = nullptr;
  }
  SetBucketCount(last);
}

// --- Going through -----------------------------------------------------------------------------------------------

PackedRecord PackedTable::RandomRecord(Random& random) const noexcept {
  assert(count_ > 0);
  // A slot of a bucket, as if every bucket had as many as the fullest; an empty one is drawn again.
  for (int draw = 0; draw < kDrawsMax; ++draw) {
    const PackedBlock* const block = BlockAt(random.Below(bucket_count_));
    const size_t slot = static_cast<size_t>(random.Below(fullest_));
    if (block != nullptr && slot < block->count()) return block->At(slot);
  }
  uint64_t bucket = random.Below(bucket_count_);
  while (BlockAt(bucket) == nullptr) bucket = (bucket + 1) % bucket_count_;
  return BlockAt(bucket)->At(static_cast<size_t>(random.Below(BlockAt(bucket)->count())));
}

uint64_t PackedTable::Scan(uint64_t cursor, size_t count, FunctionRef<void(const PackedRecord&)> visit) const {
  uint64_t position = cursor & (kCursorEnd - 1);
  size_t visited = 0;
  const uint64_t buckets_max =
      count < UINT64_MAX / kScanBucketsPerRecord ? std::max<uint64_t>(count, 1) * kScanBucketsPerRecord : UINT64_MAX;
  for (uint64_t buckets = 0; buckets < buckets_max; ++buckets) {
    const uint64_t bucket = BucketOf(ReverseCursor(position));
    if (const PackedBlock* const block = BlockAt(bucket); block != nullptr) {
      for (size_t slot = 0; slot < block->count(); ++slot) visit(block->At(slot));
      visited += block->count();
    }
    const unsigned shift = kCursorBits - BitsOf(bucket);
    position = ((position >> shift) + 1) << shift;
    if (position >= kCursorEnd) return 0;
    if (visited >= count) break;
  }
  return position;
}

void PackedTable::VisitBuckets(FunctionRef<void(size_t count)> visit) const {
  for (uint64_t bucket = 0; bucket < bucket_count_; ++bucket) {
    const PackedBlock* const block = BlockAt(bucket);
    visit(block == nullptr ? 0 : block->count());
  }
}

bool PackedTable::Iterator::Next(PackedRecord& record) noexcept {
  for (; bucket_ < table_->bucket_count_; ++bucket_, slot_ = 0) {
    const PackedBlock* const block = table_->BlockAt(bucket_);
    if (slot_ == 0 && bucket_ + kBlocksAhead < table_->bucket_count_) {
      __builtin_prefetch(table_->BlockAt(bucket_ + kBlocksAhead));
    }
    if (block == nullptr || slot_ >= block->count()) continue;
    record = block->At(slot_++);
    return true;
  }
  return false;
}

}  // namespace cachenode
