// Hashes: fields with values, each field with a deadline of its own if it was given one.
//
// Small hashes are Redis' listpack bytes: field, value, field, value (kPacked). Once a field was given a deadline they
// are a u64 and a listpack of triples field, value, deadline (kPackedOther): triples with a deadline come first, the
// earliest first, and 0 stands for none; the u64 repeats the earliest deadline, 0 for none. Large hashes are a
// PackedTable (kLarge). A hash never goes back to a form before its own.
// Thread-safety: HashView reads under the shard's lock, or anywhere while a reference to the value is held. HashValue
//   and HashBuilder::Finish are used under the lock of the slot's shard.
// Invariants: field names are unique; a hash has at least one field, else its key does not exist. The store's index of
//   field deadlines knows the earliest deadline of every hash that has one.
// Units: deadlines are Unix milliseconds in [0, kFieldExpireAtMsMax]; -1 means none.
// A field past its deadline stays until somebody erases it: views show it, and callers compare IsExpired.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "storage/access_context.h"
#include "storage/base/function_ref.h"
#include "storage/base/random.h"
#include "storage/base/result.h"
#include "storage/entry_view.h"
#include "storage/value/listpack.h"
#include "storage/value/packed_table.h"
#include "storage/value/value.h"

namespace cachenode {

class KeySlot;

// Redis' limit: a quarter of 48 bits of milliseconds, the year 4199.
inline constexpr int64_t kFieldExpireAtMsMax = (int64_t{1} << 46) - 1;
inline constexpr int64_t kNoFieldDeadline = INT64_MAX;

struct HashField {
  std::string_view name;
  std::string_view value;
  int64_t expire_at_ms = -1;

  [[nodiscard]] bool IsExpired(int64_t now_ms) const noexcept { return expire_at_ms >= 0 && expire_at_ms <= now_ms; }
};

// Room for the text of a name and a value stored as integers.
struct HashScratch {
  ListpackScratch name;
  ListpackScratch value;
};

class HashView {
 public:
  HashView(Encoding encoding, const char* value) noexcept : encoding_(encoding), value_(value) {}
  [[nodiscard]] static HashView Of(const EntryView& entry) noexcept { return {entry.encoding, entry.value}; }
  // Requires slot.Exists() and slot.type() == ValueType::kHash.
  [[nodiscard]] static HashView Of(const KeySlot& slot) noexcept;

  // Fields, those past their deadline included. O(1).
  [[nodiscard]] size_t Count() const noexcept;
  // Fields without those past their deadline. O(1) when no deadline is due, else O(fields).
  [[nodiscard]] size_t LiveCount(int64_t now_ms) const;
  // No field has an earlier deadline; kNoFieldDeadline when none has one. May be early on a large hash, never late.
  [[nodiscard]] int64_t EarliestDeadlineMs() const noexcept;
  [[nodiscard]] bool HasDeadlines() const noexcept { return EarliestDeadlineMs() != kNoFieldDeadline; }

  // False when there is no such field. Views live until the next change and as long as `scratch`.
  [[nodiscard]] bool Find(std::string_view name, HashField& field, HashScratch& scratch) const noexcept;
  // Every field, in no promised order, until `visit` answers false. The views live for the call.
  void ForEach(FunctionRef<bool(const HashField&)> visit) const;
  // A field drawn fairly, past its deadline or not.
  void RandomField(Random& random, HashField& field, HashScratch& scratch) const;
  // One step of HSCAN: visits about `count` fields from `cursor` on and answers the next cursor, 0 at the end. A packed
  // hash is visited whole.
  uint64_t Scan(uint64_t cursor, size_t count, FunctionRef<void(const HashField&)> visit) const;

  [[nodiscard]] bool IsPacked() const noexcept { return !IsLarge(encoding_); }
  // Whether packed fields come in triples with a deadline. Requires IsPacked().
  [[nodiscard]] bool IsTriples() const noexcept { return (encoding_ & 2U) != 0; }
  // The listpack of a packed hash: what RDB stores. Requires IsPacked().
  [[nodiscard]] std::string_view Listpack() const noexcept;

 private:
  [[nodiscard]] const PackedTable& Table() const noexcept;
  [[nodiscard]] const char* PackedBytes() const noexcept;

  Encoding encoding_;
  const char* value_;
};

// Changes the hash of a key. The key is created by the first field set and erased with the last; keyspace events are
// the caller's. Requires that the key is missing or a hash.
class HashValue {
 public:
  explicit HashValue(KeySlot& slot) noexcept : slot_(slot) {}

