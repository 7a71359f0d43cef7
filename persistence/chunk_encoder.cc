#include "persistence/chunk_encoder.h"

namespace cachenode {
namespace {

// A buffer that grew for one long string is not kept.
constexpr size_t kKeepBytesMax = 2 * ChunkEncoder::kChunkBytes;
constexpr uint8_t kFailuresInARow = 64;
constexpr uint8_t kTrialEvery = 16;

}  // namespace

void ChunkEncoder::Add(uint32_t db, const EntryView& entry) noexcept {
  if (failed()) [[unlikely]]
    return;
  if (buffer_.size() == 0 || db != db_) {
    AppendRdbOpcode(buffer_, RdbOpcode::kSelectDb);
    AppendRdbLength(buffer_, db);
    db_ = db;
  }
  if (entry.type == ValueType::kString) [[likely]] {
    AddString(entry);
  } else {
    AddCollection(entry);
  }
  if (buffer_.size() >= kChunkBytes) WriteOut({});
}

// Trying to compress what cannot be compressed is a third of the work of a snapshot. After a long row of failures only
// one string in kTrialEvery is tried, and the first success ends that. Each length for itself: of many short strings
// that gain nothing a few long ones that do would not be heard, and those are most of such a file.
void ChunkEncoder::AddString(const EntryView& entry) noexcept {
  const size_t text_bytes = entry.String().SizeBytes();
  if (text_bytes <= kRdbCompressAbove) {
    AppendRdbStringEntry(buffer_, entry, how_);
    return;
  }
  if (text_bytes > kRdbCompressBytesMax) [[unlikely]] {
    AddLarge(entry);
    return;
  }
  Trials& trials = trials_[std::bit_width(text_bytes)];
  if (trials.plain_ahead > 0) {
    --trials.plain_ahead;
    AppendRdbStringEntry(buffer_, entry, plain_);
    return;
  }
  if (AppendRdbStringEntry(buffer_, entry, how_)) {
    trials.failures = 0;
  } else if (trials.failures < kFailuresInARow) {
    ++trials.failures;
  } else {
    trials.plain_ahead = kTrialEvery - 1;
  }
}

void ChunkEncoder::AddCollection(const EntryView& entry) noexcept {
  RdbOutput out(buffer_, how_.compression, this);
  Status status = AppendRdbEntry(out, entry, how_);
  if (long_chunk_) [[unlikely]]
    EndLongChunk();
  if (!status.ok() && !failed()) status_ = std::move(status);
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
