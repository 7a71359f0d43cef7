// Access to one key of one database: whether it exists, what it holds, and every change to it.
//
// A slot is what Shard::Find answers. All mutation of the keyspace goes through slots, so that saving for a running
// snapshot, memory accounting, deadlines, change counts and observers cannot be forgotten: nobody calls them.
// Thread-safety: used only while the key's shard lock is held; dies before the lock is released.
// Lifetime: the key's bytes given to Find and the AccessContext outlive the slot. A slot stays usable across changes
//   made through other slots (it finds its entry again); views it handed out do not survive any change to the shard.
// Errors: changes answer Err::kOutOfMemory when the shard's arena or the heap is full; nothing changed then.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "storage/access_context.h"
#include "storage/base/byte_block.h"
#include "storage/base/result.h"
#include "storage/entry.h"
#include "storage/entry_view.h"
#include "storage/shard_router.h"
#include "storage/value/shared_root.h"
#include "storage/value/string_value.h"

namespace cachenode {

class Shard;
class ShardStore;
class Table;
struct Bucket;

class KeySlot {
 public:
  // --- Looking ---------------------------------------------------------------------------------------------------

  [[nodiscard]] bool Exists() const noexcept { return Entry() != nullptr; }
  [[nodiscard]] std::string_view key() const noexcept { return key_; }
  [[nodiscard]] uint32_t db() const noexcept { return db_; }
  // The rest of this section requires Exists(), except where it says otherwise.
  [[nodiscard]] ValueType type() const noexcept { return entry::TypeOf(Entry()); }
  [[nodiscard]] std::string_view EncodingName() const noexcept;
  // Unix milliseconds; -1 when the key has no deadline.
  [[nodiscard]] int64_t expire_at_ms() const noexcept;
  // Seconds since the last access; meaningful under an LRU policy.
  [[nodiscard]] uint32_t IdleSeconds() const noexcept;
  // The logarithmic access counter, decayed to now; meaningful under an LFU policy.
  [[nodiscard]] uint8_t LfuCounter() const noexcept;
  // Bytes this key takes: entry slot, owned heap and its share of the index. O(1) for strings.
  [[nodiscard]] size_t MemoryBytes() const noexcept;
  [[nodiscard]] EntryView View() const noexcept;

  // Err::kWrongType when the key exists and holds another type; Ok for a missing key.
  [[nodiscard]] Status Require(ValueType wanted) const noexcept {
    if (Exists() && type() != wanted) return Err::kWrongType;
    return Status::Ok();
  }

  // --- Strings; each requires Exists() and type() == kString unless it says otherwise ----------------------------

  // The bytes; an integer is written into `scratch`. The view dies with the next change or the lock.
  [[nodiscard]] std::string_view ReadString(StringScratch& scratch) const noexcept { return String().Read(scratch); }
  [[nodiscard]] size_t StringSize() const noexcept;
  // Err::kNotInteger unless the string is a canonical decimal int64.
  [[nodiscard]] Result<int64_t> AsInt64() const;
  // One more reference to the string's block, whose bytes stay as they are now for as long as it is held; empty when
  // the string is small and lies in the entry. Pass `bytes_min` to pin only strings of at least that size.
  [[nodiscard]] ByteBlockRef PinString(size_t bytes_min = 0) const noexcept;

  // Replaces whatever the key held, or creates it. Also for a missing key or another type. `bytes` must not point into
  // this shard.
  [[nodiscard]] Status WriteString(std::string_view bytes, Expiry expiry);
  // As WriteString, but digits stay text (INCRBYFLOAT, whose sums OBJECT ENCODING calls embstr even when whole).
  [[nodiscard]] Status WriteText(std::string_view bytes, Expiry expiry);
  [[nodiscard]] Status WriteInt64(int64_t number, Expiry expiry);
  // As WriteString, taking over a block that nobody else holds (RDB load, large SET without a copy).
  [[nodiscard]] Status WriteBlock(ByteBlockRef block, Expiry expiry);
  // Makes the string exactly `size_bytes` long, keeping what it had and filling new bytes with zero, and answers all of
  // it, writable until the next change. Creates a missing key. The deadline stays. For SETRANGE, SETBIT, BITFIELD: room
  // grows ahead of need, a block shared with a reply or a snapshot is copied first. OBJECT ENCODING says raw
  // afterwards.
  [[nodiscard]] Result<std::span<char>> EditString(size_t size_bytes);
  // Adds `bytes` at the end and answers the new length. Creates a missing key (as WriteString would, encoding
  // included). The deadline stays. `bytes` must not point into this shard.
  [[nodiscard]] Result<size_t> AppendString(std::string_view bytes);

