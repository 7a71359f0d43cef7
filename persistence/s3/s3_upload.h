// The running upload of one object: a writer that fills parts of bounded memory and a thread that keeps several of them
// on their way.
//
// Thread-safety: Write, Commit and the destructor belong to one thread at a time; all else runs on the upload thread.
//   The two meet under one leaf mutex and in the atomics of S3Progress.
// Invariants: memory is s3_parallel_parts times the part size and never grows; a full ring makes Write wait. Every part
//   carries its SHA-256, which the store verifies; parts are all of one size but the last, as some stores demand.
// Errors: as s3_client.h says; after one, every call answers it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "persistence/byte_stream.h"
#include "persistence/s3/s3_multipart.h"
#include "persistence/s3/s3_upload_options.h"

namespace cachenode {

// Limits of S3 for multipart uploads; the last part may be smaller.
inline constexpr size_t kS3UploadPartBytesMin = size_t{5} << 20;
inline constexpr int64_t kS3UploadPartsMax = 10'000;

// The size of all parts but the last: s3-part-size, or more for an object that would need too many of those.
[[nodiscard]] size_t S3UploadPartBytes(size_t s3_part_size, uint64_t estimated_bytes);

class S3Upload final : public ByteSink {
 public:
  // The upload has begun at the store.
  static Result<std::unique_ptr<S3Upload>> Start(std::unique_ptr<S3Multipart> multipart,
                                                 const S3UploadOptions& options);
  ~S3Upload() override;

  Status Write(std::span<const char> bytes) override;
  Status Commit() override;

 private:
  using Clock = std::chrono::steady_clock;

  // One part's memory and its transfer.
  struct Slot {
    enum class State : uint8_t { kIdle, kWaiting, kRunning };
    std::span<char> memory;
    bool is_handed_over = false;  // Guarded by mutex_. What follows is the upload thread's while it is true.
    size_t filled = 0;
    int64_t number = 0;
    State state = State::kIdle;
    std::string sha256;
    int attempt = 0;
    Clock::time_point due{};
    S3SignedRequest request;
    HttpTransfer transfer;
  };

  S3Upload(std::unique_ptr<S3Multipart> multipart, const S3UploadOptions& options);

  // Writer.
  [[nodiscard]] Status Failure();
  Status WaitForFree(Slot& slot);
  Status HandOver();
  [[nodiscard]] Slot& Filling() { return *slots_[static_cast<size_t>(parts_filled_) % slots_.size()]; }

  // Upload thread.
  void Run();
  [[nodiscard]] bool IsOver();
  bool StartSlots();
  bool StartSlot(Slot& slot);
  bool FinishSlot(Slot& slot);
  bool RetrySlot(Slot& slot, const S3Verdict& verdict);
  void Release(Slot& slot);
  [[nodiscard]] int PollTimeoutMs() const;
  void Fail(Status status);
  void StopThread();

  std::unique_ptr<S3Multipart> multipart_;
  const bool expect_rdb_checksum_;
  const std::function<uint64_t()> checksum_meant_;
  const std::function<void(std::function<void()>)> run_later_;
  const size_t part_bytes_;
  char* memory_ = nullptr;  // Mapped; all slots.
  size_t mapped_bytes_ = 0;
  std::vector<std::unique_ptr<Slot>> slots_;

  // Writer only.
  int64_t parts_filled_ = 0;
  size_t filled_ = 0;  // Bytes of the part in work.
  int64_t size_bytes_ = 0;
  bool committed_ = false;

  // Upload thread, then whoever joined it.
  int64_t next_number_ = 1;         // Of the part to be started next.
  uint64_t checksum_ = 0;           // CRC-64 of all parts started.
  std::vector<std::string> etags_;  // By number less one.

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  int64_t parts_handed_over_ = 0;
  int64_t parts_done_ = 0;
  bool no_more_parts_ = false;
  bool stop_ = false;
  Err failure_code_ = Err::kOk;
  std::string failure_text_;

  std::thread thread_;
};

}  // namespace cachenode
