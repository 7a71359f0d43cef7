#include "protocol/resp_reader.h"

#include <limits>
#include <utility>

#include "storage/base/bytes.h"
#include "storage/base/numbers.h"

namespace cachenode {

namespace {

using Kind = RespValue::Kind;

Status Corrupt(std::string_view what) { return Status::WithText(Err::kCorrupt, std::string(what)); }

// A length or count: a decimal of at least -1.
Result<int64_t> ParseCount(std::string_view text, int64_t max) {
  int64_t count = 0;
  if (!TryParseInt64(text, count) || count < -1 || count > max) return Corrupt("invalid length in reply");
  return count;
}

Kind AggregateKind(char type) noexcept {
  switch (type) {
    case '%':
      return Kind::kMap;
    case '~':
      return Kind::kSet;
    case '>':
      return Kind::kPush;
    default:
      return Kind::kArray;
  }
}

void AppendEscaped(std::string& to, std::string_view bytes) {
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  to.push_back('\'');
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\'' || c == '\\') {
      to.append(1, '\\').push_back(c);
    } else if (c == '\n') {
      to.append("\\n");
    } else if (c == '\r') {
      to.append("\\r");
    } else if (c >= ' ' && c <= '~') {
      to.push_back(c);
    } else {
      to.append("\\x").append(1, kHexDigits[byte >> 4]).push_back(kHexDigits[byte & 15]);
    }
  }
  to.push_back('\'');
}

void AppendDescription(std::string& to, const RespValue& value);

void AppendItems(std::string& to, char type, const std::vector<RespValue>& items) {
  const bool is_map = type == '%' || type == '|';
  to.push_back(type);
  AppendUint64(to, is_map ? items.size() / 2 : items.size());
  to.push_back(is_map ? '{' : '[');
  for (size_t i = 0; i < items.size(); ++i) {
    if (i != 0) to.push_back(' ');
    AppendDescription(to, items[i]);
  }
  to.push_back(is_map ? '}' : ']');
}

void AppendDescription(std::string& to, const RespValue& value) {
  if (!value.attributes.empty()) {
    AppendItems(to, '|', value.attributes);
    to.push_back(' ');
  }
  switch (value.kind) {
    case Kind::kSimpleString:
      to.append("+").append(value.text);
      break;
    case Kind::kError:
      to.append("-").append(value.text);
      break;
    case Kind::kInteger:
      AppendInt64(to.append(":"), value.integer);
      break;
    case Kind::kBulk:
      AppendEscaped(to.append("$"), value.text);
      break;
    case Kind::kBulkError:
      AppendEscaped(to.append("!"), value.text);
      break;
    case Kind::kVerbatim:
      AppendEscaped(to.append("="), value.text);
      break;
    case Kind::kNull:
      to.append(value.text.empty() ? "_" : value.text);
      break;
    case Kind::kNullArray:
      to.append("*-1");
      break;
    case Kind::kDouble:
      to.append(",").append(value.text);
      break;
    case Kind::kBool:
      to.append(value.integer != 0 ? "#t" : "#f");
      break;
    case Kind::kBigNumber:
      to.append("(").append(value.text);
      break;
    case Kind::kArray:
      AppendItems(to, '*', value.items);
      break;
    case Kind::kMap:
      AppendItems(to, '%', value.items);
      break;
    case Kind::kSet:
      AppendItems(to, '~', value.items);
      break;
    case Kind::kPush:
      AppendItems(to, '>', value.items);
      break;
  }
}

}  // namespace

std::string DescribeReply(const RespValue& value) {
  std::string text;
  AppendDescription(text, value);
  return text;
}

void RespReader::Feed(std::string_view bytes) {
  Compact();
  buffer_.append(bytes);
}

// Drops used bytes once they are half of the buffer, so that each byte moves a bounded number of times.
void RespReader::Compact() {
  if (position_ < buffer_.size() - position_) return;
  buffer_.erase(0, position_);
  position_ = 0;
}

Result<bool> RespReader::Next(RespValue& reply) {
  while (true) {
    RespValue value;
    Result<Step> step = ReadOne(value);
    if (!step) return step.error();
    if (*step == Step::kNeedMore) return false;
    if (*step == Step::kOpened) continue;
    if (!Place(value)) continue;
    reply = std::move(value);
    return true;
  }
}

// `line` becomes the text between the type byte and the line end, `next` the position behind it.
bool RespReader::FindLine(std::string_view& line, size_t& next) {
  const size_t end = buffer_.find("\r\n", position_ + line_scanned_);
  if (end == std::string::npos) {
    const size_t pending = PendingBytes();
    line_scanned_ = pending > 0 ? pending - 1 : 0;  // The last byte may be the first half of a line end.
    return false;
  }
  line_scanned_ = end - position_;
  line = std::string_view(buffer_).substr(position_ + 1, end - position_ - 1);
  next = end + 2;
  return true;
}

