// Cuts the bytes of an RDB file into records and checks their checksum; decoding values is the codec's work.
//
// Thread-safety: one thread at a time. Reading may block in the source.
// Invariants: memory held is one block, which grows past its normal size only for a single larger record and then at
//   most to twice the bytes that really arrived, so a lying length allocates nothing. A collection larger than
//   streamed_value_bytes is not collected at all: its batch holds the one record, and what its decoder consumed of the
//   value makes room for what follows (StreamedValue).
// Errors: kCorrupt with the file offset and the reason, kUnavailable for types and versions that are not known; the
// source's own errors; kOutOfMemory; what the observer
//   answers. After an error the reader is finished.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "persistence/byte_stream.h"
#include "persistence/rdb_batch.h"
#include "persistence/rdb_cursor.h"
#include "persistence/rdb_format.h"
#include "persistence/rdb_input.h"
#include "persistence/snapshot_choices.h"
#include "storage/base/result.h"

namespace cachenode {

struct RdbReaderOptions {
  RdbVersionCheck version_check = RdbVersionCheck::kRelaxed;
  bool verify_checksum = true;
  // SELECTDB at or beyond this is an error.
  uint32_t database_count = UINT32_MAX;
  size_t block_bytes = size_t{1} << 20;
  // What the source is only the beginning of, for the cap on RESIZEDB; 0: nothing larger.
  uint64_t whole_file_bytes = 0;
  // Collections of more bytes are read while they are decoded.
  size_t streamed_value_bytes = size_t{8} << 20;
  UnsupportedTypes unsupported = UnsupportedTypes::kFail;
};

// Told about what is not a key, in file order, from the thread that reads.
class RdbObserver {
 public:
  virtual ~RdbObserver() = default;
  virtual void OnAux(std::string_view name, std::string_view value) = 0;
  // Hints of the writer, already capped by the bytes left in the file.
  virtual void OnResizeDb(uint32_t db, uint64_t key_count, uint64_t expiring_count) = 0;
  // A function library. An error ends the reading.
  virtual Status OnFunction(std::string_view source) = 0;
  // A key that was left out because its value is that of a module; `type` is the module's name for it.
  virtual void OnSkippedKey(std::string_view /*type*/) {}
};

class RdbReader {
 public:
  // Source and observer must outlive the reader.
  RdbReader(ByteSource& source, RdbObserver& observer, const RdbReaderOptions& options);

  // Reads magic and version. Called once, first.
  Status ReadHeader();
  // Starts in the middle of a file whose header was read elsewhere: at `offset`, where a record or an opcode begins,
  // up to the end of the source, which is not the end of the file.
  void StartFragment(int version, RdbDialect dialect, uint64_t offset);

  // Replaces the content of `batch` by the next records. False when the end was reached and the checksum is right; the
  // batch then is empty. A batch may hold no records when the block held only opcodes. After a batch that is streamed,
  // the value has to be read by StreamedValue before the next call.
  Result<bool> ReadBatch(RdbBatch& batch);

  [[nodiscard]] int version() const noexcept { return version_; }
  [[nodiscard]] RdbDialect dialect() const noexcept { return dialect_; }
  // Bytes taken from the file so far, including those not yet cut into records.
  [[nodiscard]] uint64_t bytes_read() const noexcept { return block_offset_ + carry_.size(); }
  // The checksum of everything consumed so far.
  [[nodiscard]] uint64_t checksum() const noexcept { return checksum_; }

 private:
  friend class StreamedValue;

  enum class Item : uint8_t { kDone, kShort, kEnd, kFailed };

  Status Fill(RdbBatch& batch, size_t size_wanted);
  Status CutItems(RdbBatch& batch, size_t& consumed);
  Status GrowFor(RdbBatch& batch, uint64_t bytes_missing);
  // Makes the record that the block does not hold whole the only one of a streamed batch, if it may be.
  bool BeginStreaming(RdbBatch& batch);
  Result<std::string_view> SlideValue(RdbBatch& batch, size_t consumed, uint64_t wanted);
  void EndValue(RdbBatch& batch, size_t consumed);
  Item ReadItem(RdbCursor& cursor, RdbBatch& batch, size_t start);
  bool ReadOpcode(RdbOpcode opcode, RdbCursor& cursor);
  bool ReadRecord(uint8_t type_byte, RdbCursor& cursor, RdbBatch& batch, size_t start);
  bool ReadAux(RdbCursor& cursor);
  bool ReadResizeDb(RdbCursor& cursor);
  bool ReadFunction(RdbCursor& cursor);
  bool ReadSelectDb(RdbCursor& cursor);
  Item ReadEnd(RdbCursor& cursor, const RdbBatch& batch, size_t start);
  bool RefuseType(uint8_t type_byte, size_t start);
  // A kCorrupt text with the place in the file.
  [[nodiscard]] Status CorruptAt(uint64_t offset, std::string_view reason) const;
  // The same for what a newer server or a module may have written: kUnavailable.
  [[nodiscard]] static Status UnknownAt(uint64_t offset, std::string_view what);
  [[nodiscard]] bool BytesLeftKnown() const noexcept { return source_.SizeBytes() >= 0; }
  [[nodiscard]] uint64_t SourceBytesLeft() const noexcept;

  ByteSource& source_;
  RdbObserver& observer_;
  const RdbReaderOptions options_;

  int version_ = 0;
  RdbDialect dialect_ = RdbDialect::kRedis;
  bool fragment_ = false;
  bool source_ended_ = false;
  bool finished_ = false;
  uint64_t source_bytes_read_ = 0;
  uint64_t block_offset_ = 0;  // File offset of the first byte of `carry_` or of the block being cut.
  std::string carry_;          // Bytes read but not yet consumed.
  uint64_t checksum_ = 0;
  uint32_t db_ = 0;
  RdbRecord pending_;  // What opcodes said about the next key.
  // The last record that the block did not hold whole: its value begins `partial_value_at_` bytes into the block.
  const RdbTypeInfo* partial_type_ = nullptr;
  RdbString partial_key_;
  size_t partial_start_ = 0;
  size_t partial_value_at_ = 0;
  Status failure_;
};

// The value of a streamed batch's record, as a decoder reads it: `RdbInput input(batch.records[0].value, window)`.
class StreamedValue final : public RdbWindow {
 public:
  StreamedValue(RdbReader& reader, RdbBatch& batch) noexcept : reader_(reader), batch_(batch) {}

  Result<std::string_view> Slide(size_t consumed, uint64_t wanted) override {
    return reader_.SlideValue(batch_, consumed, wanted);
  }
  [[nodiscard]] uint64_t BytesBehind() const noexcept override {
    return reader_.BytesLeftKnown() ? reader_.SourceBytesLeft() : UINT64_MAX;
  }
  // The value was read to its end: the next batch begins behind what `input` consumed.
  void End(const RdbInput& input) { reader_.EndValue(batch_, input.Position()); }

 private:
  RdbReader& reader_;
  RdbBatch& batch_;
};

}  // namespace cachenode
