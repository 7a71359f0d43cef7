#include "persistence/encode_buffer.h"

#include <algorithm>
#include <utility>

#include "storage/base/memory.h"
#include "storage/base/memory_pages.h"

namespace cachenode {
namespace {

constexpr size_t kFirstCapacity = 256;

}  // namespace

EncodeBuffer::EncodeBuffer(EncodeBuffer&& other) noexcept { *this = std::move(other); }

EncodeBuffer& EncodeBuffer::operator=(EncodeBuffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
  std::swap(overflowed_, other.overflowed_);
  return *this;
}

EncodeBuffer::~EncodeBuffer() { memory::Free(data_, capacity_); }

void EncodeBuffer::ClearAndDropPages() noexcept {
  Clear();
  if (data_ != nullptr) DropPages(data_, capacity_);
}

bool EncodeBuffer::Grow(size_t size) noexcept {
  const size_t wanted = memory::GoodSize(std::max({size_ + size, capacity_ * 2, kFirstCapacity}));
  void* grown = data_ == nullptr ? memory::Allocate(wanted) : memory::Reallocate(data_, capacity_, wanted);
  if (grown == nullptr) {
    overflowed_ = true;
    return false;
  }
  data_ = static_cast<char*>(grown);
  capacity_ = wanted;
  return true;
}

}  // namespace cachenode
