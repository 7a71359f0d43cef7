// The outcome of an operation that can fail: an error code, plus a text when the code alone does not say enough.
//
// Thread-safety: a Status is a value; distinct objects may be used from distinct threads.
// Invariants: success and every error made from a bare code are one machine word and never allocate; only
//   Status::WithText allocates. Moved-from objects are Ok.
// Wire wording: protocol/error_text.h turns a code into the reply a client sees. A text given here is the whole
//   reply after the dash, code word included ("ERR DB index is out of range", "BUSYKEY Target key name already
//   exists."), or, below the server layer, a sentence for the log.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace cachenode {

// Codes of the errors that have one fixed wording, and the families of those that carry their own text.
enum class Err : uint8_t {
  kOk = 0,
  // Errors a client can cause; the wording of each is in protocol/error_text.cc.
  kSyntax,
  kWrongType,
  kNotInteger,  // Not a 64-bit decimal integer, or out of its range.
  kNotFloat,
  kOverflow,       // Increment or decrement would overflow.
  kNanOrInfinity,  // Increment would produce NaN or Infinity.
  kNoSuchKey,
  kOutOfRange,  // Value is out of range.
  kNegative,    // Value is out of range, must be positive.
  kOffsetOutOfRange,
  kStringTooLong,  // String exceeds maximum allowed size (proto-max-bulk-len).
  kBitNotInteger,  // Bit is not an integer or out of range.
  kBitOffset,      // Bit offset is not an integer or out of range.
  kOutOfMemory,    // Command not allowed when used memory > 'maxmemory'.
  kBusyKey,
  kInvalidCursor,
  kInvalidDbIndex,
  kDbOutOfRange,
  kInvalidExpire,  // Invalid expire time in '<command>' command; the dispatcher adds the command name.
  kNoAuth,
  kLoading,
  kNoReplicas,
  kReadOnly,
  kNoProto,     // Unsupported protocol version.
  kMisconf,     // Writes stopped after a failed snapshot.
  kArity,       // Wrong number of arguments; the dispatcher adds the command name.
  kSameObject,  // Source and destination objects are the same.
  // Errors that carry their own text.
  kText,
  kIo,
  kCorrupt,
  kConfig,
  kUnavailable,  // A peer or a store could not be reached or answered an error.
  kCancelled,
};

class [[nodiscard]] Status {
 public:
  Status() noexcept = default;
  // Implicit, so that a function can `return Err::kSyntax;`.
  Status(Err code) noexcept : word_(static_cast<uintptr_t>(code) << 1 | (code == Err::kOk ? 0U : 1U)) {}
  Status(Status&& other) noexcept : word_(std::exchange(other.word_, 0)) {}
  Status& operator=(Status&& other) noexcept {
    std::swap(word_, other.word_);
    return *this;
  }
  Status(const Status&) = delete;
  Status& operator=(const Status&) = delete;
  ~Status() {
    if (HasText()) [[unlikely]]
      FreeText();
  }

  static Status Ok() noexcept { return Status(); }
  static Status WithText(Err code, std::string text);
  // A client error whose whole reply is `text`.
  static Status Text(std::string text) { return WithText(Err::kText, std::move(text)); }

  [[nodiscard]] bool ok() const noexcept { return word_ == 0; }
  explicit operator bool() const noexcept { return ok(); }
  [[nodiscard]] Err code() const noexcept;
  // The text given at construction, empty when there is none. Lives as long as this object.
  [[nodiscard]] std::string_view text() const noexcept;
  // This status with `context` and ": " put before its text, for the boundary that knows file and offset.
  [[nodiscard]] Status WithContext(std::string_view context) &&;

 private:
  struct Detail;
  [[nodiscard]] bool HasText() const noexcept { return word_ != 0 && (word_ & 1U) == 0; }
  void FreeText() noexcept;

  uintptr_t word_ = 0;  // 0 = ok; odd = code << 1 | 1; even = Detail*.
};

static_assert(sizeof(Status) == sizeof(void*));

}  // namespace cachenode
