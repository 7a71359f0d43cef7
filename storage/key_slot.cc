#include "storage/key_slot.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <utility>

#include "storage/base/memory.h"
#include "storage/entry.h"
#include "storage/key_observer.h"
#include "storage/recency.h"
#include "storage/shard.h"
#include "storage/value/hash_value.h"

namespace cachenode {

namespace {

// An entry's share of its bucket at the usual fill.
constexpr size_t kIndexShareBytes = 8;

int64_t DeadlineAfter(Expiry expiry, int64_t before) noexcept {
  if (expiry.IsKeep()) return before;
  return expiry.IsClear() ? -1 : std::min(expiry.at_ms(), kExpireAtMsMax);
}

// Bytes of the value in the entry, where it begins at `offset`. Of a root its type need not be asked.
size_t ValueBytes(const char* at, size_t offset) noexcept {
  if (entry::TypeOf(at) != ValueType::kString && IsLarge(entry::EncodingOf(at))) return sizeof(SharedRoot*);
  return entry::SizeBytes(at) - offset;
}

}  // namespace

ShardStore& KeySlot::store() const noexcept { return *shard_->store_; }

void KeySlot::Relocate() const noexcept { Locate(); }

// --- Looking --------------------------------------------------------------------------------------------------------

std::string_view KeySlot::EncodingName() const noexcept {
  const char* const at = Entry();
  return OpsOf(entry::TypeOf(at)).encoding_name(entry::EncodingOf(at), at + entry::ValueOffset(at));
}

int64_t KeySlot::expire_at_ms() const noexcept { return entry::ExpireAt(Entry()); }

uint32_t KeySlot::IdleSeconds() const noexcept {
  return recency::IdleSeconds(context_->now_ms, entry::Access(Entry()));
}

uint8_t KeySlot::LfuCounter() const noexcept {
  if (context_->recency == Recency::kFifo) return static_cast<uint8_t>(FifoQueues::Uses(access()));
  return static_cast<uint8_t>(
      recency::DecayedCounter(entry::Access(Entry()), context_->lfu_clock, context_->lfu_options.decay_minutes));
}

size_t KeySlot::MemoryBytes() const noexcept {
  const char* const at = Entry();
  const size_t external = OpsOf(entry::TypeOf(at)).external_bytes(entry::EncodingOf(at), at + entry::ValueOffset(at));
  const size_t long_key = entry::HasLongKey(at) ? entry::KeySize(at) : 0;
  return SlabHeap::SlotBytesFor(entry::SizeBytes(at)) + external + long_key + kIndexShareBytes;
}

EntryView KeySlot::View() const noexcept { return entry::View(Entry()); }

size_t KeySlot::StringSize() const noexcept { return String().SizeBytes(); }

Result<int64_t> KeySlot::AsInt64() const {
  const std::optional<int64_t> number = String().AsInt64();
  if (!number) return Err::kNotInteger;
  return *number;
}

ByteBlockRef KeySlot::PinString(size_t bytes_min) const noexcept {
  ByteBlock* const block = String().block();
  if (block == nullptr || block->size() < bytes_min) return {};
  return ByteBlockRef::Share(block);
}

std::span<const char> KeySlot::RawValue() const noexcept {
  const char* const at = Entry();
  const size_t offset = ValueOffset(at);
  return {at + offset, ValueBytes(at, offset)};
}

// --- The machinery of changes ---------------------------------------------------------------------------------------

void KeySlot::Announce() const noexcept {
  if (context_->observer != nullptr) context_->observer->BeforeChange(db_, key_);
  store().SaveBeforeChange(*table_, *head_, *bucket_, slot_);
}

void KeySlot::Commit(bool layout) noexcept {
  shard_->CountChange();
  if (layout) {
    ++shard_->layout_version_;
    store().ResizeStep(*table_, Table::kMergePerWrite, context_->now_ms);
  }
  store().ReportMapped();
}

Result<char*> KeySlot::Insert(ValueType type, Encoding encoding, size_t total_bytes, int64_t expire_at_ms) {
  if (hidden_) EraseHidden();
  ShardStore& own = store();
  char* long_key = nullptr;
  if (key_.size() > entry::kInlineKeyBytesMax) [[unlikely]] {
    long_key = static_cast<char*>(memory::Allocate(key_.size()));
    if (long_key == nullptr) return Err::kOutOfMemory;
    std::memcpy(long_key, key_.data(), key_.size());
    own.AddExternal(static_cast<int64_t>(key_.size()));
  }
  const SlabHeap::Ref ref = own.heap().Allocate(total_bytes);
  if (ref != SlabHeap::kNull) [[likely]] {
    table_ = &own.CreateTable(db_);
    if (context_->observer != nullptr) context_->observer->BeforeChange(db_, key_);
    const uint32_t access = context_->recency == Recency::kFifo ? own.fifo().Enter(hash_, table_->entry_count())
                                                                : recency::Fresh(*context_);
    char* const value =
        entry::WriteHeader(own.heap().Address(ref), type, encoding, access, expire_at_ms, key_, long_key);
    if (table_->Insert(hash_, ref, expire_at_ms, context_->now_ms)) [[likely]] {
      Commit(true);
      if (context_->observer != nullptr) context_->observer->OnCreated(db_, key_);
      return value;
    }
    own.heap().Free(ref);
  }
  if (long_key != nullptr) {
    own.AddExternal(-static_cast<int64_t>(key_.size()));
    memory::Free(long_key, key_.size());
  }
  return Err::kOutOfMemory;
}

// Puts a new header before the key where it stands; the key moves by the size of the deadline when that comes or goes.
char* KeySlot::RewriteInPlace(char* at, ValueType type, Encoding encoding, size_t total_bytes,
                              int64_t expire_at_ms) noexcept {
  SlabHeap& heap = store().heap();
  const SlabHeap::Ref ref = bucket_->refs[slot_];
  heap.Resize(ref, heap.SlotBytes(ref));
  const int64_t before = entry::ExpireAt(at);
  const size_t key_before = entry::KeyOffset(at);
  const size_t key_bytes = entry::ValueOffset(at) - key_before;
  const size_t key_after = entry::TtlOffset(at) + (expire_at_ms >= 0 ? entry::kTtlBytes : 0);
  if (key_after != key_before) std::memmove(at + key_after, at + key_before, key_bytes);
  const auto meta =
      static_cast<uint8_t>(static_cast<unsigned>(type) | unsigned{encoding} << 3 |
                           (expire_at_ms >= 0 ? entry::kHasTtl : 0U) | (entry::Meta(at) & entry::kLongKey));
  *at = static_cast<char>(meta);
  if (expire_at_ms >= 0) entry::SetExpireAt(at, expire_at_ms);
  if (before >= 0 || expire_at_ms >= 0) table_->ChangeExpiry(*head_, before, expire_at_ms, context_->now_ms);
  heap.Resize(ref, total_bytes);
  return at + key_after + key_bytes;
}

// Makes the bucket point at `ref`, which already holds the key, and frees the slot it pointed at before.
void KeySlot::ReplaceEntry(uint32_t ref) noexcept {
  SlabHeap& heap = store().heap();
  const int64_t before = entry::ExpireAt(entry_);
  const int64_t after = entry::ExpireAt(heap.Address(ref));
  const SlabHeap::Ref old = bucket_->refs[slot_];
  bucket_->SetRef(slot_, ref);
  heap.Free(old);
  entry_ = heap.Address(ref);
  if (before >= 0 || after >= 0) table_->ChangeExpiry(*head_, before, after, context_->now_ms);
}

Result<char*> KeySlot::ReplaceValue(ValueType type, Encoding encoding, size_t size_bytes, Expiry expiry,
                                    bool keep_external) {
  char* const at = Entry();
  const int64_t after = DeadlineAfter(expiry, at == nullptr ? -1 : entry::ExpireAt(at));
  const size_t total_bytes = entry::HeaderBytesFor(key_.size(), after >= 0) + size_bytes;
  assert(total_bytes <= SlabHeap::kBlockBytesMax);
  if (at == nullptr) return Insert(type, encoding, total_bytes, after);

  ShardStore& own = store();
  // Overwriting counts as making the key anew for LRU; otherwise the key keeps its standing.
  const uint32_t access = context_->recency == Recency::kTime ? recency::Fresh(*context_) : entry::Access(at);
  if (own.heap().SlotBytes(bucket_->refs[slot_]) == SlabHeap::SlotBytesFor(total_bytes)) {
    Announce();
    own.ForgetFieldDeadline(db_, hash_, at);
    if (!keep_external) own.FreeExternal(at);
    char* const value = RewriteInPlace(at, type, encoding, total_bytes, after);
    entry::SetAccess(at, access);
    Commit(false);
    return value;
  }
  const SlabHeap::Ref ref = own.heap().Allocate(total_bytes);
  if (ref == SlabHeap::kNull) return Err::kOutOfMemory;
  Announce();
  own.ForgetFieldDeadline(db_, hash_, at);
  if (!keep_external) own.FreeExternal(at);
  char* const value = entry::WriteHeader(own.heap().Address(ref), type, encoding, access, after, entry::Key(at),
                                         entry::HasLongKey(at) ? entry::LongKey(at) : nullptr);
  ReplaceEntry(ref);
  Commit(false);
  // Other slots of this key hold the old address.
  version_ = ++shard_->layout_version_;
  return value;
}

std::span<char> KeySlot::BeginChange() {
  char* const at = Entry();
  Announce();
  Commit(false);
  const size_t offset = ValueOffset(at);
  return {at + offset, ValueBytes(at, offset)};
}

void KeySlot::AdjustExternal(int64_t delta_bytes) noexcept { store().AddExternal(delta_bytes); }

void KeySlot::EraseEntry(bool keep_external) noexcept {
  const uint32_t ref = bucket_->refs[slot_];
  const int64_t deadline = entry::ExpireAt(store().heap().Address(ref));
  Announce();
  store().ForgetFieldDeadline(db_, hash_, store().heap().Address(ref));
  table_->Erase(*head_, *bucket_, slot_, deadline);
  store().FreeEntry(ref, keep_external);
  Commit(true);
}

void KeySlot::EraseHidden() noexcept {
  if (version_ != shard_->layout_version_) Relocate();
  if (bucket_ != nullptr) EraseEntry(false);
  hidden_ = false;
}

void KeySlot::Erase() {
  if (hidden_) return EraseHidden();
  if (Entry() != nullptr) EraseEntry(false);
}

ByteBlockRef KeySlot::EraseAndTakeBlock() {
  char* const at = Entry();
  ByteBlock* const block = at != nullptr && entry::TypeOf(at) == ValueType::kString ? String().block() : nullptr;
  if (block == nullptr) {
    Erase();
    return {};
  }
  AdjustExternal(-static_cast<int64_t>(block->MemoryBytes()));
  EraseEntry(true);
  return ByteBlockRef::Adopt(block);
}

// --- Deadline, recency, moving --------------------------------------------------------------------------------------

Status KeySlot::SetExpire(int64_t expire_at_ms) { return ChangeExpiry(std::min(expire_at_ms, kExpireAtMsMax)); }

Status KeySlot::Persist() { return entry::HasTtl(Entry()) ? ChangeExpiry(-1) : Status::Ok(); }

Status KeySlot::ChangeExpiry(int64_t expire_at_ms) {
  char* const at = Entry();
  ShardStore& own = store();
  const size_t offset = entry::ValueOffset(at);
  const size_t value_bytes = entry::SizeBytes(at) - offset;
  const size_t total_bytes = entry::HeaderBytesFor(key_.size(), expire_at_ms >= 0) + value_bytes;
  if (total_bytes > SlabHeap::kBlockBytesMax) {
    // No room for the deadline beside an inline value of the largest size: it moves out to a block.
    StringScratch scratch;
    ByteBlockRef block = ByteBlockRef::Copy(ReadString(scratch));
    if (!block) return Err::kOutOfMemory;
    return WriteBlock(std::move(block), Expiry::At(expire_at_ms));
  }
  const SlabHeap::Ref old = bucket_->refs[slot_];
  if (own.heap().SlotBytes(old) == SlabHeap::SlotBytesFor(total_bytes)) {
    Announce();
    own.heap().Resize(old, own.heap().SlotBytes(old));
    std::array<char, SlabHeap::kBlockBytesMax> value;
    std::memcpy(value.data(), at + offset, value_bytes);
    char* const out = RewriteInPlace(at, entry::TypeOf(at), entry::EncodingOf(at), total_bytes, expire_at_ms);
    std::memcpy(out, value.data(), value_bytes);
    Commit(false);
    return Status::Ok();
  }
  const SlabHeap::Ref ref = own.heap().Allocate(total_bytes);
  if (ref == SlabHeap::kNull) return Err::kOutOfMemory;
  Announce();
  char* const out =
      entry::WriteHeader(own.heap().Address(ref), entry::TypeOf(at), entry::EncodingOf(at), entry::Access(at),
                         expire_at_ms, entry::Key(at), entry::HasLongKey(at) ? entry::LongKey(at) : nullptr);
  std::memcpy(out, at + offset, value_bytes);
  ReplaceEntry(ref);
  Commit(false);
  version_ = ++shard_->layout_version_;
  return Status::Ok();
}

Status KeySlot::MoveTo(KeySlot& destination) {
  const char* const at = Entry();
  const ValueType type = entry::TypeOf(at);
  const Encoding encoding = entry::EncodingOf(at);
  const uint32_t access = entry::Access(at);
  const int64_t deadline = entry::ExpireAt(at);
  const std::span<const char> value = RawValue();
  if (!destination.FitsInline(value.size(), deadline >= 0)) {
    // An inline value too large beside the new key.
    StringScratch scratch;
    Status written = destination.WriteString(ReadString(scratch), deadline < 0 ? Expiry::kClear : Expiry::At(deadline));
    if (!written) return written;
    EraseEntry(false);
    return Status::Ok();
  }
  Result<char*> out =
      destination.ReplaceValue(type, encoding, value.size(), deadline < 0 ? Expiry::kClear : Expiry::At(deadline));
  if (!out) return out.error();
  std::memcpy(*out, value.data(), value.size());
  entry::SetAccess(destination.Entry(), access);
  const auto external = static_cast<int64_t>(OpsOf(type).external_bytes(encoding, *out));
  destination.AdjustExternal(external);
  AdjustExternal(-external);
  destination.NoteFieldDeadlineOfCopy();
  if (Entry() != nullptr) EraseEntry(true);
  return Status::Ok();
}

Status KeySlot::CopyTo(KeySlot& destination) const {
  const char* const at = Entry();
  const ValueType type = entry::TypeOf(at);
  const Encoding encoding = entry::EncodingOf(at);
  const int64_t deadline = entry::ExpireAt(at);
  const Expiry expiry = deadline < 0 ? Expiry::kClear : Expiry::At(deadline);
  const std::span<const char> value = RawValue();
  if (!destination.FitsInline(value.size(), deadline >= 0)) {
    StringScratch scratch;
    return destination.WriteString(ReadString(scratch), expiry);
  }
  const ValueOps& ops = OpsOf(type);
  std::array<char, SlabHeap::kBlockBytesMax> copy;
  if (!ops.clone(encoding, value.data(), copy.data())) return Err::kOutOfMemory;
  Result<char*> out = destination.ReplaceValue(type, encoding, value.size(), expiry);
  if (!out) {
    ops.free_external(encoding, copy.data());
    return out.error();
  }
  std::memcpy(*out, copy.data(), value.size());
  destination.AdjustExternal(static_cast<int64_t>(ops.external_bytes(encoding, *out)));
  destination.NoteFieldDeadlineOfCopy();
  return Status::Ok();
}

void KeySlot::NoteFieldDeadlineOfCopy() {
  if (type() == ValueType::kHash) NoteFieldDeadline(kNoFieldDeadline, HashView::Of(*this).EarliestDeadlineMs());
}

void KeySlot::SetIdleSeconds(uint32_t seconds) noexcept {
  entry::SetAccess(Entry(), recency::TimeOfIdle(context_->now_ms, seconds));
}

void KeySlot::SetLfuCounter(uint8_t counter) noexcept {
  SetAccess(context_->recency == Recency::kFifo ? FifoQueues::WithUses(access(), counter)
                                                : context_->lfu_clock << 8 | counter);
}

uint32_t KeySlot::access() const noexcept { return entry::Access(Entry()); }

void KeySlot::SetAccess(uint32_t access) noexcept { entry::SetAccess(Entry(), access); }

void KeySlot::Touch() noexcept {
  char* const at = Entry();
  if (at != nullptr) entry::SetAccess(at, recency::Touched(entry::Access(at), *context_));
}

bool KeySlot::FitsInline(size_t size_bytes, bool has_ttl) const noexcept {
  return entry::HeaderBytesFor(key_.size(), has_ttl) + size_bytes <= SlabHeap::kBlockBytesMax;
}

}  // namespace cachenode
