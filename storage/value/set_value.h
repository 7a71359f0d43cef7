// Sets: an intset while all members are integers, a listpack while they are few and short, else a PackedTable.
//
// SetView reads, SetValue changes the set of a key, SetBuilder makes one off the keyspace.
// Thread-safety: a view is good under the shard's lock, or on any thread that holds a reference to the value (a
//   snapshot's); SetValue under the lock only; a builder belongs to one thread.
// Invariants: a set has at least one member: the last one to go takes the key with it. Conversions go one way: intset,
//   listpack, table, by value_limits. Members are distinct.
// Errors: kOutOfMemory, and then nothing changed.
// Views: elements handed out live until the next change of the shard.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "storage/base/random.h"
#include "storage/base/result.h"
#include "storage/entry_view.h"
#include "storage/key_slot.h"
#include "storage/value/intset.h"
#include "storage/value/listpack.h"
#include "storage/value/packed_table.h"
#include "storage/value/value.h"

namespace cachenode {

extern const ValueOps kSetOps;

// Bytes that are looked up in several sets: what each encoding needs of them is made once, when it is first asked for.
class SetProbe {
 public:
  explicit SetProbe(std::string_view bytes) noexcept : bytes_(bytes) {}

  [[nodiscard]] std::string_view bytes() const noexcept { return bytes_; }
  [[nodiscard]] uint64_t Hash() noexcept {
    if (!has_hash_) {
      hash_ = HashKey(bytes_);
      has_hash_ = true;
    }
    return hash_;
  }
  // The number, when the bytes are a canonical decimal.
  [[nodiscard]] const std::optional<int64_t>& Number() noexcept {
    if (!has_number_) {
      number_ = ParseListpackInteger(bytes_);
      has_number_ = true;
    }
    return number_;
  }

 private:
  std::string_view bytes_;
  std::optional<int64_t> number_;
  uint64_t hash_ = 0;
  bool has_hash_ = false;
  bool has_number_ = false;
};

class SetView {
 public:
  enum class Form : uint8_t { kIntset, kListpack, kTable };

  SetView(Encoding encoding, const char* value) noexcept;
  [[nodiscard]] static SetView Of(const EntryView& entry) noexcept { return {entry.encoding, entry.value}; }
  // Requires a slot that exists and holds a set.
  [[nodiscard]] static SetView Of(const KeySlot& slot) noexcept { return {slot.encoding(), slot.RawValue().data()}; }

  [[nodiscard]] Form form() const noexcept { return form_; }
  // The bytes RDB stores. Requires a form other than kTable.
  [[nodiscard]] std::string_view packed_bytes() const noexcept { return packed_; }
  // Requires kTable.
  [[nodiscard]] const PackedTable& table() const noexcept {
    assert(table_ != nullptr);
    return *table_;
  }

  [[nodiscard]] size_t Count() const noexcept;
  [[nodiscard]] bool Contains(SetProbe& probe) const noexcept;
  [[nodiscard]] bool Contains(std::string_view member) const noexcept {
    SetProbe probe(member);
    return Contains(probe);
  }
  // One member, each with the same chance.
  [[nodiscard]] ListpackElement RandomMember(Random& random) const noexcept;

  // Goes through the members: an intset's in ascending order, a listpack's as they came.
  class Iterator {
   public:
    explicit Iterator(const SetView& set) noexcept;
    // False at the end.
    [[nodiscard]] bool Next(ListpackElement& member) noexcept;

   private:
    Form form_;
    std::string_view packed_;
    size_t at_ = 0;  // Index in an intset, offset in a listpack.
    size_t end_ = 0;
    std::optional<PackedTable::Iterator> table_;
  };

 private:
  Form form_;
  std::string_view packed_;
  const PackedTable* table_ = nullptr;
};

// Handle to change the set of one key. Requires that the key is missing or holds a set.
class SetValue {
 public:
  explicit SetValue(KeySlot& slot) noexcept : slot_(&slot) {}

  // Tells that about `count` members, `first` among them, will be added: a set that will be large becomes so at once.
  [[nodiscard]] Status Expect(std::string_view first, size_t count);
  // False when it was there. Creates the key. `member` must not lie in this shard.
  [[nodiscard]] Result<bool> Add(std::string_view member);
  // False when it was not there. The last member takes the key with it. `member` may lie in this set.
  [[nodiscard]] Result<bool> Remove(std::string_view member);

 private:
  [[nodiscard]] Result<bool> AddToIntset(std::string_view member);
  [[nodiscard]] Result<bool> AddToListpack(std::string_view member);
  [[nodiscard]] Result<bool> AddToTable(std::string_view member);
  [[nodiscard]] Result<bool> Create(std::string_view member);
  [[nodiscard]] Result<bool> RemoveFromTable(std::string_view member);
  [[nodiscard]] Status BecomeListpack();
  [[nodiscard]] Status BecomeTable();

  KeySlot* slot_;
  bool starts_large_ = false;  // A set that is created begins as a table.
};

// Makes a set, which Finish gives to a key in the smallest form.
class SetBuilder {
 public:
  SetBuilder() = default;
  SetBuilder(const SetBuilder&) = delete;
  SetBuilder& operator=(const SetBuilder&) = delete;
  ~SetBuilder() { PackedTable::Drop(table_); }

  // False when it was there.
  [[nodiscard]] Result<bool> Add(std::string_view member);
  [[nodiscard]] Result<bool> Add(const ListpackElement& member);
  [[nodiscard]] bool Contains(std::string_view member) const noexcept;
  [[nodiscard]] size_t count() const noexcept { return count_; }
  // Replaces whatever the key held. Requires count() > 0. The builder is spent when that went well.
  [[nodiscard]] Status Finish(KeySlot& slot, Expiry expiry);

 private:
  [[nodiscard]] Result<bool> AddToPacked(std::string_view member, const std::optional<int64_t>& number);
  [[nodiscard]] Status BecomeTable();

  SetView::Form form_ = SetView::Form::kIntset;
  std::string packed_ = MakeIntset();
  PackedTable* table_ = nullptr;
  size_t count_ = 0;
};

// Gives `slot` the set whose packed bytes these are (kPacked: a listpack, kPackedOther: an intset): as they are, or in
// the form the limits ask for. Requires valid bytes, at least one member, and no member twice.
[[nodiscard]] Status StorePackedSet(KeySlot& slot, AggregateEncoding form, std::string_view bytes, Expiry expiry);
// Whether a listpack holds an element twice. O(n log n).
[[nodiscard]] bool HasDuplicates(ListpackView listpack);

}  // namespace cachenode
