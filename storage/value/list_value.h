// The list type: ListView reads a list wherever it lies, ListValue changes the one of a key, ListBuilder makes one from
// its elements.
//
// Encodings: kPacked and kPackedBlock are a listpack, kLarge is a LargeList. A list is packed as long as
// list-max-listpack-size allows one node of its size, and becomes packed again when a large one has shrunk to one node
// of half of that. Engine 7.0 calls both quicklist.
// Thread-safety: a ListView may be read under the shard's lock, or by who holds a reference to the value; ListValue and
//   ListBuilder::Finish need the shard's lock.
// Invariants: a list in a key has at least one element.
// Errors: changes answer Err::kOutOfMemory; the list is then valid and, but for pushes and removals of several
// elements,
//   what it was.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "storage/base/function_ref.h"
#include "storage/base/result.h"
#include "storage/key_slot.h"
#include "storage/value/large_list.h"
#include "storage/value/list_node.h"
#include "storage/value/listpack.h"
#include "storage/value/value.h"

namespace cachenode {

// One element, borrowed from its list.
struct ListElement {
  ListpackElement value;
  ByteBlock* block = nullptr;  // Where the bytes lie, when they fill a block of their own: may be pinned.

  [[nodiscard]] std::string_view Read(ListpackScratch& scratch) const noexcept { return value.Read(scratch); }
  [[nodiscard]] bool Equals(std::string_view bytes, const std::optional<int64_t>& as_number) const noexcept {
    return value.Equals(bytes, as_number);
  }
};

class ListView {
 public:
  ListView(Encoding encoding, const char* value) noexcept : encoding_(encoding), value_(value) {}
  [[nodiscard]] static ListView Of(const EntryView& entry) noexcept { return {entry.encoding, entry.value}; }
  // Requires that the key exists and is a list.
  [[nodiscard]] static ListView Of(const KeySlot& slot) noexcept { return {slot.encoding(), slot.RawValue().data()}; }

  [[nodiscard]] uint64_t Count() const noexcept;
  // The first or the last element.
  [[nodiscard]] ListElement Edge(ListEnd end) const noexcept;

  // How many parts RDB stores the list in, and the parts: each is a listpack, or when `is_plain` one element.
  [[nodiscard]] uint64_t NodeCount() const noexcept;
  void ForEachNode(FunctionRef<void(std::string_view bytes, bool is_plain)> visit) const;
  // OBJECT ENCODING's answer.
  [[nodiscard]] std::string_view EncodingName() const noexcept;

  [[nodiscard]] bool IsPacked() const noexcept { return !IsLarge(encoding_); }
  // Requires IsPacked.
  [[nodiscard]] ListpackView packed() const noexcept;
  // Requires !IsPacked.
  [[nodiscard]] const LargeList& large() const noexcept;

 private:
  Encoding encoding_;
  const char* value_;
};

// Goes over the elements of a list that does not change, towards one of its ends.
class ListCursor {
 public:
  // At element number `index`, or at the end when there is none.
  ListCursor(const ListView& list, uint64_t index, ListEnd towards) noexcept;

  [[nodiscard]] bool IsEnd() const noexcept { return is_end_; }
  // Both require !IsEnd.
  [[nodiscard]] ListElement Get() const noexcept {
    if (node_ != nullptr && node_->IsPlain()) [[unlikely]]
      return {{node_->block()->view(), 0, false}, node_->block()};
    return {view_.At(at_)};
  }
  void Advance() noexcept {
    if (node_ != nullptr && node_->IsPlain()) [[unlikely]] {
      NextNode();
    } else if (towards_ == ListEnd::kBack) {
      at_ = view_.Next(at_);
      if (at_ == view_.EndOffset()) [[unlikely]]
        NextNode();
    } else if (at_ == view_.Begin()) [[unlikely]] {
      NextNode();
    } else {
      at_ = view_.Previous(at_);
    }
  }

 private:
  void NextNode() noexcept;
  void EnterNode() noexcept;

  const LargeList::Tree* tree_ = nullptr;  // Null for a packed list.
  const ListNode* node_ = nullptr;
  ListpackView view_{std::string_view()};
  ListpackView::Offset at_ = 0;
  ListEnd towards_;
  bool is_end_ = false;
  LargeList::Tree::Path path_;
};

class ListValue {
 public:
  // The list of a key, which may be missing. Requires that an existing one is a list.
  explicit ListValue(KeySlot& slot) noexcept : slot_(slot) {}

