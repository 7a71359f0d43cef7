#include "storage/base/byte_block.h"

#include <cassert>
#include <cstring>

namespace cachenode {

ByteBlockRef ByteBlockRef::Copy(std::string_view bytes, size_t capacity) noexcept {
  ByteBlockRef ref = Create(bytes.size(), capacity);
  if (ref && !bytes.empty()) std::memcpy(ref->mutable_data(), bytes.data(), bytes.size());
  return ref;
}

bool ByteBlockRef::Reserve(size_t capacity) noexcept {
  assert(block_ != nullptr && block_->IsUnique() && capacity >= block_->size());
  if (capacity > memory::kAllocationBytesMax) return false;
  const size_t total_bytes = memory::GoodSize(sizeof(ByteBlock) + capacity);
  const size_t old_bytes = block_->MemoryBytes();
  if (total_bytes == old_bytes) return true;
  // The header is plain data and no other thread can see a unique block, so the bytes may move under it.
  void* moved = memory::Reallocate(block_, old_bytes, total_bytes);
  if (moved == nullptr) return false;
  block_ = static_cast<ByteBlock*>(moved);
  block_->capacity_ = total_bytes - sizeof(ByteBlock);
  return true;
}

}  // namespace cachenode
