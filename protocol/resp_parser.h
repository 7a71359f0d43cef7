// Turns the bytes of a connection into requests: RESP arrays of bulk strings and inline lines.
//
// How it is used: the caller keeps every byte that was not consumed and calls Parse again with those bytes first and
//   whatever came in behind them. The parser remembers how far it got, as offsets from that first byte, so no byte is
//   looked at twice and the buffer may move between calls.
// Thread-safety: one thread at a time per object; parser and batch belong to one connection's loop.
// Cost: no allocation per request; arguments are views into the input. About 100 instructions for a GET.
// Limits: kInlineBytesMax for lines, kBatchRequestsMax per batch, and those of ParserLimits. Breaking one is an error
//   that ends the connection after the requests before it were served.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cachenode {

using Args = std::span<const std::string_view>;

// Up to kBatchRequestsMax requests parsed from one input, reused from read to read.
//
// Invariant: the views stay valid until Clear or until the input they were parsed from moves, whichever is first.
class RequestBatch {
 public:
  static constexpr size_t kRequestsMax = 32;
  // Capacity that outlives Clear; a rare request of a million arguments does not stay allocated.
  static constexpr size_t kKeptArgsMax = 1024;

  RequestBatch() = default;
  RequestBatch(const RequestBatch&) = delete;
  RequestBatch& operator=(const RequestBatch&) = delete;

  [[nodiscard]] size_t size() const noexcept { return request_count_; }
  [[nodiscard]] bool empty() const noexcept { return request_count_ == 0; }
  [[nodiscard]] bool full() const noexcept { return request_count_ == kRequestsMax; }
  // The words of request `index`, the command's name first; never empty.
  [[nodiscard]] Args args(size_t index) const noexcept {
    const Request& request = requests_[index];
    return {args_.get() + request.first_arg, request.arg_count};
  }
  // Bytes request `index` took on the wire, empty lines before it included.
  [[nodiscard]] size_t wire_bytes(size_t index) const noexcept { return requests_[index].wire_bytes; }
  void Clear() noexcept {
    request_count_ = 0;
    arg_count_ = 0;
    if (has_extra_) [[unlikely]]
      ReleaseExtra();
  }

 private:
  friend class RespParser;
  struct Request {
    uint32_t first_arg;
    uint32_t arg_count;
    size_t wire_bytes;
  };

  // Room for `count` more arguments behind arg_count_.
  void ReserveArgs(size_t count) {
    if (arg_capacity_ - arg_count_ < count) [[unlikely]]
      GrowArgs(count);
  }
  void GrowArgs(size_t count);
  void ReleaseExtra() noexcept;
  void FinishRequest(size_t arg_count, size_t wire_bytes) noexcept {
    requests_[request_count_++] = {static_cast<uint32_t>(arg_count_), static_cast<uint32_t>(arg_count), wire_bytes};
    arg_count_ += arg_count;
  }

  std::unique_ptr<std::string_view[]> args_;
  size_t arg_count_ = 0;
  size_t arg_capacity_ = 0;
  size_t request_count_ = 0;
  bool has_extra_ = false;  // Unescaped words are held, or args_ grew beyond what is kept.
  std::array<Request, kRequestsMax> requests_;
  std::vector<std::unique_ptr<char[]>> unescaped_;  // Bytes of quoted inline words.
};

struct ParserLimits {
  int64_t bulk_bytes_max = 512 * 1024 * 1024;  // proto-max-bulk-len.
  int64_t args_max = INT32_MAX;                // Redis 7's multibulk limit; 1024 * 1024 before.
};

class RespParser {
 public:
  static constexpr size_t kInlineBytesMax = 64 * 1024;
  static constexpr int64_t kUnauthenticatedArgsMax = 10;
  static constexpr int64_t kUnauthenticatedBulkBytesMax = 16 * 1024;

  enum class Outcome : uint8_t {
    kNeedMore,   // The input ended; every complete request is in the batch.
    kBatchFull,  // The batch is full, or the client is not authenticated and got its one request; call again.
    kError,      // The bytes after the batch's last request break the protocol; ErrorText says how. Final.
  };
  struct Progress {
    Outcome outcome;
    size_t consumed_bytes;  // Of the input's front; those of complete requests and skipped lines.
  };

