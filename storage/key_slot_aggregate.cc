// KeySlot's part for lists, sets, sorted sets, hashes and streams: where their bytes lie, and holding their roots.
#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "storage/entry.h"
#include "storage/key_slot.h"
#include "storage/shard.h"
#include "storage/value/hash_value.h"

namespace cachenode {

namespace {

// A value in a block moves back into the entry when it is this much shorter than what would have moved it out, so that
// one that swings around the limit stays where it is.
constexpr size_t kBackInlineBytesMax = KeySlot::kPackedInlineBytesMax / 2;

constexpr Encoding InlineForm(Encoding encoding) noexcept { return static_cast<Encoding>(encoding & 0xFEU); }
constexpr Encoding BlockForm(Encoding encoding) noexcept { return static_cast<Encoding>(encoding | 1U); }

// Room ahead for a value that grows element by element.
constexpr size_t RoomFor(size_t size_bytes) noexcept { return size_bytes + size_bytes / 8; }

}  // namespace

Encoding KeySlot::encoding() const noexcept { return entry::EncodingOf(Entry()); }

std::string_view KeySlot::ReadPacked() const noexcept {
  const std::span<const char> value = RawValue();
  if (IsPackedInline(encoding())) return {value.data(), value.size()};
  return LoadBlock(value.data())->view();
}

Result<std::span<char>> KeySlot::EditPacked(size_t size_bytes) {
  const Encoding form = encoding();
  return IsPackedInline(form) ? EditInlinePacked(form, size_bytes) : EditPackedBlock(form, size_bytes);
}

Result<std::span<char>> KeySlot::EditInlinePacked(Encoding form, size_t size_bytes) {
  char* const at = Entry();
  SlabHeap& heap = store().heap();
  const size_t offset = entry::ValueOffset(at);
  const SlabHeap::Ref ref = bucket_->refs[slot_];
  if (size_bytes <= kPackedInlineBytesMax && heap.SlotBytes(ref) == SlabHeap::SlotBytesFor(offset + size_bytes)) {
    Announce();
    heap.Resize(ref, offset + size_bytes);
    Commit(false);
    return std::span<char>(at + offset, size_bytes);
  }
  const size_t kept_bytes = std::min(entry::SizeBytes(at) - offset, size_bytes);
  if (size_bytes <= kPackedInlineBytesMax) {
    Result<char*> value = ChangeForm(form, size_bytes, {at + offset, kept_bytes});
    if (!value) return value.error();
    return std::span<char>(*value, size_bytes);
  }
  ByteBlockRef block = ByteBlockRef::Create(size_bytes, RoomFor(size_bytes));
  if (!block) return Err::kOutOfMemory;
  std::memcpy(block->mutable_data(), at + offset, kept_bytes);
  Result<char*> value = ChangeForm(BlockForm(form), sizeof(ByteBlock*), {});
  if (!value) return value.error();
  AdjustExternal(static_cast<int64_t>(block->MemoryBytes()));
  const std::span<char> bytes(block->mutable_data(), size_bytes);
  StoreBlock(block.Release(), *value);
  return bytes;
}

Result<std::span<char>> KeySlot::EditPackedBlock(Encoding form, size_t size_bytes) {
  char* const value = BeginChange().data();
  ByteBlock* const block = LoadBlock(value);
  const auto old_memory = static_cast<int64_t>(block->MemoryBytes());
  const size_t kept_bytes = std::min(block->size(), size_bytes);
  if (size_bytes <= kBackInlineBytesMax) {
    Result<char*> bytes = ChangeForm(InlineForm(form), size_bytes, {block->data(), kept_bytes});
    if (!bytes) return bytes.error();
    AdjustExternal(-old_memory);
    block->DropRef();
    return std::span<char>(*bytes, size_bytes);
  }
  // Asked after the change was announced: that is when a snapshot takes its reference.
  if (block->IsUnique() && size_bytes <= block->capacity()) [[likely]] {
    block->SetSize(size_bytes);
    return std::span<char>(block->mutable_data(), size_bytes);
  }
  ByteBlockRef copy = ByteBlockRef::Create(size_bytes, RoomFor(size_bytes));
  if (!copy) return Err::kOutOfMemory;
  std::memcpy(copy->mutable_data(), block->data(), kept_bytes);
  AdjustExternal(static_cast<int64_t>(copy->MemoryBytes()) - old_memory);
  const std::span<char> bytes(copy->mutable_data(), size_bytes);
  StoreBlock(copy.Release(), value);
  block->DropRef();
  return bytes;
}

// Moves the entry to a slot with room for `size_bytes` of value in another form of the same type. Header and key stay;
// of the value, `kept` is what it begins with.
Result<char*> KeySlot::ChangeForm(Encoding form, size_t size_bytes, std::string_view kept) {
  char* const at = Entry();
  SlabHeap& heap = store().heap();
  const size_t offset = entry::ValueOffset(at);
  const SlabHeap::Ref ref = heap.Allocate(offset + size_bytes);
  if (ref == SlabHeap::kNull) return Err::kOutOfMemory;
  Announce();
  char* const to = heap.Address(ref);
  std::memcpy(to, at, offset);
  entry::SetEncoding(to, form);
  if (!kept.empty()) std::memcpy(to + offset, kept.data(), kept.size());
  ReplaceEntry(ref);
  Commit(false);
  // Other slots of this key hold the old address.
  version_ = ++shard_->layout_version_;
  return to + offset;
}

Result<std::span<char>> KeySlot::WritePacked(ValueType type, AggregateEncoding encoding, size_t size_bytes,
                                             Expiry expiry) {
  const auto form = static_cast<Encoding>(encoding);
  if (size_bytes <= kPackedInlineBytesMax) {
    Result<char*> value = ReplaceValue(type, form, size_bytes, expiry);
    if (!value) return value.error();
    return std::span<char>(*value, size_bytes);
  }
  ByteBlockRef block = ByteBlockRef::Create(size_bytes);
  if (!block) return Err::kOutOfMemory;
  Result<char*> value = ReplaceValue(type, BlockForm(form), sizeof(ByteBlock*), expiry);
  if (!value) return value.error();
  AdjustExternal(static_cast<int64_t>(block->MemoryBytes()));
  const std::span<char> bytes(block->mutable_data(), size_bytes);
  StoreBlock(block.Release(), *value);
  return bytes;
}

SharedRoot* KeySlot::ReadRoot() const noexcept {
  const char* const at = Entry();
  return LoadRoot(at + ValueOffset(at));
}

// Puts a root in the place of one of the same size; the change was announced.
void KeySlot::ReplaceRoot(SharedRoot* root) noexcept {
  char* const at = Entry();
  StoreRoot(root, at + entry::ValueOffset(at));
}

void KeySlot::NoteFieldDeadline(int64_t before_ms, int64_t after_ms) {
  FieldDeadlines& known = store().field_deadlines();
  if (before_ms != after_ms && before_ms != kNoFieldDeadline) known.Erase(db_, hash_, before_ms);
  // Told again even if it stayed: a value that changed its form was forgotten on the way.
  if (after_ms != kNoFieldDeadline) known.Insert(db_, hash_, after_ms);
}

Status KeySlot::WriteRoot(ValueType type, SharedRoot* root, Expiry expiry) {
  Result<char*> value =
      ReplaceValue(type, static_cast<Encoding>(AggregateEncoding::kLarge), sizeof(SharedRoot*), expiry);
  if (!value) return value.error();
  StoreRoot(root, *value);
  AdjustExternal(static_cast<int64_t>(root->memory_bytes()));
  return Status::Ok();
}

}  // namespace cachenode
