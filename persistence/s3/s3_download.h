// The running download of one object: a thread that keeps several ranged GETs in flight and a reader that takes their
// bytes in order.
//
// Thread-safety: Read and the destructor belong to the reader's thread; all else runs on the download thread. The two
//   meet in PartRing and in the atomics of S3Progress.
// Invariants: every GET carries If-Match with the ETag of the beginning, and its answer is checked for ETag, range and
//   total length, so that bytes of two versions never mix. A broken transfer goes on at the byte it reached.
// Errors: as s3_client.h says.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "persistence/byte_stream.h"
#include "persistence/s3/part_ring.h"
#include "persistence/s3/s3_session.h"

namespace cachenode {

// An attempt that brought this much counts as progress: the part's attempts start anew.
inline constexpr size_t kS3ProgressBytes = 64 * 1024;

struct S3ObjectFacts {
  int64_t size_bytes = 0;
  std::string etag;  // Quotes included.
};

// A decimal number of bytes; nothing for anything else.
std::optional<int64_t> ParseByteCount(std::string_view text);

// One slot of the ring and the transfer that fills it.
class S3PartLane final : public HttpBodySink {
 public:
  enum class State : uint8_t { kIdle, kWaiting, kRunning };

  S3PartLane(PartRing& ring, const S3ObjectFacts& facts, S3Progress& progress)
      : ring_(ring), facts_(facts), progress_(progress) {}

  void Assign(int64_t part);
  // The range still missing, for the Range header.
  [[nodiscard]] std::string RangeHeader() const;
  [[nodiscard]] bool IsComplete() const { return filled_ == ring_.PartBytes(part_); }
  // Whether the answer of `status` is (a piece of) this part.
  [[nodiscard]] bool IsWantedStatus(int status) const;

  bool Accepts(const HttpResponse& head) override;
  bool Take(std::span<const char> bytes) override;

  HttpTransfer transfer;
  S3SignedRequest request;
  State state = State::kIdle;
  int attempt = 0;                              // Of the running or last one, from 1.
  size_t filled_before = 0;                     // When the attempt began.
  std::chrono::steady_clock::time_point due{};  // When a waiting lane may start.
  std::string mismatch;                         // Why the answer is not of the pinned object; empty if it is.

  [[nodiscard]] int64_t part() const { return part_; }
  [[nodiscard]] size_t filled() const { return filled_; }

 private:
  [[nodiscard]] std::string MismatchOf(const HttpResponse& head) const;
  [[nodiscard]] int64_t FirstByte() const;
  [[nodiscard]] int64_t LastByte() const;

  PartRing& ring_;
  const S3ObjectFacts& facts_;
  S3Progress& progress_;
  const int64_t ring_part_bytes_ = static_cast<int64_t>(ring_.PartBytes(0));
  bool pages_present_ = false;  // Of the slot, which is the same for all parts of this lane.
  int64_t part_ = -1;
  size_t filled_ = 0;
};

class S3Download final : public ByteSource {
 public:
  static Result<std::unique_ptr<S3Download>> Start(std::unique_ptr<S3Session> session, S3ObjectFacts facts);
  ~S3Download() override;

  Result<size_t> Read(std::span<char> into) override;
  [[nodiscard]] int64_t SizeBytes() const override { return facts_.size_bytes; }

 private:
  S3Download(std::unique_ptr<S3Session> session, S3ObjectFacts facts);

  void Run();
  bool StartLanes();
  bool StartLane(S3PartLane& lane);
  bool FinishLane(S3PartLane& lane);
  bool RetryLane(S3PartLane& lane, const S3Verdict& verdict);
  void Fail(Status status);
  [[nodiscard]] int PollTimeoutMs() const;
  [[nodiscard]] std::string PartName(const S3PartLane& lane) const;

  const std::unique_ptr<S3Session> session_;
  const S3ObjectFacts facts_;
  std::unique_ptr<PartRing> ring_;
  std::vector<std::unique_ptr<S3PartLane>> lanes_;
  int64_t next_part_ = 0;
  int64_t parts_done_ = 0;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace cachenode
