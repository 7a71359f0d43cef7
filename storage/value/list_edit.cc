// ListValue: the changes of a key's list.
#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <string>

#include "storage/base/bytes.h"
#include "storage/value/list_value.h"

namespace cachenode {
namespace {

// Up to so many bytes behind a removed span wait on the stack while the value shrinks.
constexpr size_t kTailBytesMax = KeySlot::kPackedInlineBytesMax;

size_t EncodedBytes(std::span<const std::string_view> elements) noexcept {
  return std::accumulate(elements.begin(), elements.end(), size_t{0},
                         [](size_t sum, std::string_view element) { return sum + ListpackElementBytes(element); });
}

// Whether elements may join a listpack that is `bytes` long and has `count` elements. Counts the bytes as they are, not
// as they are encoded, as Redis does: the moment of conversion shows.
bool FitsPacked(size_t bytes, size_t count, std::span<const std::string_view> elements) noexcept {
  const ListNodeLimits limits = ListNodeLimits::Current();
  for (const std::string_view element : elements) {
    bytes += element.size();
    if (ListNode::IsPlainSize(element.size(), limits)) return false;
  }
  return limits.AllowList(bytes, count + elements.size());
}

// Writes the elements into the gap made for them.
void FillGap(char* gap, ListEnd end, std::span<const std::string_view> elements) noexcept {
  for (size_t i = 0; i < elements.size(); ++i) {
    gap = PutListpackElement(gap, end == ListEnd::kBack ? elements[i] : elements[elements.size() - 1 - i]);
  }
}

uint64_t CountEqual(const ListpackView& view, std::string_view element) noexcept {
  uint64_t count = 0;
  ListpackView::Offset at = view.Find(element, view.Begin(), 0);
  for (; at != view.EndOffset(); at = view.Find(element, view.Next(at), 0)) ++count;
  return count;
}

// A listpack without `removed` of the elements equal to `element`, after the first `skipped` of them.
std::string WithoutEqual(const ListpackView& view, std::string_view element, uint64_t skipped, uint64_t removed) {
  const std::string_view bytes = view.bytes();
  const size_t count = view.Count() - removed;
  std::string kept(bytes.substr(0, kListpackHeaderBytes));
  kept.reserve(bytes.size());
  ListpackView::Offset from = view.Begin();
  ListpackView::Offset at = view.Find(element, from, 0);
  while (removed > 0) {
    const ListpackView::Offset next = view.Next(at);
    if (skipped > 0) {
      --skipped;
    } else {
      kept.append(bytes.substr(from, at - from));
      from = next;
      --removed;
    }
    at = view.Find(element, next, 0);
  }
  kept.append(bytes.substr(from));
  StoreLittleEndian(kept.data(), static_cast<uint32_t>(kept.size()));
  StoreLittleEndian(kept.data() + sizeof(uint32_t), static_cast<uint16_t>(count));
  return kept;
}

}  // namespace

// --- Forms -----------------------------------------------------------------------------------------------------------

bool ListValue::StaysPacked(std::span<const std::string_view> elements) const noexcept {
  const std::string_view bytes = slot_.ReadPacked();
  return FitsPacked(bytes.size(), ListpackView(bytes).Count(), elements);
}

Status ListValue::BecomeLarge() {
  LargeList* const list = LargeList::Create();
  if (list == nullptr) return Err::kOutOfMemory;
  if (!list->AppendListpack(slot_.ReadPacked())) {
    LargeList::Drop(list);
    return Err::kOutOfMemory;
  }
  list->SettleMemory();
  Status status = slot_.WriteRoot(ValueType::kList, list, Expiry::kKeep);
  if (!status.ok()) LargeList::Drop(list);
  return status;
}

template <typename Change>
Status ListValue::EditLarge(bool may_shrink, const Change& change) {
  LargeList* const list = slot_.EditRoot<LargeList>();
  if (list == nullptr) return Err::kOutOfMemory;
  const bool done = change(*list);
  slot_.AdjustExternal(list->SettleMemory());
  if (may_shrink) {
    Status status = AfterShrinking();
    if (!status.ok()) return status;
  }
  return done ? Status::Ok() : Status(Err::kOutOfMemory);
}

// The last element may be gone, or the list small enough to be packed. A list that cannot be packed for lack of memory
// stays large.
Status ListValue::AfterShrinking() {
  auto* const list = static_cast<LargeList*>(slot_.ReadRoot());
  if (list->Count() == 0) {
    slot_.Erase();
    return Status::Ok();
  }
  if (list->tree().leaf_count() != 1) [[likely]]
    return Status::Ok();
  const ListNode& node = list->tree().First().leaf();
  if (node.IsPlain()) return Status::Ok();
  const std::string_view bytes = node.View().bytes();
  if (!ListNodeLimits::Current().AllowList(bytes.size(), list->Count(), 2)) return Status::Ok();
  list->AddRef();  // The bytes outlive the value they are copied from.
  Result<std::span<char>> to =
      slot_.WritePacked(ValueType::kList, AggregateEncoding::kPacked, bytes.size(), Expiry::kKeep);
  if (to) std::memcpy(to->data(), bytes.data(), bytes.size());
  LargeList::Drop(list);
  return Status::Ok();
}

// --- Adding ----------------------------------------------------------------------------------------------------------

Status ListValue::Push(ListEnd end, std::span<const std::string_view> elements) {
  if (!slot_.Exists()) return Create(end, elements);
  if (IsPacked()) {
    if (StaysPacked(elements)) return PushPacked(end, elements);
    if (Status error = BecomeLarge(); !error.ok()) return error;
  }
  return EditLarge(false, [&](LargeList& list) {
    return std::all_of(elements.begin(), elements.end(),
                       [&](std::string_view element) { return list.Push(end, element); });
  });
}

Status ListValue::Create(ListEnd end, std::span<const std::string_view> elements) {
  if (!FitsPacked(kEmptyListpackBytes, 0, elements)) {
    LargeList* const list = LargeList::Create();
    if (list == nullptr) return Err::kOutOfMemory;
    Status status = Err::kOutOfMemory;
    if (std::all_of(elements.begin(), elements.end(),
                    [&](std::string_view element) { return list->Push(end, element); })) {
      list->SettleMemory();
      status = slot_.WriteRoot(ValueType::kList, list, Expiry::kKeep);
    }
    if (!status.ok()) LargeList::Drop(list);
    return status;
  }
  const size_t added_bytes = EncodedBytes(elements);
  Result<std::span<char>> bytes =
      slot_.WritePacked(ValueType::kList, AggregateEncoding::kPacked, kEmptyListpackBytes + added_bytes, Expiry::kKeep);
  if (!bytes) return bytes.error();
  InitListpack(bytes->data());
  FillGap(OpenListpackGap(bytes->data(), kEmptyListpackBytes, kListpackHeaderBytes, added_bytes,
                          static_cast<int>(elements.size())),
          end, elements);
  return Status::Ok();
}

Status ListValue::PushPacked(ListEnd end, std::span<const std::string_view> elements) {
  const size_t old_bytes = slot_.ReadPacked().size();
  const size_t added_bytes = EncodedBytes(elements);
  Result<std::span<char>> bytes = slot_.EditPacked(old_bytes + added_bytes);
  if (!bytes) return bytes.error();
  const size_t at = end == ListEnd::kFront ? kListpackHeaderBytes : old_bytes - 1;
  FillGap(OpenListpackGap(bytes->data(), old_bytes, static_cast<ListpackView::Offset>(at), added_bytes,
                          static_cast<int>(elements.size())),
          end, elements);
  return Status::Ok();
}

Status ListValue::Insert(uint64_t index, std::string_view element) {
  if (IsPacked()) {
    if (StaysPacked(std::span(&element, 1))) {
      const std::string_view old = slot_.ReadPacked();
      const size_t old_bytes = old.size();
      const ListpackView::Offset at = ListpackView(old).Seek(static_cast<int64_t>(index));
      const size_t added_bytes = ListpackElementBytes(element);
      Result<std::span<char>> bytes = slot_.EditPacked(old_bytes + added_bytes);
      if (!bytes) return bytes.error();
      PutListpackElement(OpenListpackGap(bytes->data(), old_bytes, at, added_bytes, 1), element);
      return Status::Ok();
    }
    if (Status error = BecomeLarge(); !error.ok()) return error;
  }
  return EditLarge(false, [&](LargeList& list) { return list.Insert(index, element); });
}

Status ListValue::Replace(uint64_t index, std::string_view element) {
  if (IsPacked()) {
    if (StaysPacked(std::span(&element, 1))) {
      const ListpackView view(slot_.ReadPacked());
      const ListpackView::Offset at = view.Seek(static_cast<int64_t>(index));
      return ReplaceSpan({at, view.Next(at)}, std::span(&element, 1), 0);
    }
    if (Status error = BecomeLarge(); !error.ok()) return error;
  }
  return EditLarge(true, [&](LargeList& list) { return list.Replace(index, element); });
}

// --- Taking away -----------------------------------------------------------------------------------------------------

Status ListValue::Pop(ListEnd end) {
  if (IsPacked()) {
    const uint64_t count = Count();
    return ErasePacked(end == ListEnd::kFront ? 0 : count - 1, 1);
  }
  return EditLarge(true, [&](LargeList& list) { return list.Pop(end); });
}

Status ListValue::Erase(uint64_t first, uint64_t count) {
  if (count == 0) return Status::Ok();
  if (count == Count()) {
    slot_.Erase();
    return Status::Ok();
  }
  if (IsPacked()) return ErasePacked(first, count);
  return EditLarge(true, [&](LargeList& list) { return list.Erase(first, count); });
}

Status ListValue::ErasePacked(uint64_t first, uint64_t count) {
  const ListpackView view(slot_.ReadPacked());
  if (count == view.Count()) {
    slot_.Erase();
    return Status::Ok();
  }
  const ListpackView::Offset from = view.Seek(static_cast<int64_t>(first));
  return ReplaceSpan({from, view.Seek(static_cast<int64_t>(first + count))}, {}, -static_cast<int>(count));
}

// Puts `elements` in the place of a span of a packed list, which has `count_delta` elements more or fewer then, and at
// least one.
Status ListValue::ReplaceSpan(Span span, std::span<const std::string_view> elements, int count_delta) {
  const std::string_view old = slot_.ReadPacked();
  const size_t old_bytes = old.size();
  const size_t old_span = span.to - span.from;
  const size_t new_span = EncodedBytes(elements);
  const size_t new_bytes = old_bytes - old_span + new_span;
  if (new_bytes >= old_bytes || new_bytes > kTailBytesMax) {
    // A value that is longer than kTailBytesMax lies in a block and stays there: once that is writable, making it
    // shorter needs no memory.
    Result<std::span<char>> bytes = slot_.EditPacked(std::max(old_bytes, new_bytes));
    if (!bytes) return bytes.error();
    FillGap(ReplaceListpackSpan(bytes->data(), old_bytes, span.from, old_span, new_span, count_delta), ListEnd::kBack,
            elements);
    if (new_bytes < old_bytes) bytes = slot_.EditPacked(new_bytes);
    return bytes ? Status::Ok() : bytes.error();
  }
  // Shrinking cuts the end off, and may fail: what stands behind the span waits here.
  std::array<char, kTailBytesMax> tail;
  const size_t tail_bytes = old_bytes - span.to;
  std::memcpy(tail.data(), old.data() + span.to, tail_bytes);
  const auto count = static_cast<uint16_t>(static_cast<int64_t>(ListpackView(old).Count()) + count_delta);
  Result<std::span<char>> bytes = slot_.EditPacked(new_bytes);
  if (!bytes) return bytes.error();
  StoreLittleEndian(bytes->data(), static_cast<uint32_t>(new_bytes));
  StoreLittleEndian(bytes->data() + sizeof(uint32_t), count);
  FillGap(bytes->data() + span.from, ListEnd::kBack, elements);
  std::memcpy(bytes->data() + span.from + new_span, tail.data(), tail_bytes);
  return Status::Ok();
}

Result<uint64_t> ListValue::RemoveEqual(std::string_view element, uint64_t limit, ListEnd from) {
  const uint64_t before = Count();
  Status status = IsPacked() ? RemoveEqualPacked(element, limit, from)
                             : EditLarge(true, [&](LargeList& list) { return list.RemoveEqual(element, limit, from); });
  if (!status.ok()) return status;
  return before - Count();
}

Status ListValue::RemoveEqualPacked(std::string_view element, uint64_t limit, ListEnd from) {
  const ListpackView view(slot_.ReadPacked());
  const uint64_t matches = CountEqual(view, element);
  const uint64_t removed = std::min(matches, limit);
  if (removed == 0) return Status::Ok();
  if (removed == view.Count()) {
    slot_.Erase();
    return Status::Ok();
  }
  const std::string kept = WithoutEqual(view, element, from == ListEnd::kFront ? 0 : matches - removed, removed);
  Result<std::span<char>> bytes = slot_.EditPacked(kept.size());
  if (!bytes) return bytes.error();
  std::memcpy(bytes->data(), kept.data(), kept.size());
  return Status::Ok();
}

}  // namespace cachenode
