// Entries of the keyspace copied out under a shard's lock, to be encoded later by another thread.
//
// Thread-safety: one thread at a time; handed over whole.
// Invariants: what a value owns outside of its entry is not copied but pinned: the chunk holds a reference until it is
//   gone, and what is shared does not change. A chunk is never larger than its capacity, which is fixed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "storage/base/function_ref.h"
#include "storage/entry_view.h"

namespace cachenode {

class RawChunk {
 public:
  // Room an entry takes in a chunk.
  [[nodiscard]] static size_t BytesFor(const EntryView& entry) noexcept;
  // Null when there is no memory.
  [[nodiscard]] static std::unique_ptr<RawChunk> Create(size_t capacity) noexcept;
  ~RawChunk();
  RawChunk(const RawChunk&) = delete;
  RawChunk& operator=(const RawChunk&) = delete;

  [[nodiscard]] size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] size_t BytesLeft() const noexcept { return capacity_ - size_; }
  // Has the system bring the memory's pages in one call: for a chunk that will be filled.
  void MakePresent() noexcept;
  // Bytes of the values held. They are memory of the keyspace until it lets go of them, and ours afterwards.
  [[nodiscard]] size_t pinned_bytes() const noexcept { return pinned_bytes_; }

  // Bytes of values that take so long to encode that others should not wait for them.
  [[nodiscard]] size_t long_value_bytes() const noexcept { return long_value_bytes_; }

  // All of it that counts as the snapshot's.
  [[nodiscard]] size_t BytesHeld() const noexcept { return capacity_ + pinned_bytes_; }

  // Copies the entry. Requires bytes == BytesFor(entry) and bytes <= BytesLeft().
  void Append(uint32_t db, const EntryView& entry, size_t bytes) noexcept;
  // Lets go of the values and is empty.
  void Clear() noexcept;
  // The entries in the order they came; the views die with the chunk.
  void ForEach(FunctionRef<void(uint32_t db, const EntryView& entry)> visit) const;

 private:
  RawChunk(char* bytes, size_t capacity) noexcept : bytes_(bytes), capacity_(capacity) {}

  char* const bytes_;
  const size_t capacity_;
  size_t size_ = 0;
  size_t pinned_bytes_ = 0;
  size_t long_value_bytes_ = 0;
};

}  // namespace cachenode