  // --- Any type --------------------------------------------------------------------------------------------------

  // Sets the deadline, Unix milliseconds in [0, kExpireAtMsMax]; a past one makes the key expired, not erased.
  [[nodiscard]] Status SetExpire(int64_t expire_at_ms);
  // Removes the deadline; a key without one stays as it is.
  [[nodiscard]] Status Persist();
  // Erases the key with its value. A missing key stays missing. Large values are freed here; see TakeBlock.
  void Erase();
  // Erases the key and hands its block out, so that UNLINK can free it elsewhere; empty for small values.
  [[nodiscard]] ByteBlockRef EraseAndTakeBlock();
  // Moves value and deadline to `destination`, replacing what it held, and erases this key (RENAME, MOVE). The slots
  // differ in shard, database or key. Both shard locks are held. Recency moves along.
  [[nodiscard]] Status MoveTo(KeySlot& destination);
  // Writes an independent copy of value and deadline to `destination` (COPY). Requires that the two differ.
  [[nodiscard]] Status CopyTo(KeySlot& destination) const;
  // Recency as RESTORE IDLETIME / FREQ and the RDB loader give it. Under S3-FIFO the counter stops at kUsesMax.
  void SetIdleSeconds(uint32_t seconds) noexcept;
  void SetLfuCounter(uint8_t counter) noexcept;
  // The 24 access bits as they are. For eviction.
  [[nodiscard]] uint32_t access() const noexcept;
  void SetAccess(uint32_t access) noexcept;
  // Records an access, as Find with ctx.touch does (TOUCH, and reads after a Find without touch).
  void Touch() noexcept;

  // --- For the classes of the other value types ------------------------------------------------------------------

  [[nodiscard]] Encoding encoding() const noexcept;
  // The bytes of a packed value wherever they lie. Requires a packed encoding.
  [[nodiscard]] std::string_view ReadPacked() const noexcept;
  // Makes a packed value `size_bytes` long, keeping the common prefix, and answers all of it, writable until the next
  // change. It moves between entry and block as its size asks. The bytes must say their length again before anything
  // else touches the slot. Keeps deadline and recency.
  [[nodiscard]] Result<std::span<char>> EditPacked(size_t size_bytes);
  // Replaces whatever the key held, or creates it, by a packed value of `size_bytes` for the caller to write.
  // `encoding` is kPacked or kPackedOther. Views of the old value are dead afterwards.
  [[nodiscard]] Result<std::span<char>> WritePacked(ValueType type, AggregateEncoding encoding, size_t size_bytes,
                                                    Expiry expiry);
  // The root of a large value. Requires IsLarge(encoding()). For reading; see EditRoot.
  [[nodiscard]] SharedRoot* ReadRoot() const noexcept;
  // The root for changing it: announces the change, and when a snapshot or a copy holds the root too, puts the copy
  // that `Root* Root::CloneShallow() const` makes in its place: a new root, with one more reference to each node below
  // it and the same memory_bytes(). Null when there is no memory. Drop a reference by `Root::Drop(Root*)`. What
  // memory_bytes() grows by from then on is the caller's to give to AdjustExternal.
  template <typename Root>
  [[nodiscard]] Root* EditRoot() {
    // First announce: that is when a snapshot takes its reference.
    auto* const root = static_cast<Root*>(LoadRoot(BeginChange().data()));
    if (root->IsUnique()) [[likely]]
      return root;
    Root* const copy = root->CloneShallow();
    if (copy == nullptr) return nullptr;
    ReplaceRoot(copy);
    Root::Drop(root);
    return copy;
  }
  // Replaces whatever the key held, or creates it, by a large value, taking over one reference.
  // On failure the reference stays the caller's.
  [[nodiscard]] Status WriteRoot(ValueType type, SharedRoot* root, Expiry expiry);
  // The earliest deadline of a hash's fields changed from one to the other; kNoFieldDeadline (hash_value.h) for none.
  // For HashValue and HashBuilder; keys that move, are copied, replaced or erased are followed here.
  void NoteFieldDeadline(int64_t before_ms, int64_t after_ms);
  static constexpr size_t kPackedInlineBytesMax = 1024;  // Longer packed values lie in a block.

