// The client's side of the protocol: bytes of a server in, reply values out. For tests, tools, MIGRATE and replication.
//
// Thread-safety: one thread at a time per object.
// Limits: kDepthMax levels of nesting, kBulkBytesMax per string, kItemsMax per aggregate. Memory grows with bytes that
//   arrived, never with a count that was only announced.
// Errors: kCorrupt with what was wrong; the stream cannot be used after it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "storage/base/result.h"

namespace cachenode {

struct RespValue {
  enum class Kind : uint8_t {
    kSimpleString,
    kError,
    kInteger,
    kBulk,
    kNull,
    kNullArray,
    kArray,  // RESP2
    kMap,
    kSet,
    kPush,
    kDouble,
    kBool,
    kBigNumber,
    kVerbatim,
    kBulkError,  // RESP3
  };

  Kind kind = Kind::kNull;
  int64_t integer = 0;  // kInteger; 0 or 1 for kBool.
  double number = 0;    // kDouble.
  std::string text;     // Strings, errors, big numbers and the digits of a double; verbatim with its "txt:" prefix.
  std::vector<RespValue> items;       // Elements; keys and values in turn for a map.
  std::vector<RespValue> attributes;  // Keys and values in turn that preceded this value.

  [[nodiscard]] bool IsError() const noexcept { return kind == Kind::kError || kind == Kind::kBulkError; }
  [[nodiscard]] bool IsNull() const noexcept { return kind == Kind::kNull || kind == Kind::kNullArray; }
};

// The value in one line: +OK  -ERR text  :5  $'bulk'  $-1  *-1  _  ,1.5  #t  (123  ='txt:x'  *2[..]  %1{k v}  ~1[..]
// >1[..]. Unprintable bytes, quotes and backslashes in strings appear as \xHH, \n, \r, \', \\.
[[nodiscard]] std::string DescribeReply(const RespValue& value);

class RespReader {
 public:
  static constexpr size_t kDepthMax = 128;
  static constexpr int64_t kBulkBytesMax = int64_t{4} << 30;
  static constexpr int64_t kItemsMax = int64_t{1} << 31;
  static constexpr size_t kLineBytesMax = 64 * 1024;

  // Hands over bytes as they arrive.
  void Feed(std::string_view bytes);
  // Moves the next complete reply into `reply`. False when more bytes are needed.
  [[nodiscard]] Result<bool> Next(RespValue& reply);
  // Bytes fed and not yet part of a returned reply.
  [[nodiscard]] size_t PendingBytes() const noexcept { return buffer_.size() - position_; }

 private:
  struct Frame {
    RespValue value;
    int64_t items_left;
    bool is_attribute;
  };
  enum class Step : uint8_t { kValue, kOpened, kNeedMore };

  [[nodiscard]] Result<Step> ReadOne(RespValue& value);
  [[nodiscard]] Result<Step> ReadString(char type, std::string_view line, RespValue& value);
  [[nodiscard]] Result<Step> ReadAggregate(char type, std::string_view line, RespValue& value);
  [[nodiscard]] Result<Step> ReadScalar(char type, std::string_view line, RespValue& value);
  [[nodiscard]] bool FindLine(std::string_view& line, size_t& next);
  // Puts a complete value into its parent, closing those that become complete. True when `value` is a whole reply.
  [[nodiscard]] bool Place(RespValue& value);
  void Compact();

  std::string buffer_;
  size_t position_ = 0;      // First byte not yet used.
  size_t line_scanned_ = 0;  // Bytes after position_ known to hold no line end.
  std::vector<Frame> open_;
  std::vector<RespValue> attributes_;  // Waiting for the value they belong to.
};

}  // namespace cachenode
