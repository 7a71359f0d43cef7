// The elements of a collection while SORT orders them.
//
// Elements are copied: looking keys up may erase expired ones, and what a slot showed does not survive that.
// Thread-safety: one handler's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "storage/key_slot.h"

namespace cachenode {

class SortElements {
 public:
  struct Element {
    size_t begin = 0;  // Where its bytes are.
    size_t size = 0;
    // What it is ordered by, one of the two:
    double score = 0;
    size_t weight_begin = 0;
    size_t weight_size = 0;
    bool has_weight = false;
  };
  enum class Order : uint8_t { kAscending, kDescending };

  // Takes over elements [first, first + count) of a list, a set or a sorted set, in its own order; backwards, and
  // counted from the end, when `order` says so and it is no set.
  void Load(const KeySlot& slot, uint64_t first, uint64_t count, Order order);
  // How many elements a list, a set or a sorted set has.
  [[nodiscard]] static uint64_t CountOf(const KeySlot& slot);

  [[nodiscard]] size_t size() const { return elements_.size(); }
  [[nodiscard]] std::string_view text(size_t index) const {
    return Bytes(elements_[index].begin, elements_[index].size);
  }

  // What the element is ordered by.
  void SetScore(size_t index, double score) { elements_[index].score = score; }
  void SetWeight(size_t index, std::string_view weight);
  // Orders elements so that the first `count` are right. Those that are equal stay as they were.
  void SortByScore(Order order, size_t count);
  void SortByText(Order order, size_t count);
  // By the weights; an element without one comes first.
  void SortByWeight(Order order, size_t count);

 private:
  [[nodiscard]] std::string_view Bytes(size_t begin, size_t size) const {
    return std::string_view(bytes_).substr(begin, size);
  }
  [[nodiscard]] std::string_view text(const Element& element) const { return Bytes(element.begin, element.size); }
  [[nodiscard]] int CompareWeights(const Element& a, const Element& b) const;
  void Add(std::string_view text);
  void LoadList(const KeySlot& slot, uint64_t first, uint64_t count, Order order);
  void LoadSet(const KeySlot& slot, uint64_t first, uint64_t count);
  void LoadSortedSet(const KeySlot& slot, uint64_t first, uint64_t count, Order order);
  template <typename Compare>
  void Sort(Order order, size_t count, const Compare& compare);

  std::string bytes_;
  std::vector<Element> elements_;
};

}  // namespace cachenode
