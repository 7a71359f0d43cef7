// A growing array of pointers in the memory facade, whose growth can fail. It owns its room and nothing it points at.
//
// Thread-safety: as any container. Errors: memory only, as false, with nothing changed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "storage/base/memory.h"

namespace cachenode {

template <typename T>
class PointerArray {
 public:
  PointerArray() noexcept = default;
  PointerArray(const PointerArray&) = delete;
  PointerArray& operator=(const PointerArray&) = delete;
  ~PointerArray() { memory::Free(items_, memory_bytes()); }

  [[nodiscard]] uint32_t count() const noexcept { return count_; }
  [[nodiscard]] T* at(uint32_t index) const noexcept { return items_[index]; }
  [[nodiscard]] size_t memory_bytes() const noexcept { return capacity_ * sizeof(T*); }
  void Set(uint32_t index, T* item) noexcept { items_[index] = item; }

  // Room for one more, so that the next Insert cannot fail.
  [[nodiscard]] bool Reserve() noexcept {
    return count_ < capacity_ || Grow(capacity_ == 0 ? 2 : capacity_ + capacity_ / 2 + 1);
  }
  // Requires room.
  void Insert(uint32_t index, T* item) noexcept {
    std::memmove(items_ + index + 1, items_ + index, (count_ - index) * sizeof(T*));
    items_[index] = item;
    ++count_;
  }
  void Erase(uint32_t index) noexcept {
    --count_;
    std::memmove(items_ + index, items_ + index + 1, (count_ - index) * sizeof(T*));
  }
  // The same items in as much room. Requires that this one is empty.
  [[nodiscard]] bool CopyFrom(const PointerArray& other) noexcept {
    if (other.capacity_ == 0) return true;
    if (!Grow(other.capacity_)) return false;
    count_ = other.count_;
    std::memcpy(items_, other.items_, count_ * sizeof(T*));
    return true;
  }

 private:
  [[nodiscard]] bool Grow(uint32_t capacity) noexcept {
    void* const moved = items_ == nullptr ? memory::Allocate(capacity * sizeof(T*))
                                          : memory::Reallocate(items_, memory_bytes(), capacity * sizeof(T*));
    if (moved == nullptr) return false;
    items_ = static_cast<T**>(moved);
    capacity_ = capacity;
    return true;
  }

  T** items_ = nullptr;
  uint32_t count_ = 0;
  uint32_t capacity_ = 0;
};

// The index of the item called `name`, or where it belongs: items are in byte order of name().
template <typename T>
[[nodiscard]] std::pair<uint32_t, bool> FindByName(const PointerArray<T>& items, std::string_view name) noexcept {
  uint32_t low = 0;
  uint32_t high = items.count();
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (items.at(middle)->name() < name) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return {low, low < items.count() && items.at(low)->name() == name};
}

}  // namespace cachenode
