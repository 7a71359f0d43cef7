// Checks an RDB file while it is written: what CheckRdb does, on a thread of its own that is handed the bytes, for data
// that is not there to be read back.
//
// Thread-safety: one thread at a time; `stop` may be set by any thread.
// Limits: kBufferBytes wait for the check; a writer that is faster waits.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "persistence/byte_stream.h"
#include "persistence/rdb_check.h"
#include "storage/base/result.h"

namespace cachenode {

class StreamCheck {
 public:
  static constexpr size_t kBufferBytes = size_t{2} << 20;
  // Who waits for bytes or for room is woken for this many, not for each piece.
  static constexpr size_t kWakeBytes = kBufferBytes / 8;

  // `stop` outlives the check; null: none. Error: kIo, there is no thread.
  static Result<std::unique_ptr<StreamCheck>> Start(const std::atomic<bool>* stop);
  // Gives up what goes on.
  ~StreamCheck();
  StreamCheck(const StreamCheck&) = delete;
  StreamCheck& operator=(const StreamCheck&) = delete;

  // The error is that of the check, as soon as it has one.
  Status Write(std::span<const char> bytes);
  // No more bytes come. Once, and after a failed Write too.
  Result<RdbSummary> Finish();

 private:
  class Pipe final : public ByteSource {
   public:
    explicit Pipe(StreamCheck& check) : check_(check) {}
    Result<size_t> Read(std::span<char> into) override { return check_.Take(into); }
    [[nodiscard]] int64_t SizeBytes() const override { return -1; }

   private:
    StreamCheck& check_;
  };

  StreamCheck() : buffer_(kBufferBytes) {}
  Result<std::span<char>> WaitForRoom();
  Result<size_t> Take(std::span<char> into);
  Result<std::span<const char>> WaitForBytes();
  void Close(bool abandon);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<char> buffer_;  // A ring: the used bytes are the check's, the free ones the writer's.
  // Guarded by mutex_.
  size_t begin_ = 0;
  size_t used_ = 0;
  bool closed_ = false;
  bool abandoned_ = false;
  bool ended_ = false;  // Then the outcome stands, and only Finish touches it.
  Result<RdbSummary> outcome_{Err::kCancelled};

  std::thread thread_;
};

}  // namespace cachenode
