// A run of whole RDB records with the bytes they lie in, made by the reader and decoded by loading workers.
//
// Thread-safety: one thread at a time; a batch is handed over whole. Records point into their own batch.
// Invariant: every record's value is complete and of its type's shape, but its content was not looked at.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "persistence/rdb_format.h"

namespace cachenode {

constexpr int64_t kRdbNoExpiry = -1;

struct RdbRecord {
  std::string_view key;    // Decoded.
  std::string_view value;  // As it lies in the file.
  const RdbTypeInfo* type = nullptr;
  int64_t expire_at_ms = kRdbNoExpiry;  // Unix milliseconds.
  int64_t idle_seconds = -1;            // -1: the file does not say.
  uint64_t offset = 0;                  // Of the type byte, in the file.
  uint32_t db = 0;
  int16_t lfu_counter = -1;  // -1: the file does not say.
};

// Bytes of one batch. Grows only, keeps its content, never throws.
class RdbBlock {
 public:
  RdbBlock() = default;
  RdbBlock(const RdbBlock&) = delete;
  RdbBlock& operator=(const RdbBlock&) = delete;
  ~RdbBlock();

  [[nodiscard]] char* data() noexcept { return data_; }
  [[nodiscard]] size_t size() const noexcept { return size_; }
  [[nodiscard]] size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] std::string_view view() const noexcept { return {data_, size_}; }
  void SetSize(size_t size) noexcept { size_ = size; }
  // Makes room for `capacity` bytes; the bytes may move. False, with nothing changed, when there is no memory.
  [[nodiscard]] bool Reserve(size_t capacity) noexcept;
  // Gives the memory back when it is more than `keep_bytes_max`; the content is dropped.
  void Clear(size_t keep_bytes_max) noexcept;

 private:
  char* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

struct RdbBatch {
  RdbBlock block;
  std::vector<RdbRecord> records;
  std::deque<std::string> decoded_keys;  // Keys that do not lie plain in the block.
  // The one record's value is only begun: see StreamedValue. Then the batch stays with the thread that reads.
  bool streamed = false;
  int version = 0;
  RdbDialect dialect = RdbDialect::kRedis;

  // Empties the batch for the next use; a block that grew for one large value is given back.
  void Clear(size_t keep_bytes_max);
};

}  // namespace cachenode
