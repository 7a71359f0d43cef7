#include "persistence/rdb_batch.h"

#include "storage/base/memory.h"

namespace cachenode {

RdbBlock::~RdbBlock() { memory::Free(data_, capacity_); }

bool RdbBlock::Reserve(size_t capacity) noexcept {
  if (capacity <= capacity_) return true;
  void* grown = data_ == nullptr ? memory::Allocate(capacity) : memory::Reallocate(data_, capacity_, capacity);
  if (grown == nullptr) return false;
  data_ = static_cast<char*>(grown);
  capacity_ = capacity;
  return true;
}

void RdbBlock::Clear(size_t keep_bytes_max) noexcept {
  size_ = 0;
  if (capacity_ <= keep_bytes_max) return;
  memory::Free(data_, capacity_);
  data_ = nullptr;
  capacity_ = 0;
}

void RdbBatch::Clear(size_t keep_bytes_max) {
  block.Clear(keep_bytes_max);
  records.clear();
  decoded_keys.clear();
  streamed = false;
}

}  // namespace cachenode
