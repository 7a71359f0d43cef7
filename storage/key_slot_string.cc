// The string part of KeySlot: which encoding a write gets, and growing strings in place.
#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "storage/base/bytes.h"
#include "storage/entry.h"
#include "storage/key_slot.h"
#include "storage/recency.h"
#include "storage/shard.h"

namespace cachenode {

namespace {

// Blocks grow ahead of need: by their own size up to this much.
constexpr size_t kGrowAheadBytesMax = size_t{1} << 20;

size_t RoomFor(size_t size_bytes) noexcept { return size_bytes + std::min(size_bytes, kGrowAheadBytesMax); }

// memcpy does not take the null pointer of an empty view.
void Copy(char* to, const char* from, size_t size_bytes) noexcept {
  if (size_bytes != 0) std::memcpy(to, from, size_bytes);
}

bool MayBeInteger(std::string_view bytes) noexcept {
  return !bytes.empty() && bytes.size() <= kIntegerCharsMax &&
         (bytes[0] == '-' || (bytes[0] >= '0' && bytes[0] <= '9'));
}

}  // namespace

Status KeySlot::WriteInline(std::string_view bytes, StringEncoding encoding, Expiry expiry) {
  const size_t header_bytes = InlineHeaderBytes(bytes.size());
  const Result<char*> value =
      ReplaceValue(ValueType::kString, static_cast<Encoding>(encoding), header_bytes + bytes.size(), expiry);
  if (!value) [[unlikely]]
    return value.status().code();
  Copy(StoreInlineHeader(bytes.size(), *value), bytes.data(), bytes.size());
  return Status::Ok();
}

// The commonest write of a cache: nothing moves, no size changes, so only the bytes and the recency are written.
bool KeySlot::OverwriteSameSize(std::string_view bytes) noexcept {
  constexpr uint8_t kPlainInline = 0;  // A string, inline, no deadline, short key: every field of meta is 0.
  static_assert(static_cast<unsigned>(ValueType::kString) == 0 && static_cast<unsigned>(StringEncoding::kInline) == 0);
  char* const at = Entry();
  if (at == nullptr || entry::Meta(at) != kPlainInline || bytes.size() >= kShortInlineBytes) return false;
  char* const value = at + ValueOffset(at);
  if (static_cast<uint8_t>(*value) != bytes.size()) return false;
  Announce();
  CopyShort(value + 1, bytes.data(), bytes.size());
  if (context_->recency == Recency::kTime) entry::SetAccess(at, recency::Fresh(*context_));
  shard_->CountChange();
  return true;
}

Status KeySlot::WriteString(std::string_view bytes, Expiry expiry) {
  int64_t number = 0;
  if (MayBeInteger(bytes) && TryParseInt64(bytes, number)) return WriteInt64(number, expiry);
  if (expiry.at_ms() < 0 && OverwriteSameSize(bytes)) return Status::Ok();
  if (FitsInline(InlineHeaderBytes(bytes.size()) + bytes.size(), !expiry.IsClear())) [[likely]] {
    return WriteInline(bytes, StringEncoding::kInline, expiry);
  }
  ByteBlockRef block = ByteBlockRef::Copy(bytes);
  if (!block) return Err::kOutOfMemory;
  return WriteBlock(std::move(block), expiry);
}

Status KeySlot::WriteText(std::string_view bytes, Expiry expiry) {
  if (!MayBeInteger(bytes)) return WriteString(bytes, expiry);
  return WriteInline(bytes, StringEncoding::kInline, expiry);
}

Status KeySlot::WriteInt64(int64_t number, Expiry expiry) {
  const StringEncoding encoding = IntEncodingFor(number);
  const Result<char*> value =
      ReplaceValue(ValueType::kString, static_cast<Encoding>(encoding), IntBytes(encoding), expiry);
  if (!value) [[unlikely]]
    return value.status().code();
  StoreInt(encoding, number, *value);
  return Status::Ok();
}

Status KeySlot::WriteBlock(ByteBlockRef block, Expiry expiry) {
  const size_t size_bytes = block->size();
  if (FitsInline(InlineHeaderBytes(size_bytes) + size_bytes, true)) return WriteString(block->view(), expiry);
  const Result<char*> value =
      ReplaceValue(ValueType::kString, static_cast<Encoding>(StringEncoding::kBlock), sizeof(ByteBlock*), expiry);
  if (!value) return value.status().code();
  AdjustExternal(static_cast<int64_t>(block->MemoryBytes()));
  StoreBlock(block.Release(), *value);
  return Status::Ok();
}

Result<std::span<char>> KeySlot::EditString(size_t size_bytes) {
  char* const at = Entry();
  if (at != nullptr) {
    if (ByteBlock* const block = String().block(); block != nullptr) return EditBlock(block, size_bytes);
  }
  const size_t header_bytes = InlineHeaderBytes(size_bytes);
  if (!FitsInline(header_bytes + size_bytes, true)) return GrowIntoBlock(size_bytes);

  constexpr auto kRaw = static_cast<Encoding>(StringEncoding::kInlineRaw);
  if (at != nullptr && !String().IsInt() && StringSize() == size_bytes) {
    // The same length: only the encoding's name changes.
    Announce();
    *at = static_cast<char>((entry::Meta(at) & ~(7U << 3)) | unsigned{kRaw} << 3);
    Commit(false);
    return std::span<char>(at + entry::ValueOffset(at) + header_bytes, size_bytes);
  }
  // The old bytes go through a copy: the new ones may take their place.
  std::array<char, SlabHeap::kBlockBytesMax> old;
  size_t kept = 0;
  if (at != nullptr) {
    StringScratch scratch;
    const std::string_view bytes = ReadString(scratch);
    kept = std::min(bytes.size(), size_bytes);
    Copy(old.data(), bytes.data(), kept);
  }
  const Result<char*> value = ReplaceValue(ValueType::kString, kRaw, header_bytes + size_bytes, Expiry::kKeep);
  if (!value) return value.status().code();
  char* const out = StoreInlineHeader(size_bytes, *value);
  Copy(out, old.data(), kept);
  std::memset(out + kept, 0, size_bytes - kept);
  return std::span<char>(out, size_bytes);
}

// The string is in a block already: written in place while nobody else holds it and there is room.
Result<std::span<char>> KeySlot::EditBlock(ByteBlock* block, size_t size_bytes) {
  Announce();  // A snapshot takes its reference here, so uniqueness is known only now.
  const size_t kept = std::min(block->size(), size_bytes);
  const auto before = static_cast<int64_t>(block->MemoryBytes());
  if (!block->IsUnique()) {
    ByteBlockRef copy = ByteBlockRef::Create(size_bytes, size_bytes > kept ? RoomFor(size_bytes) : size_bytes);
    if (!copy) return Err::kOutOfMemory;
    Copy(copy->mutable_data(), block->data(), kept);
    block->DropRef();
    block = copy.Release();
  } else if (size_bytes > block->capacity()) {
    ByteBlockRef owned = ByteBlockRef::Adopt(block);
    const bool grown = owned.Reserve(RoomFor(size_bytes)) || owned.Reserve(size_bytes);
    block = owned.Release();
    if (!grown) return Err::kOutOfMemory;
  }
  block->SetSize(size_bytes);
  std::memset(block->mutable_data() + kept, 0, size_bytes - kept);
  StoreBlock(block, entry_ + entry::ValueOffset(entry_));
  AdjustExternal(static_cast<int64_t>(block->MemoryBytes()) - before);
  Commit(false);
  return std::span<char>(block->mutable_data(), size_bytes);
}

// From an inline string, an integer or nothing to a block.
Result<std::span<char>> KeySlot::GrowIntoBlock(size_t size_bytes) {
  StringScratch scratch;
  const std::string_view old = Entry() != nullptr ? ReadString(scratch) : std::string_view();
  ByteBlockRef block = ByteBlockRef::Create(size_bytes, old.empty() ? size_bytes : RoomFor(size_bytes));
  if (!block) return Err::kOutOfMemory;
  char* const bytes = block->mutable_data();
  const size_t kept = std::min(old.size(), size_bytes);
  Copy(bytes, old.data(), kept);
  std::memset(bytes + kept, 0, size_bytes - kept);
  const Result<char*> value = ReplaceValue(ValueType::kString, static_cast<Encoding>(StringEncoding::kBlock),
                                           sizeof(ByteBlock*), Expiry::kKeep);
  if (!value) return value.status().code();
  AdjustExternal(static_cast<int64_t>(block->MemoryBytes()));
  StoreBlock(block.Release(), *value);
  return std::span<char>(bytes, size_bytes);
}

Result<size_t> KeySlot::AppendString(std::string_view bytes) {
  if (Entry() == nullptr) {
    Status written = WriteString(bytes, Expiry::kKeep);
    if (!written) return written;
    return bytes.size();
  }
  const size_t before = StringSize();
  Result<std::span<char>> all = EditString(before + bytes.size());
  if (!all) return all.error();
  Copy(all->data() + before, bytes.data(), bytes.size());
  return all->size();
}

}  // namespace cachenode
