// Writes replies in the protocol version the client speaks. Handlers say what they mean; this class knows the bytes.
//
// Thread-safety: as its ReplyBuffer, one loop thread.
// Invariant: a header of n is followed by n items (n pairs for a map or an attribute); debug builds assert it.
// Cost: a short bulk string, an integer or +OK is about 25 instructions; nothing is allocated except chunks.
// RESP2 forms: maps, sets and pushes are flat arrays, doubles and big numbers bulk strings, booleans 1 and 0, verbatim
//   strings plain bulk strings; attributes are not sent.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "protocol/reply_buffer.h"
#include "protocol/reply_shape.h"
#include "storage/base/byte_block.h"
#include "storage/base/numbers.h"
#include "storage/base/status.h"

namespace cachenode {

enum class RespVersion : uint8_t { kResp2 = 2, kResp3 = 3 };

class RespWriter {
 public:
  // An aggregate whose count is told at its end. Close each exactly once, innermost first.
  struct Deferred {
    ReplyBuffer::Slot slot;
    char type;
  };

  explicit RespWriter(ReplyBuffer& out, RespVersion version = RespVersion::kResp2) noexcept
      : out_(out), version_(version) {}

  [[nodiscard]] RespVersion version() const noexcept { return version_; }
  void SetVersion(RespVersion version) noexcept { version_ = version; }
  [[nodiscard]] bool IsResp3() const noexcept { return version_ == RespVersion::kResp3; }
  // How doubles are written; follows the engine version.
  void SetDoubleRule(DoubleRule rule) noexcept { double_rule_ = rule; }
  [[nodiscard]] DoubleRule double_rule() const noexcept { return double_rule_; }
  [[nodiscard]] ReplyBuffer& buffer() noexcept { return out_; }

  // --- Simple values ---
  void Ok() { Fixed("+OK\r\n"); }
  void Pong() { Fixed("+PONG\r\n"); }
  void Queued() { Fixed("+QUEUED\r\n"); }
  // `text` holds no line end.
  void SimpleString(std::string_view text);
  // `text` is the reply after the dash, code word included. Line ends inside become blanks, those at the end go.
  void Error(std::string_view text);
  // The wire text of `status`, which is not Ok. `command` ("config|get") is named by errors that name the command.
  void Error(const Status& status, std::string_view command = {});
  void Integer(int64_t value);
  void Bool(bool value);
  void Null() {
    if (IsResp3()) {
      Fixed("_\r\n");
    } else {
      Fixed("$-1\r\n");
    }
  }
  void NullArray() {
    if (IsResp3()) {
      Fixed("_\r\n");
    } else {
      Fixed("*-1\r\n");
    }
  }

  // --- Strings and numbers as text ---
  void Bulk(std::string_view bytes);
  // The decimal text of `value` as a bulk string.
  void BulkInteger(int64_t value);
  // `bytes`, which lie in `block`; from ReplyBuffer::kPinBytesMin on they are sent from there, uncopied.
  void BulkPinned(const ByteBlockRef& block, std::string_view bytes);
  // A bulk string in RESP2, a double in RESP3, written by the double rule.
  void Double(double value);
  // The same choice for a number whose text is made already: scores, coordinates ("13.361389338970184").
  void DoubleText(std::string_view text);
  // A long double with 17 decimals at most, trailing zeros cut.
  void HumanDouble(long double value);
  // `digits` is a decimal integer of any length.
  void BigNumber(std::string_view digits);
  // `format` has three letters, "txt" or "mkd".
  void Verbatim(std::string_view format, std::string_view text);

  // --- Aggregates ---
  void ArrayHeader(size_t count) { Header('*', count, count); }
  void MapHeader(size_t pair_count) {
    Header(IsResp3() ? '%' : '*', IsResp3() ? pair_count : 2 * pair_count, 2 * pair_count);
  }
  void SetHeader(size_t count) { Header(IsResp3() ? '~' : '*', count, count); }
  void PushHeader(size_t count) { Header(IsResp3() ? '>' : '*', count, count); }
  // False in RESP2: the caller leaves the attribute out. The value it belongs to follows its pairs.
  [[nodiscard]] bool AttributeHeader(size_t pair_count);
  void EmptyArray() { ArrayHeader(0); }

