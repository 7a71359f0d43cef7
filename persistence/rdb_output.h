// Where the encoder of a value puts its bytes: a buffer, and somebody who takes its content away before it grows large.
//
// Thread-safety: one thread at a time.
// Invariant: between two calls of Flow an encoder adds one element or one node, so that the buffer stays near
//   kPieceBytes however large the value is; without a drain it takes the whole value (DUMP).
#pragma once

#include "persistence/encode_buffer.h"
#include "persistence/rdb_encode.h"
#include "storage/base/background_thread.h"

namespace cachenode {

class RdbOutput {
 public:
  // With an element after it a piece fits into kPieceRoomBytes, most of the time.
  static constexpr size_t kPieceBytes = size_t{248} << 10;
  static constexpr size_t kPieceRoomBytes = size_t{256} << 10;

  // Takes the bytes of a buffer that has become large and empties it.
  class Drain {
   public:
    virtual ~Drain() = default;
    // False when writing has failed: what follows is not wanted any more.
    [[nodiscard]] virtual bool Take(EncodeBuffer& buffer) noexcept = 0;
    // Whether others wait for what is being encoded more than for the processor.
    [[nodiscard]] virtual bool IsUrgent() const noexcept = 0;
  };

  RdbOutput(EncodeBuffer& buffer, RdbCompression compression, Drain* drain = nullptr) noexcept
      : buffer_(buffer), compression_(compression), drain_(drain) {}

  [[nodiscard]] EncodeBuffer& buffer() noexcept { return buffer_; }
  [[nodiscard]] RdbCompression compression() const noexcept { return compression_; }
  // Between two elements. False when the encoder may stop because nobody will read what it writes.
  [[nodiscard]] bool Flow() noexcept { return buffer_.size() < give_way_at_ || Pause(); }

  void Length(uint64_t length) noexcept { AppendRdbLength(buffer_, length); }
  void Int64(int64_t value) noexcept { AppendRdbInt64(buffer_, value); }
  void String(std::string_view text) noexcept { AppendRdbString(buffer_, text, compression_); }

 private:
  // What is encoded between two looks at whether others should run: some 20 us of work.
  static constexpr size_t kGiveWayBytes = size_t{4} << 10;

  [[nodiscard]] bool Pause() noexcept {
    if (drain_ == nullptr || !drain_->IsUrgent()) GiveWay();
    const bool wanted = buffer_.size() < kPieceBytes || drain_ == nullptr || drain_->Take(buffer_);
    give_way_at_ = buffer_.size() + kGiveWayBytes;
    return wanted;
  }

  EncodeBuffer& buffer_;
  size_t give_way_at_ = kGiveWayBytes;
  const RdbCompression compression_;
  Drain* const drain_;
};

}  // namespace cachenode
