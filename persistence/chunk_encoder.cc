#include "persistence/chunk_encoder.h"

namespace cachenode {
namespace {

// A buffer that grew for one long string is not kept.
constexpr size_t kKeepBytesMax = 2 * ChunkEncoder::kChunkBytes;

}  // namespace

void ChunkEncoder::Add(uint32_t db, const EntryView& entry) noexcept {
  if (failed()) [[unlikely]]
    return;
  if (buffer_.size() == 0 || db != db_) {
    AppendRdbOpcode(buffer_, RdbOpcode::kSelectDb);
    AppendRdbLength(buffer_, db);
    db_ = db;
  }
  if (IsRdbValueLarge(entry)) [[unlikely]] {
    AddLarge(entry);
    return;
  }
  AppendRdbEntry(buffer_, entry, how_);
  if (buffer_.size() >= kChunkBytes) WriteOut({});
}

void ChunkEncoder::AddLarge(const EntryView& entry) noexcept {
  const std::string_view value = AppendRdbEntryHead(buffer_, entry, how_);
  WriteOut(value);
}

void ChunkEncoder::Flush() noexcept {
  if (!failed() && buffer_.size() > 0) WriteOut({});
}

void ChunkEncoder::WriteOut(std::string_view tail) noexcept {
  if (buffer_.overflowed()) {
    status_ = Err::kOutOfMemory;
    return;
  }
  const std::string_view parts[] = {buffer_.view(), tail};
  status_ = writer_.WriteChunk(std::span(parts).first(tail.empty() ? 1 : 2));
  buffer_.Clear();
  if (buffer_.capacity() > kKeepBytesMax) buffer_ = EncodeBuffer();
}

}  // namespace cachenode