  // Aggregates whose count is not known yet.
  [[nodiscard]] Deferred DeferArray() { return Defer('*'); }
  [[nodiscard]] Deferred DeferMap() { return Defer('%'); }
  [[nodiscard]] Deferred DeferSet() { return Defer('~'); }
  // `count` is items, or pairs for a map.
  void Close(const Deferred& deferred, size_t count);

  // --- Whole replies made elsewhere ---
  // One complete value in this client's version, encoded already (pub/sub messages, cached replies).
  void Raw(std::string_view encoded) {
    shape_.Item();
    out_.Append(encoded);
  }

  // --- Taking back ---
  [[nodiscard]] ReplyBuffer::Mark MarkHere() const noexcept { return out_.MarkHere(); }
  // Drops what was written since `mark`, which was taken between two replies.
  void RollbackTo(ReplyBuffer::Mark mark) noexcept {
    shape_.Forget();
    out_.RollbackTo(mark);
  }
  // Whether every header got its items. Always true in release builds.
  [[nodiscard]] bool IsComplete() const noexcept { return shape_.Complete(); }

 private:
  template <size_t N>
  void Fixed(const char (&text)[N]) {
    shape_.Item();
    char* to = out_.Reserve(N - 1);
    std::memcpy(to, text, N - 1);
    out_.Commit(to + N - 1);
  }
  void Header(char type, size_t announced, size_t items);
  void BulkSlow(std::string_view bytes);
  [[nodiscard]] Deferred Defer(char type);
  void TextValue(char type, std::string_view text);

  ReplyBuffer& out_;
  RespVersion version_;
  DoubleRule double_rule_ = DoubleRule::kShortest;
  [[no_unique_address]] ReplyShape shape_;
};

namespace detail {

// "$0\r\n" to "$99\r\n" and so on, eight bytes each so that one store writes them.
struct ShortHeaders {
  static constexpr size_t kCount = 100;
  std::array<std::array<char, 8>, kCount> text{};

  explicit constexpr ShortHeaders(char type) noexcept {
    for (size_t i = 0; i < kCount; ++i) {
      size_t at = 0;
      text[i][at++] = type;
      if (i >= 10) text[i][at++] = static_cast<char>('0' + i / 10);
      text[i][at++] = static_cast<char>('0' + i % 10);
      text[i][at++] = '\r';
      text[i][at++] = '\n';
    }
  }
  // Writes 8 bytes and returns the end of those that count. Requires value < kCount.
  char* Put(char* to, size_t value) const noexcept {
    std::memcpy(to, text[value].data(), 8);
    return to + 4 + (value >= 10 ? 1 : 0);
  }
};
inline constexpr ShortHeaders kBulkHeaders{'$'};
inline constexpr ShortHeaders kShortIntegers{':'};

}  // namespace detail

inline void RespWriter::Bulk(std::string_view bytes) {
  if (bytes.size() >= detail::ShortHeaders::kCount || out_.ContiguousBytes() < bytes.size() + 16) [[unlikely]] {
    BulkSlow(bytes);
    return;
  }
  shape_.Item();
  char* to = detail::kBulkHeaders.Put(out_.Reserve(0), bytes.size());
  CopyShort(to, bytes.data(), bytes.size());
  to += bytes.size();
  std::memcpy(to, "\r\n", 2);
  out_.Commit(to + 2);
}

inline void RespWriter::Integer(int64_t value) {
  shape_.Item();
  char* to = out_.Reserve(kIntegerCharsMax + 8);
  if (static_cast<uint64_t>(value) < detail::ShortHeaders::kCount) [[likely]] {
    out_.Commit(detail::kShortIntegers.Put(to, static_cast<size_t>(value)));
    return;
  }
  *to++ = ':';
  to = FormatInt64(value, to);
  std::memcpy(to, "\r\n", 2);
  out_.Commit(to + 2);
}

inline void RespWriter::BulkInteger(int64_t value) {
  shape_.Item();
  char* to = out_.Reserve(kIntegerCharsMax + 16);
  to = detail::kBulkHeaders.Put(to, Int64TextSize(value));
  to = FormatInt64(value, to);
  std::memcpy(to, "\r\n", 2);
  out_.Commit(to + 2);
}

}  // namespace cachenode