  // The value's bytes in the entry: writable in place after BeginChange, same size, same encoding.
  [[nodiscard]] std::span<const char> RawValue() const noexcept;
  // Announces an in-place change (observer, snapshot, change count) and answers the same bytes, writable. The heap
  // bytes the value owned before are given to AdjustExternal afterwards when they changed.
  [[nodiscard]] std::span<char> BeginChange();
  void AdjustExternal(int64_t delta_bytes) noexcept;
  // Replaces the value by `size_bytes` of the given type and encoding and answers where to write them. What the old
  // value owned outside the entry is freed, unless `keep_external`, when the new bytes take it over. The caller then
  // writes all bytes and calls AdjustExternal with what a new value owns. Requires size_bytes <= kInlineValueBytesMax.
  [[nodiscard]] Result<char*> ReplaceValue(ValueType type, Encoding encoding, size_t size_bytes, Expiry expiry,
                                           bool keep_external = false);
  static constexpr size_t kInlineValueBytesMax = 2048;

 private:
  friend class Shard;

  // `layout_version` is the shard's counter of entries that moved.
  KeySlot(Shard& shard, const uint64_t& layout_version, uint32_t db, KeyHash hash, std::string_view key,
          const AccessContext& context) noexcept
      : shard_(&shard), layout_version_(&layout_version), context_(&context), key_(key), hash_(hash), db_(db) {}

  // The entry's first byte, or null; finds it again if the shard changed since.
  [[nodiscard]] char* Entry() const noexcept {
    if (version_ != *layout_version_) [[unlikely]]
      Relocate();
    return entry_;
  }
  // Looks the entry up in the shard as it is now.
  void Relocate() const noexcept;
  inline void Locate() const noexcept;
  // Overwrites a short string by one of the same length where neither has a deadline; false when it is not that case.
  [[nodiscard]] bool OverwriteSameSize(std::string_view bytes) noexcept;
  [[nodiscard]] ShardStore& store() const noexcept;
  [[nodiscard]] StringView String() const noexcept {
    const char* const at = Entry();
    assert(at != nullptr && entry::TypeOf(at) == ValueType::kString);
    return {entry::EncodingOf(at), at + ValueOffset(at)};
  }
  // As entry::ValueOffset, which the key's size makes shorter.
  [[nodiscard]] size_t ValueOffset(const char* at) const noexcept {
    if (key_.size() >= entry::kSizeFollows) [[unlikely]]
      return entry::ValueOffset(at);
    return entry::kFixedBytes + (entry::HasTtl(at) ? entry::kTtlBytes : 0) + key_.size();
  }
  // Tells observer and snapshot that the existing entry is about to change.
  void Announce() const noexcept;
  // Counts a change; `layout` when entries may have moved, which also drives resizing.
  void Commit(bool layout) noexcept;
  [[nodiscard]] Result<char*> Insert(ValueType type, Encoding encoding, size_t total_bytes, int64_t expire_at_ms);
  [[nodiscard]] char* RewriteInPlace(char* at, ValueType type, Encoding encoding, size_t total_bytes,
                                     int64_t expire_at_ms) noexcept;
  void ReplaceEntry(uint32_t ref) noexcept;
  [[nodiscard]] Status ChangeExpiry(int64_t expire_at_ms);
  void EraseEntry(bool keep_external) noexcept;
  void EraseHidden() noexcept;
  void NoteFieldDeadlineOfCopy();
  [[nodiscard]] Status WriteInline(std::string_view bytes, StringEncoding encoding, Expiry expiry);
  [[nodiscard]] Result<std::span<char>> EditBlock(ByteBlock* block, size_t size_bytes);
  [[nodiscard]] Result<std::span<char>> GrowIntoBlock(size_t size_bytes);
  [[nodiscard]] Result<std::span<char>> EditInlinePacked(Encoding form, size_t size_bytes);
  [[nodiscard]] Result<std::span<char>> EditPackedBlock(Encoding form, size_t size_bytes);
  [[nodiscard]] Result<char*> ChangeForm(Encoding form, size_t size_bytes, std::string_view kept);
  void ReplaceRoot(SharedRoot* root) noexcept;
  [[nodiscard]] bool FitsInline(size_t size_bytes, bool has_ttl) const noexcept;

  Shard* shard_;
  const uint64_t* layout_version_;
  const AccessContext* context_;
  std::string_view key_;
  KeyHash hash_;
  uint32_t db_;
  // Where the entry is, as of layout version `version_` of the shard.
  mutable uint32_t slot_ = 0;
  mutable uint64_t version_ = UINT64_MAX;
  mutable Table* table_ = nullptr;
  mutable Bucket* head_ = nullptr;    // First bucket of the chain: carries epoch and ttl hint.
  mutable Bucket* bucket_ = nullptr;  // The bucket of the chain that holds the entry.
  mutable char* entry_ = nullptr;     // Null when there is none, or when it is hidden.
  bool hidden_ = false;               // An expired entry is there but counts as missing; writing erases it first.
};

}  // namespace cachenode