  // 0 for a missing key.
  [[nodiscard]] uint64_t Count() const noexcept { return slot_.Exists() ? ListView::Of(slot_).Count() : 0; }

  // Pushes the elements one after the other, creating a missing key. They must not point into this shard. O(log n)
  // each.
  [[nodiscard]] Status Push(ListEnd end, std::span<const std::string_view> elements);
  [[nodiscard]] Status Push(ListEnd end, std::string_view element) { return Push(end, std::span(&element, 1)); }

  // The rest requires that the key exists. Whoever takes the last element away takes the key.
  // Takes the first or the last element away. O(log n).
  [[nodiscard]] Status Pop(ListEnd end);
  // Takes elements [first, first + count) away, which exist. O(log n + nodes).
  [[nodiscard]] Status Erase(uint64_t first, uint64_t count);
  // Puts `element` before element number `index`, which is at most Count(). O(log n).
  [[nodiscard]] Status Insert(uint64_t index, std::string_view element);
  // Requires index < Count(). O(log n).
  [[nodiscard]] Status Replace(uint64_t index, std::string_view element);
  // Takes away up to `limit` elements equal to `element`, beginning at the end `from`; answers how many. O(n).
  [[nodiscard]] Result<uint64_t> RemoveEqual(std::string_view element, uint64_t limit, ListEnd from);

 private:
  // A part of a listpack.
  struct Span {
    ListpackView::Offset from;
    ListpackView::Offset to;
  };

  [[nodiscard]] bool IsPacked() const noexcept { return !IsLarge(slot_.encoding()); }
  [[nodiscard]] Status Create(ListEnd end, std::span<const std::string_view> elements);
  [[nodiscard]] bool StaysPacked(std::span<const std::string_view> elements) const noexcept;
  [[nodiscard]] Status BecomeLarge();
  [[nodiscard]] Status PushPacked(ListEnd end, std::span<const std::string_view> elements);
  [[nodiscard]] Status ErasePacked(uint64_t first, uint64_t count);
  [[nodiscard]] Status ReplaceSpan(Span span, std::span<const std::string_view> elements, int count_delta);
  [[nodiscard]] Status RemoveEqualPacked(std::string_view element, uint64_t limit, ListEnd from);
  // Calls `change(LargeList&)`, which answers false when there is no memory, and accounts for what it did. With
  // `may_shrink` the key may go, and a small list becomes packed again.
  template <typename Change>
  [[nodiscard]] Status EditLarge(bool may_shrink, const Change& change);
  [[nodiscard]] Status AfterShrinking();

  KeySlot& slot_;
};

// Makes a list outside of any key: for loading, and for commands that store a new list.
// Thread-safety: owned by one thread; only Finish touches a shard.
class ListBuilder {
 public:
  ListBuilder() noexcept : list_(LargeList::Create()) {}
  ListBuilder(const ListBuilder&) = delete;
  ListBuilder& operator=(const ListBuilder&) = delete;
  ~ListBuilder() {
    if (list_ != nullptr) LargeList::Drop(list_);
  }

  // Each adds at the end; false when there is no memory.
  [[nodiscard]] bool Append(std::string_view element) noexcept {
    return list_ != nullptr && list_->Push(ListEnd::kBack, element);
  }
  // All elements of a listpack that IsValidListpack accepted.
  [[nodiscard]] bool AppendListpack(std::string_view listpack) noexcept {
    return list_ != nullptr && list_->AppendListpack(listpack);
  }
  // One element that lies in a block already.
  [[nodiscard]] bool AppendBlock(ByteBlockRef block) noexcept {
    return list_ != nullptr && list_->AppendBlock(std::move(block));
  }
  [[nodiscard]] uint64_t Count() const noexcept { return list_ == nullptr ? 0 : list_->Count(); }

  // Puts the list into the key, in the place of whatever it held. Requires Count() > 0. Once, at the end.
  [[nodiscard]] Status Finish(KeySlot& slot, Expiry expiry);

 private:
  LargeList* list_;
};

extern const ValueOps kListOps;

}  // namespace cachenode
