// Encodes entries into chunks of an RDB file and hands full chunks to the writer.
//
// Thread-safety: one thread at a time per encoder; several encoders share one writer.
// Invariant: what is buffered between calls is whole keys behind a SELECTDB, never more than kChunkBytes and one key. A
//   large collection becomes a chunk of its own, in pieces: the host says how much of it may be held in memory.
// Errors: the first one is kept; entries that follow are dropped.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <optional>

#include "persistence/encode_buffer.h"
#include "persistence/rdb_output.h"
#include "persistence/rdb_value_codec.h"
#include "persistence/rdb_writer.h"
#include "storage/base/result.h"

namespace cachenode {

class ChunkEncoder final : private RdbOutput::Drain {
 public:
  static constexpr size_t kChunkBytes = size_t{256} << 10;

  // The writer and `host`, if there is one, must outlive the encoder.
  ChunkEncoder(RdbWriter& writer, const RdbEncoding& how, EncoderHost* host = nullptr) noexcept
      : writer_(writer), host_(host), how_(how), plain_(how) {
    plain_.compression = RdbCompression::kOff;
  }

  void Add(uint32_t db, const EntryView& entry) noexcept;
  // Writes out what is buffered.
  void Flush() noexcept;

  [[nodiscard]] bool failed() const noexcept { return !status_.ok(); }
  // Moves the first error out.
  [[nodiscard]] Status TakeStatus() noexcept { return std::move(status_); }

 private:
  // What came of compressing strings of about one length.
  struct Trials {
    uint8_t failures = 0;     // In a row.
    uint8_t plain_ahead = 0;  // Strings to store as they are before the next trial.
  };
  static constexpr size_t kLengths = std::bit_width(kRdbCompressBytesMax) + 1;  // By the power of two they are below.

  void AddString(const EntryView& entry) noexcept;
  void AddCollection(const EntryView& entry) noexcept;
  void AddLarge(const EntryView& entry) noexcept;
  // One piece of a value that is being encoded.
  [[nodiscard]] bool Take(EncodeBuffer& buffer) noexcept override;
  [[nodiscard]] bool IsUrgent() const noexcept override;
  void EndLongChunk() noexcept;
  void WriteOut(std::string_view tail) noexcept;

  RdbWriter& writer_;
  EncoderHost* const host_;
  const RdbEncoding how_;
  RdbEncoding plain_;  // how_ without compression.
  EncodeBuffer buffer_;
  std::optional<RdbWriter::LongChunk> long_chunk_;  // While a value in pieces is encoded.
  uint32_t db_ = 0;
  std::array<Trials, kLengths> trials_{};
  Status status_;
};

}  // namespace cachenode