  RespParser() = default;
  explicit RespParser(const ParserLimits& limits) noexcept : limits_(limits) {}

  void SetLimits(const ParserLimits& limits) noexcept { limits_ = limits; }
  // While true the small limits hold and a batch gets one request at a time, so that an AUTH takes effect before the
  // next request is judged.
  void SetUnauthenticated(bool unauthenticated) noexcept { unauthenticated_ = unauthenticated; }

  // Appends complete requests from `input` to `batch`. `input` starts where the last call stopped consuming.
  [[nodiscard]] Progress Parse(std::string_view input, RequestBatch& batch);

  // How many bytes, counted from the first unconsumed one, must be there before Parse can get further; at least 1 more
  // than it was given. Inside a large bulk string it is the end of that string: size the buffer once, read in place.
  [[nodiscard]] size_t BytesWanted() const noexcept { return wanted_bytes_; }
  // Where the large bulk string being read begins, counted from the first unconsumed byte; 0 while none is read.
  [[nodiscard]] size_t LargeBulkBegin() const noexcept { return bulk_bytes_ >= kLargeBulkBytes ? position_ : 0; }
  static constexpr int64_t kLargeBulkBytes = 32 * 1024;
  // True when Parse stopped inside a request (a client that closes here leaves half a request behind).
  [[nodiscard]] bool InsideRequest() const noexcept { return position_ != 0 || args_left_ != 0; }
  // Heap bytes held for the unfinished request, for the client's memory figure.
  [[nodiscard]] size_t MemoryBytes() const noexcept { return pending_.capacity() * sizeof(PendingArg); }

  // The reply without its dash, "ERR Protocol error: ...", after kError.
  [[nodiscard]] std::string ErrorText() const;

 private:
  enum class Fault : uint8_t {
    kNone,
    kMultibulkLength,
    kUnauthenticatedMultibulkLength,
    kExpectedDollar,
    kBulkLength,
    kUnauthenticatedBulkLength,
    kUnbalancedQuotes,
    kBigInline,
    kBigMultibulkCount,
    kBigBulkCount,
  };
  // An argument of the unfinished request, as offsets from the request's first byte.
  struct PendingArg {
    size_t offset;
    size_t size;
  };
  enum class Step : uint8_t { kDone, kSkipped, kNeedMore, kError };

  [[nodiscard]] const char* ParseWholeArray(const char* begin, const char* end, const char* counted_from,
                                            RequestBatch& batch) const;
  [[nodiscard]] Step ParseRequest(std::string_view request, RequestBatch& batch);
  [[nodiscard]] Step ParseArrayHeader(std::string_view request);
  [[nodiscard]] Step ParseArrayArgs(std::string_view request, RequestBatch& batch);
  [[nodiscard]] Step ParseBulkHeader(std::string_view request);
  [[nodiscard]] Step ParseInline(std::string_view request, RequestBatch& batch);
  [[nodiscard]] static bool SplitPlainInline(std::string_view line, RequestBatch& batch, size_t& count);
  [[nodiscard]] Step SplitInline(std::string_view line, RequestBatch& batch);
  [[nodiscard]] Step FindLine(std::string_view request, char mark, size_t behind_mark, Fault too_big, size_t& found);
  [[nodiscard]] Step Fail(Fault fault, char got = 0) noexcept;
  void ResetRequest() noexcept;

  ParserLimits limits_;
  size_t position_ = 0;  // Parsed bytes of the unfinished request.
  size_t scanned_ = 0;   // Bytes beyond position_ known to hold no line end.
  size_t wanted_bytes_ = 1;
  int64_t args_left_ = 0;    // Arguments still to come; 0 before the array's header is read.
  int64_t bulk_bytes_ = -1;  // Length of the bulk string being read, -1 before its header.
  std::vector<PendingArg> pending_;
  bool unauthenticated_ = false;
  Fault fault_ = Fault::kNone;
  char got_ = 0;
};

}  // namespace cachenode
