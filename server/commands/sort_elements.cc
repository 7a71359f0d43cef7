#include "server/commands/sort_elements.h"

#include <algorithm>

#include "storage/value/list_value.h"
#include "storage/value/set_value.h"
#include "storage/value/sorted_set_value.h"

namespace cachenode {

uint64_t SortElements::CountOf(const KeySlot& slot) {
  switch (slot.type()) {
    case ValueType::kList:
      return ListView::Of(slot).Count();
    case ValueType::kSet:
      return SetView::Of(slot).Count();
    case ValueType::kSortedSet:
      return SortedSetView::Of(slot).Count();
    default:
      return 0;
  }
}

void SortElements::Load(const KeySlot& slot, uint64_t first, uint64_t count, Order order) {
  elements_.reserve(static_cast<size_t>(count));
  switch (slot.type()) {
    case ValueType::kList:
      return LoadList(slot, first, count, order);
    case ValueType::kSet:
      return LoadSet(slot, first, count);
    case ValueType::kSortedSet:
      return LoadSortedSet(slot, first, count, order);
    default:
      return;
  }
}

void SortElements::Add(std::string_view text) {
  elements_.push_back({.begin = bytes_.size(), .size = text.size()});
  bytes_.append(text);
}

void SortElements::LoadList(const KeySlot& slot, uint64_t first, uint64_t count, Order order) {
  const ListView list = ListView::Of(slot);
  const bool forward = order == Order::kAscending;
  ListpackScratch scratch;
  ListCursor cursor(list, forward ? first : list.Count() - 1 - first, forward ? ListEnd::kBack : ListEnd::kFront);
  for (; count > 0; --count, cursor.Advance()) Add(cursor.Get().Read(scratch));
}

void SortElements::LoadSet(const KeySlot& slot, uint64_t first, uint64_t count) {
  ListpackScratch scratch;
  ListpackElement member;
  SetView::Iterator members(SetView::Of(slot));
  for (uint64_t i = 0; i < first + count && members.Next(member); ++i) {
    if (i >= first) Add(member.Read(scratch));
  }
}

void SortElements::LoadSortedSet(const KeySlot& slot, uint64_t first, uint64_t count, Order order) {
  const SortedSetView set = SortedSetView::Of(slot);
  const bool forward = order == Order::kAscending;
  SortedSetView::Cursor cursor(set, forward ? first : set.Count() - 1 - first);
  for (; count > 0; --count) {
    Add(cursor.member());
    if (forward) {
      cursor.Next();
    } else {
      cursor.Previous();
    }
  }
}

void SortElements::SetWeight(size_t index, std::string_view weight) {
  Element& element = elements_[index];
  element.has_weight = true;
  element.weight_begin = bytes_.size();
  element.weight_size = weight.size();
  bytes_.append(weight);
}

// `compare` answers below, equal to or above zero.
template <typename Compare>
void SortElements::Sort(Order order, size_t count, const Compare& compare) {
  const int sign = order == Order::kAscending ? 1 : -1;
  const auto middle = elements_.begin() + static_cast<std::ptrdiff_t>(std::min(count, elements_.size()));
  std::partial_sort(elements_.begin(), middle, elements_.end(), [&](const Element& a, const Element& b) {
    const int compared = compare(a, b) * sign;
    return compared != 0 ? compared < 0 : a.begin < b.begin;
  });
}

void SortElements::SortByScore(Order order, size_t count) {
  Sort(order, count, [this](const Element& a, const Element& b) {
    if (a.score != b.score) return a.score < b.score ? -1 : 1;
    return text(a).compare(text(b));
  });
}

void SortElements::SortByText(Order order, size_t count) {
  Sort(order, count, [this](const Element& a, const Element& b) { return text(a).compare(text(b)); });
}

int SortElements::CompareWeights(const Element& a, const Element& b) const {
  if (!a.has_weight || !b.has_weight) return static_cast<int>(a.has_weight) - static_cast<int>(b.has_weight);
  return Bytes(a.weight_begin, a.weight_size).compare(Bytes(b.weight_begin, b.weight_size));
}

void SortElements::SortByWeight(Order order, size_t count) {
  Sort(order, count, [this](const Element& a, const Element& b) { return CompareWeights(a, b); });
}

}  // namespace cachenode
