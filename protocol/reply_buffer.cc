#include "protocol/reply_buffer.h"

#include <algorithm>
#include <cstring>

#include "storage/base/memory_pages.h"

namespace cachenode {
namespace {

// Chunks do not count as used memory here: most live for one turn of their loop, and no key is to be evicted for the
// room of replies that are about to leave, or of chunks that wait for the next ones. The pool's owner counts those that
// are still borrowed when its turn ends.
constexpr int64_t kUncountedBytes = ChunkPool::kChunkBytes;

void FreeChunk(char* chunk) noexcept {
  memory::AddExternalBytes(kUncountedBytes);
  memory::Free(chunk, ChunkPool::kChunkBytes);
}

}  // namespace

ChunkPool::~ChunkPool() {
  assert(borrowed_count_ == 0 && "a reply buffer outlived its pool");
  for (char* chunk : free_) FreeChunk(chunk);
}

char* ChunkPool::Borrow() {
  ++borrowed_count_;
  if (free_.empty()) {
    char* const chunk = static_cast<char*>(memory::AllocateOrAbort(kChunkBytes));
    memory::AddExternalBytes(-kUncountedBytes);
    return chunk;
  }
  char* chunk = free_.back();
  free_.pop_back();
  free_low_ = std::min(free_low_, free_.size());
  return chunk;
}

void ChunkPool::Return(char* chunk) noexcept {
  assert(borrowed_count_ > 0);
  --borrowed_count_;
  if (free_.size() < kFreeChunksMax) {
    free_.push_back(chunk);
  } else {
    FreeChunk(chunk);
  }
}

// The pages go at once: the heap would keep them for a while.
void ChunkPool::Trim() noexcept {
  for (; free_low_ != 0; --free_low_) {
    DropPages(free_.back(), kChunkBytes);
    FreeChunk(free_.back());
    free_.pop_back();
  }
  free_low_ = free_.size();
}

// The open chunk's unsealed bytes become a segment. `owned_chunk` goes back to the pool with it, when not null.
void ReplyBuffer::SealOpenRun(char* owned_chunk) {
  const auto size = static_cast<size_t>(cursor_ - open_begin_);
  if (size == 0 && owned_chunk == nullptr && !slot_is_open_run_) return;
  slot_is_open_run_ = false;
  segments_.push_back({open_begin_, size, owned_chunk, nullptr});
  sealed_bytes_ += size;
  open_begin_ = cursor_;
}

// The open chunk is full: it belongs to its last segment from now on.
void ReplyBuffer::CloseChunk() {
  if (open_chunk_ == nullptr) return;
  SealOpenRun(open_chunk_);
  open_chunk_ = cursor_ = limit_ = open_begin_ = nullptr;
}

void ReplyBuffer::OpenChunk() {
  CloseChunk();
  open_chunk_ = pool_.Borrow();
  ++chunk_count_;
  cursor_ = open_begin_ = open_chunk_;
  limit_ = open_chunk_ + ChunkPool::kChunkBytes;
}

void ReplyBuffer::AppendSlow(std::string_view bytes) {
  while (!bytes.empty()) {
    if (cursor_ == limit_) OpenChunk();
    const size_t size = std::min(bytes.size(), ContiguousBytes());
    std::memcpy(cursor_, bytes.data(), size);
    cursor_ += size;
    bytes.remove_prefix(size);
  }
}

void ReplyBuffer::AppendPinned(ByteBlockRef block, std::string_view bytes) {
  assert(block && bytes.data() >= block->data() && bytes.data() + bytes.size() <= block->data() + block->capacity());
  if (bytes.empty()) return;
  SealOpenRun(nullptr);
  pinned_bytes_ += block->MemoryBytes();
  // Nobody writes through this pointer; iovec and the other segments want it without const.
  char* const begin = block->mutable_data() + (bytes.data() - block->data());
  segments_.push_back({begin, bytes.size(), nullptr, block.Release()});
  sealed_bytes_ += bytes.size();
}

ReplyBuffer::Slot ReplyBuffer::ReserveSlot() {
  // One byte more than the slot, so that the run behind it begins in the same chunk.
  static_cast<void>(Reserve(kSlotBytes + 1));
  SealOpenRun(nullptr);
  cursor_ += kSlotBytes;
  open_begin_ = cursor_;
  slot_is_open_run_ = true;
  return {erased_segments_ + segments_.size(), cursor_};
}

// The header goes right before the run behind the slot, which then begins earlier: no piece of its own.
void ReplyBuffer::FillSlot(const Slot& slot, std::string_view header) {
  assert(header.size() <= kSlotBytes);
  char* const begin = slot.place - header.size();
  std::memcpy(begin, header.data(), header.size());
  const uint64_t index = slot.segment - erased_segments_;
  if (index == segments_.size()) {
    assert(open_begin_ == slot.place);
    open_begin_ = begin;
    return;
  }
  Segment& segment = segments_[index];
  assert(segment.begin == slot.place && segment.block == nullptr);
  segment.begin = begin;
  segment.size += header.size();
  sealed_bytes_ += header.size();
}

void ReplyBuffer::DropBackSegment() noexcept {
  const Segment segment = segments_.back();
  segments_.pop_back();
  sealed_bytes_ -= segment.size;
  if (segment.block != nullptr) {
    pinned_bytes_ -= segment.block->MemoryBytes();
    segment.block->DropRef();
    return;
  }
  // The segment's bytes are the open run again, in the chunk it closed or in the one still open.
  if (segment.chunk != nullptr) {
    if (open_chunk_ != nullptr) {
      pool_.Return(open_chunk_);
      --chunk_count_;
    }
    open_chunk_ = segment.chunk;
    limit_ = open_chunk_ + ChunkPool::kChunkBytes;
  }
  open_begin_ = segment.begin;
  cursor_ = segment.begin + segment.size;
}

void ReplyBuffer::RollbackTo(Mark mark) noexcept {
  assert(mark.position >= consumed_ && mark.position <= MarkHere().position);
  slot_is_open_run_ = false;
  while (MarkHere().position > mark.position) {
    const auto open_size = static_cast<uint64_t>(cursor_ - open_begin_);
    const uint64_t excess = MarkHere().position - mark.position;
    if (open_size >= excess) {
      cursor_ -= excess;
    } else {
      cursor_ = open_begin_;
      DropBackSegment();
    }
  }
  if (SizeBytes() == 0) ReleaseAll();
}

size_t ReplyBuffer::MemoryBytes() const noexcept {
  return chunk_count_ * ChunkPool::kChunkBytes + pinned_bytes_ + segments_.capacity() * sizeof(Segment);
}

size_t ReplyBuffer::FillIovecs(std::span<iovec> into) const noexcept {
  size_t count = 0;
  for (size_t i = first_segment_; i < segments_.size() && count < into.size(); ++i) {
    if (segments_[i].size != 0) into[count++] = {segments_[i].begin, segments_[i].size};
  }
  if (count < into.size() && cursor_ != open_begin_) {
    into[count++] = {open_begin_, static_cast<size_t>(cursor_ - open_begin_)};
  }
  return count;
}

void ReplyBuffer::DropFrontSegment() noexcept {
  const Segment& segment = segments_[first_segment_++];
  sealed_bytes_ -= segment.size;
  if (segment.block != nullptr) {
    pinned_bytes_ -= segment.block->MemoryBytes();
    segment.block->DropRef();
  }
  if (segment.chunk != nullptr) {
    pool_.Return(segment.chunk);
    --chunk_count_;
  }
}

void ReplyBuffer::Consume(size_t size) noexcept {
  assert(size <= SizeBytes());
  consumed_ += size;
  while (first_segment_ < segments_.size() && segments_[first_segment_].size <= size) {
    size -= segments_[first_segment_].size;
    DropFrontSegment();
  }
  if (first_segment_ < segments_.size()) {
    Segment& segment = segments_[first_segment_];
    segment.begin += size;
    segment.size -= size;
    sealed_bytes_ -= size;
  } else {
    open_begin_ += size;
  }
  if (SizeBytes() == 0) {
    ReleaseAll();
  } else {
    EraseSentSegments();
  }
}

// Sent entries at the front would pile up behind a client that never catches up entirely.
void ReplyBuffer::EraseSentSegments() noexcept {
  if (first_segment_ <= kSentSegmentsMax || first_segment_ <= segments_.size() / 2) return;
  segments_.erase(segments_.begin(), segments_.begin() + static_cast<ptrdiff_t>(first_segment_));
  erased_segments_ += first_segment_;
  first_segment_ = 0;
}

void ReplyBuffer::ReleaseAll() noexcept {
  while (first_segment_ < segments_.size()) DropFrontSegment();
  erased_segments_ += segments_.size();
  if (segments_.capacity() > 0) std::vector<Segment>().swap(segments_);
  first_segment_ = 0;
  slot_is_open_run_ = false;
  if (open_chunk_ == nullptr) return;
  pool_.Return(open_chunk_);
  --chunk_count_;
  open_chunk_ = cursor_ = limit_ = open_begin_ = nullptr;
}

void ReplyBuffer::Clear() noexcept {
  consumed_ += SizeBytes();
  ReleaseAll();
}

std::string ReplyBuffer::ToString() const {
  std::string all;
  for (size_t i = first_segment_; i < segments_.size(); ++i) all.append(segments_[i].begin, segments_[i].size);
  if (cursor_ != open_begin_) all.append(open_begin_, static_cast<size_t>(cursor_ - open_begin_));
  return all;
}

}  // namespace cachenode