Result<RespReader::Step> RespReader::ReadOne(RespValue& value) {
  if (position_ == buffer_.size()) return Step::kNeedMore;
  std::string_view line;
  size_t next = 0;
  if (!FindLine(line, next)) {
    if (PendingBytes() > kLineBytesMax) return Corrupt("too long a line in reply");
    return Step::kNeedMore;
  }
  const char type = buffer_[position_];
  if (type == '$' || type == '=' || type == '!') return ReadString(type, line, value);
  Result<Step> step = type == '*' || type == '%' || type == '~' || type == '>' || type == '|'
                          ? ReadAggregate(type, line, value)
                          : ReadScalar(type, line, value);
  if (step) {
    position_ = next;
    line_scanned_ = 0;
  }
  return step;
}

Result<RespReader::Step> RespReader::ReadString(char type, std::string_view line, RespValue& value) {
  Result<int64_t> size = ParseCount(line, kBulkBytesMax);
  if (!size) return size.error();
  const size_t begin = position_ + 1 + line.size() + 2;
  if (*size < 0) {
    value.kind = Kind::kNull;
    value.text = "$-1";
    position_ = begin;
    line_scanned_ = 0;
    return Step::kValue;
  }
  const auto bytes = static_cast<size_t>(*size);
  if (buffer_.size() - begin < bytes + 2) return Step::kNeedMore;
  if (buffer_.compare(begin + bytes, 2, "\r\n") != 0) return Corrupt("string in reply is not ended by CRLF");
  value.kind = type == '$' ? Kind::kBulk : type == '=' ? Kind::kVerbatim : Kind::kBulkError;
  value.text = buffer_.substr(begin, bytes);
  position_ = begin + bytes + 2;
  line_scanned_ = 0;
  return Step::kValue;
}

Result<RespReader::Step> RespReader::ReadAggregate(char type, std::string_view line, RespValue& value) {
  const bool has_pairs = type == '%' || type == '|';
  Result<int64_t> count = ParseCount(line, has_pairs ? kItemsMax / 2 : kItemsMax);
  if (!count) return count.error();
  if (*count < 0) {
    if (type != '*') return Corrupt("invalid length in reply");
    value.kind = Kind::kNullArray;
    return Step::kValue;
  }
  value.kind = AggregateKind(type);
  const bool is_attribute = type == '|';
  if (*count == 0) return is_attribute ? Step::kOpened : Step::kValue;
  if (open_.size() >= kDepthMax) return Corrupt("reply is nested too deeply");
  value.attributes = std::exchange(attributes_, {});
  open_.push_back({std::move(value), has_pairs ? 2 * *count : *count, is_attribute});
  return Step::kOpened;
}

Result<RespReader::Step> RespReader::ReadScalar(char type, std::string_view line, RespValue& value) {
  value.text = line;
  switch (type) {
    case '+':
      value.kind = Kind::kSimpleString;
      return Step::kValue;
    case '-':
      value.kind = Kind::kError;
      return Step::kValue;
    case '(':
      value.kind = Kind::kBigNumber;
      return Step::kValue;
    case ':':
      value.kind = Kind::kInteger;
      if (!TryParseInt64(line, value.integer)) return Corrupt("invalid integer in reply");
      value.text.clear();
      return Step::kValue;
    case ',':
      value.kind = Kind::kDouble;
      if (EqualsIgnoreCase(line, "nan") || EqualsIgnoreCase(line, "-nan")) {
        value.number = std::numeric_limits<double>::quiet_NaN();
      } else if (!TryParseDouble(line, value.number)) {
        return Corrupt("invalid double in reply");
      }
      return Step::kValue;
    case '#':
      if (line != "t" && line != "f") return Corrupt("invalid boolean in reply");
      value.kind = Kind::kBool;
      value.integer = line == "t" ? 1 : 0;
      value.text.clear();
      return Step::kValue;
    case '_':
      if (!line.empty()) return Corrupt("invalid null in reply");
      value.kind = Kind::kNull;
      return Step::kValue;
    default:
      return Corrupt("unknown type byte in reply");
  }
}

bool RespReader::Place(RespValue& value) {
  if (value.attributes.empty()) value.attributes = std::exchange(attributes_, {});
  while (!open_.empty()) {
    Frame& frame = open_.back();
    frame.value.items.push_back(std::move(value));
    if (--frame.items_left > 0) return false;
    const bool is_attribute = frame.is_attribute;
    value = std::move(frame.value);
    open_.pop_back();
    if (is_attribute) {
      attributes_ = std::move(value.items);
      return false;
    }
  }
  return true;
}

}  // namespace cachenode
