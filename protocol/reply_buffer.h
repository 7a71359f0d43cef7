// The bytes a connection still has to send: 16 KB chunks borrowed from its loop's pool, and pinned blocks that are sent
// from where they lie.
//
// Thread-safety: one loop thread owns pool, buffers and everything in them; a pinned block may be shared with others.
// Invariants: a buffer with nothing to send holds no chunk and no block. Bytes leave in the order they were appended.
// Errors: a chunk that cannot be had stops the process (AllocateOrAbort); limits are the owner's to check after each
//   command, with SizeBytes and MemoryBytes.
#pragma once

#include <sys/uio.h>

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/base/byte_block.h"
#include "storage/base/bytes.h"

namespace cachenode {

// Free chunks of one loop.
class ChunkPool {
 public:
  static constexpr size_t kChunkBytes = 16 * 1024;
  // Kept for reuse, 1 MB; more go back to the heap. None counts as used memory: the owner counts the borrowed ones.
  static constexpr size_t kFreeChunksMax = 64;

  ChunkPool() = default;
  ChunkPool(const ChunkPool&) = delete;
  ChunkPool& operator=(const ChunkPool&) = delete;
  ~ChunkPool();

  [[nodiscard]] char* Borrow();
  void Return(char* chunk) noexcept;
  // Gives the chunks that were free all the time since the last call back to the system. To be called now and then.
  void Trim() noexcept;
  [[nodiscard]] size_t borrowed_count() const noexcept { return borrowed_count_; }
  [[nodiscard]] size_t free_count() const noexcept { return free_.size(); }

 private:
  std::vector<char*> free_;
  size_t free_low_ = 0;  // The fewest free_ had since the last Trim.
  size_t borrowed_count_ = 0;
};

class ReplyBuffer {
 public:
  // Bytes Reserve can promise in one piece.
  static constexpr size_t kContiguousMax = 1024;
  // Bulk strings from this size on are worth a pin instead of a copy.
  static constexpr size_t kPinBytesMin = 16 * 1024;

  // Sent pieces that may stay listed while others wait behind them.
  static constexpr size_t kSentSegmentsMax = 64;

  // A place in the stream, to which RollbackTo returns.
  struct Mark {
    uint64_t position;
  };
  // Room kept for a header whose count is not known yet.
  struct Slot {
    uint64_t segment;  // Number of the piece that begins behind the header, counted since construction.
    char* place;       // Where that piece begins.
  };

  explicit ReplyBuffer(ChunkPool& pool) noexcept : pool_(pool) {}
  ReplyBuffer(const ReplyBuffer&) = delete;
  ReplyBuffer& operator=(const ReplyBuffer&) = delete;
  ~ReplyBuffer() { Clear(); }

  // At least `size` <= kContiguousMax writable bytes; give the end of what was written to Commit before anything else.
  [[nodiscard]] char* Reserve(size_t size) {
    assert(size <= kContiguousMax);
    if (static_cast<size_t>(limit_ - cursor_) < size) [[unlikely]]
      OpenChunk();
    return cursor_;
  }
  void Commit(char* end) noexcept {
    assert(end >= cursor_ && end <= limit_);
    cursor_ = end;
  }
  // Writable bytes left in the open chunk, 0 when there is none.
  [[nodiscard]] size_t ContiguousBytes() const noexcept { return static_cast<size_t>(limit_ - cursor_); }

  // Copies `bytes`, over as many chunks as it takes.
  void Append(std::string_view bytes) {
    if (bytes.size() <= ContiguousBytes()) [[likely]] {
      CopyShort(cursor_, bytes.data(), bytes.size());
      cursor_ += bytes.size();
      return;
    }
    AppendSlow(bytes);
  }
  // Sends `bytes`, which lie in `block`, from where they are; keeps a reference until they are sent or dropped.
  void AppendPinned(ByteBlockRef block, std::string_view bytes);

  // Keeps room for a header; FillSlot puts it in later. Unfilled slots send nothing.
  [[nodiscard]] Slot ReserveSlot();
  static constexpr size_t kSlotBytes = 24;
  // `header` has at most kSlotBytes. Nothing was consumed or rolled back since the slot was reserved.
  void FillSlot(const Slot& slot, std::string_view header);

  [[nodiscard]] Mark MarkHere() const noexcept { return {consumed_ + SizeBytes()}; }
  // Drops everything appended after `mark`. Requires that none of it was consumed and that no slot before the mark is
  // still open.
  void RollbackTo(Mark mark) noexcept;

  // Bytes waiting to be sent.
  [[nodiscard]] size_t SizeBytes() const noexcept { return sealed_bytes_ + static_cast<size_t>(cursor_ - open_begin_); }
  [[nodiscard]] bool empty() const noexcept { return SizeBytes() == 0; }
  // Bytes of memory held for this client: whole chunks and whole pinned blocks.
  [[nodiscard]] size_t MemoryBytes() const noexcept;
  // All bytes ever consumed.
  [[nodiscard]] uint64_t consumed_bytes() const noexcept { return consumed_; }
  // Pieces a write would be made of.
  [[nodiscard]] size_t SegmentCount() const noexcept {
    return segments_.size() - first_segment_ + (cursor_ != open_begin_ ? 1 : 0);
  }

  // Fills `into` with the first pieces to send and returns how many; valid until the next change.
  [[nodiscard]] size_t FillIovecs(std::span<iovec> into) const noexcept;
  // Forgets the first `size` bytes, which were sent. Requires size <= SizeBytes().
  void Consume(size_t size) noexcept;
  void Clear() noexcept;
  // Copies all that waits, for tests and tools.
  [[nodiscard]] std::string ToString() const;

 private:
  struct Segment {
    char* begin;
    size_t size;
    char* chunk;       // Returned to the pool with this segment, when not null: the last segment of its chunk.
    ByteBlock* block;  // One reference, when not null: `begin` points into it.
  };

  void OpenChunk();
  void SealOpenRun(char* owned_chunk);
  void CloseChunk();
  void AppendSlow(std::string_view bytes);
  void DropFrontSegment() noexcept;
  void DropBackSegment() noexcept;
  void EraseSentSegments() noexcept;
  void ReleaseAll() noexcept;

  ChunkPool& pool_;
  char* cursor_ = nullptr;      // Next byte to write in the open chunk.
  char* limit_ = nullptr;       // Its end.
  char* open_begin_ = nullptr;  // First unsent byte of the open chunk that no segment covers.
  char* open_chunk_ = nullptr;
  std::vector<Segment> segments_;  // Sealed pieces; those before first_segment_ are gone.
  size_t first_segment_ = 0;
  uint64_t erased_segments_ = 0;   // Entries that left the front of segments_.
  bool slot_is_open_run_ = false;  // The open run stands behind a slot: sealed even when it is empty.
  size_t sealed_bytes_ = 0;
  size_t pinned_bytes_ = 0;  // Capacity of pinned blocks.
  size_t chunk_count_ = 0;   // Chunks held, the open one included.
  uint64_t consumed_ = 0;
};

}  // namespace cachenode
