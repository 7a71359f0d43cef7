#include "persistence/chunk_encoder.h"

namespace cachenode {
namespace {

// A buffer that grew for one long string is not kept.
constexpr size_t kKeepBytesMax = 2 * ChunkEncoder::kChunkBytes;
constexpr uint32_t kFailuresInARow = 64;
constexpr uint32_t kTrialEvery = 16;

}  // namespace

void ChunkEncoder::Add(uint32_t db, const EntryView& entry) noexcept {
  if (failed()) [[unlikely]]
    return;
  if (buffer_.size() == 0 || db != db_) {
    AppendRdbOpcode(buffer_, RdbOpcode::kSelectDb);
    AppendRdbLength(buffer_, db);
    db_ = db;
  }
  if (IsRdbStringLarge(entry)) [[unlikely]] {
    AddLarge(entry);
    return;
  }
  const size_t bytes_before = buffer_.size();
  const RdbEncoding& how = plain_ahead_ == 0 || entry.type != ValueType::kString ? how_ : plain_;
  RdbOutput out(buffer_, how.compression, this);
  Status status = AppendRdbEntry(out, entry, how);
  if (long_chunk_) [[unlikely]] {
    EndLongChunk();
  } else {
    NoteCompression(entry, bytes_before);
  }
  if (!status.ok()) [[unlikely]] {
    if (!failed()) status_ = std::move(status);
    return;
  }
  if (buffer_.size() >= kChunkBytes) WriteOut({});
}

// Trying to compress what cannot be compressed is a third of the work of a snapshot. After a long row of failures only
// one string in kTrialEvery is tried, and the first success ends that.
void ChunkEncoder::NoteCompression(const EntryView& entry, size_t bytes_before) noexcept {
  if (entry.type != ValueType::kString) return;
  const size_t text_bytes = entry.String().SizeBytes();
  if (text_bytes <= kRdbCompressAbove) return;
  if (plain_ahead_ > 0) {
    --plain_ahead_;
    return;
  }
  const bool shorter = buffer_.size() - bytes_before < entry.key.size() + text_bytes;
  failures_ = shorter ? 0 : failures_ + 1;
  if (failures_ >= kFailuresInARow) plain_ahead_ = kTrialEvery - 1;
}

void ChunkEncoder::AddLarge(const EntryView& entry) noexcept {
  const std::string_view value = AppendRdbEntryHead(buffer_, entry, how_);
  WriteOut(value);
}

bool ChunkEncoder::Take(EncodeBuffer& buffer) noexcept {
  if (!failed() && buffer.overflowed()) status_ = Err::kOutOfMemory;
  if (!failed() && host_ != nullptr && !host_->OnPiece()) status_ = Err::kCancelled;
  if (!failed() && !long_chunk_) long_chunk_.emplace(writer_, host_);
  if (!failed()) status_ = long_chunk_->Take(buffer);
  buffer.Clear();  // Also after a failure: an encoder that does not look goes on.
  if (buffer.capacity() == 0) (void)buffer.Room(RdbOutput::kPieceRoomBytes);
  return !failed();
}

bool ChunkEncoder::IsUrgent() const noexcept {
  return host_ != nullptr && long_chunk_ && long_chunk_->holds_writer() && host_->IsShortOfRoom();
}

void ChunkEncoder::EndLongChunk() noexcept {
  if (Take(buffer_)) status_ = long_chunk_->End();
  long_chunk_.reset();
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
