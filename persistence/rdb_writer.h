// Writes the frame of an RDB file: header, chunks of encoded keys from any number of encoders, chunk index, checksum.
//
// Thread-safety: WriteHeader and Finish by one thread, alone. WriteChunk from any number of threads at once; it holds a
//   lock of its own while the sink takes the bytes, so a slow disk slows exactly those who have something to write.
//   A LongChunk takes a value of any size as it is encoded. It keeps the pieces, in memory or where the sink has room
//   for them, so that others go on writing, and holds the lock from when there is no room to its end.
// Invariants: a chunk starts with SELECTDB and holds whole keys, so chunks may come in any order. After an error every
//   call answers that it failed.
// Errors: those of the sink.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "persistence/byte_stream.h"
#include "persistence/encode_buffer.h"
#include "persistence/snapshot_choices.h"
#include "persistence/waiting_pieces.h"
#include "storage/base/result.h"

namespace cachenode {

// The version to write under `choice`: for kAuto the lowest that other servers of the last years read and that holds
// the data, which deadlines of hash fields decide.
[[nodiscard]] int RdbVersionToWrite(RdbVersionChoice choice, bool has_field_deadlines) noexcept;

struct RdbFileHeader {
  int version = 10;
  std::string server_version = "7.4.0";  // What the file claims to be written by.
  bool server_is_valkey = false;
  int64_t created_s = 0;  // Unix seconds.
  uint64_t used_memory_bytes = 0;
  bool checksum = true;
  std::vector<std::string> functions;  // Sources of function libraries; need version 10.

  struct Database {
    uint32_t db = 0;
    uint64_t key_count = 0;
    uint64_t expiring_count = 0;
  };
  std::vector<Database> databases;  // Non-empty ones; hints for the loader.
};

// Names of the AUX fields that only this server writes and reads.
constexpr std::string_view kRdbAuxUsedMemory = "cachenode-used-mem";
constexpr std::string_view kRdbAuxChunkIndex = "cachenode-chunks";

class RdbWriter {
 public:
  // The sink must outlive the writer; Commit stays the caller's.
  explicit RdbWriter(ByteSink& sink) noexcept : sink_(sink) {}
  RdbWriter(const RdbWriter&) = delete;
  RdbWriter& operator=(const RdbWriter&) = delete;

  Status WriteHeader(const RdbFileHeader& header);
  // `parts` are the bytes of one chunk; they end up next to each other.
  Status WriteChunk(std::span<const std::string_view> parts);
  // A chunk in pieces, one after the other in the file. For the one thread that made it.
  class LongChunk {
   public:
    // Without `host` every piece is written at once. Both must outlive the chunk. What was not written before the end
    // of the object is dropped: after an error, or without End.
    LongChunk(RdbWriter& writer, EncoderHost* host);
    LongChunk(const LongChunk&) = delete;
    LongChunk& operator=(const LongChunk&) = delete;
    // Takes the bytes out of the buffer, which is empty afterwards. May wait for the writer.
    Status Take(EncodeBuffer& piece);
    // Writes what waits; the pieces so far are one chunk of the index. Nothing may follow.
    Status End();
    // Whether the other encoders wait for this chunk.
    [[nodiscard]] bool holds_writer() const noexcept { return lock_.owns_lock(); }

   private:
    Status WriteWaiting();

    RdbWriter& writer_;
    std::optional<WaitingPieces> waiting_;  // None while the lock is held.
    std::unique_lock<std::mutex> lock_;
    uint64_t size_bytes_ = 0;
  };
  // Writes chunk index, end marker and checksum.
  Status Finish();

  [[nodiscard]] bool failed() const noexcept { return failed_.load(std::memory_order_relaxed); }
  [[nodiscard]] uint64_t bytes_written() const noexcept { return bytes_written_.load(std::memory_order_relaxed); }

 private:
  // All require mutex_.
  Status Write(std::string_view bytes, uint64_t checksum);
  Status WriteAndCount(EncodeBuffer& bytes);
  // Remembers why writing ended and answers it.
  Status Fail(const Status& why);
  // The same again: whichever thread is heard first tells the reason.
  [[nodiscard]] Status Failure() const;

  ByteSink& sink_;
  bool with_checksum_ = true;
  std::atomic<bool> failed_{false};
  std::atomic<uint64_t> bytes_written_{0};
  std::mutex mutex_;  // Guards the rest.
  uint64_t checksum_ = 0;
  std::vector<uint64_t> chunk_bytes_;
  Err failure_code_ = Err::kOk;  // Of the first write that failed.
  std::string failure_text_;
};

}  // namespace cachenode