  // Sets a field; true when it is new. `expiry` is about the field: a new one, none, or the one it has.
  [[nodiscard]] Result<bool> Set(std::string_view name, std::string_view value, Expiry expiry = Expiry::kClear);
  // Sets fields without deadline: name, value, name, value, ... Answers how many are new. A new hash is written once.
  [[nodiscard]] Result<size_t> SetPairs(std::span<const std::string_view> pairs);
  // Sets or takes away a field's deadline. False when there is no such field.
  [[nodiscard]] Result<bool> SetDeadline(std::string_view name, Expiry expiry);
  // False when there is no such field. `name` may be a view of this hash.
  [[nodiscard]] Result<bool> Erase(std::string_view name);
  // Erases fields whose deadline is at or before `now_ms`, at most about `fields_max`, and answers how many. More are
  // due while EarliestDeadlineMs() <= now_ms.
  [[nodiscard]] Result<size_t> EraseExpired(int64_t now_ms, size_t fields_max);

 private:
  [[nodiscard]] Result<bool> SetPacked(const HashField& field, Expiry expiry);
  [[nodiscard]] Result<bool> SetTriple(const HashField& field, Expiry expiry);
  [[nodiscard]] Result<bool> SetLarge(const HashField& field, Expiry expiry);
  [[nodiscard]] Status Create(const HashField& field);
  [[nodiscard]] Status CreatePacked(const HashField& field);
  // False, with nothing done, when the pairs do not make a packed hash as they stand.
  [[nodiscard]] Result<bool> CreateOfPairs(std::span<const std::string_view> pairs);
  [[nodiscard]] Status PutTriple(ListpackView::Offset old_at, const HashField& field);
  [[nodiscard]] Status CutPacked(ListpackView::Offset at, ListpackView::Offset end, int elements);
  [[nodiscard]] Result<bool> ErasePacked(std::string_view name);
  [[nodiscard]] Result<bool> EraseLarge(std::string_view name);
  [[nodiscard]] Result<size_t> EraseExpiredPacked(int64_t now_ms, size_t fields_max);
  [[nodiscard]] Result<size_t> EraseExpiredLarge(int64_t now_ms, size_t fields_max);
  // To triples, and to a table.
  [[nodiscard]] Status TakeDeadlines();
  [[nodiscard]] Status MakeLarge();
  [[nodiscard]] bool FitsPacked(const HashField& field, bool is_new) const noexcept;
  void EraseKeyIfEmpty();

  KeySlot& slot_;
};

// Makes a hash aside, for RDB load, RESTORE and whatever replaces a key whole.
class HashBuilder {
 public:
  HashBuilder() = default;
  HashBuilder(const HashBuilder&) = delete;
  HashBuilder& operator=(const HashBuilder&) = delete;
  ~HashBuilder();

  // Prepares for `count` fields; a hint from outside, trusted only to choose the form.
  void Expect(size_t count) noexcept;
  // The hash will have room for deadlines even when no field has one, as Redis' listpackex does.
  void KeepDeadlines();
  // Adds a field. Errors: kCorrupt when its name is there already, kOutOfMemory.
  [[nodiscard]] Status Add(const HashField& field);
  // Takes the fields of a listpack of pairs, or of triples with deadlines (0: none), that IsValidListpack accepted.
  // Errors: kCorrupt for a name that comes twice, an incomplete field, or a deadline out of range; kOutOfMemory.
  [[nodiscard]] Status AddListpack(std::string_view listpack, bool triples);
  [[nodiscard]] size_t Count() const noexcept {
    return table_ == nullptr ? packed_count_ : static_cast<size_t>(table_->count());
  }
  // Puts the hash in the place of whatever the key held. Requires Count() > 0. The builder is empty afterwards.
  [[nodiscard]] Status Finish(KeySlot& slot, Expiry expiry);

 private:
  [[nodiscard]] bool FitsPacked(const HashField& field) const noexcept;
  [[nodiscard]] Status MakeLarge();
  [[nodiscard]] Status FinishPacked(KeySlot& slot, Expiry expiry);

  // The fields are in one of the two.
  std::string packed_;  // A listpack, or nothing yet.
  PackedTable* table_ = nullptr;
  size_t packed_count_ = 0;
  bool triples_ = false;
  bool expects_large_ = false;
};

extern const ValueOps kHashOps;

}  // namespace cachenode
