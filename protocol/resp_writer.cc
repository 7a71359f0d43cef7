#include "protocol/resp_writer.h"

#include <algorithm>
#include <cassert>
#include <string>

#include "protocol/error_text.h"
#include "storage/base/bytes.h"

namespace cachenode {

namespace {

constexpr size_t kHeaderBytesMax = 1 + kIntegerCharsMax + 2;

// "<type><count>\r\n".
char* PutHeader(char* to, char type, uint64_t count) noexcept {
  *to++ = type;
  to = FormatUint64(count, to);
  *to++ = '\r';
  *to++ = '\n';
  return to;
}

}  // namespace

void RespWriter::TextValue(char type, std::string_view text) {
  shape_.Item();
  if (text.size() + 3 <= ReplyBuffer::kContiguousMax) {
    char* to = out_.Reserve(text.size() + 3);
    *to++ = type;
    CopyShort(to, text.data(), text.size());
    to += text.size();
    std::memcpy(to, "\r\n", 2);
    out_.Commit(to + 2);
    return;
  }
  out_.Append({&type, 1});
  out_.Append(text);
  out_.Append("\r\n");
}

void RespWriter::SimpleString(std::string_view text) {
  assert(text.find_first_of("\r\n") == std::string_view::npos);
  TextValue('+', text);
}

void RespWriter::Error(std::string_view text) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  if (text.find_first_of("\r\n") == std::string_view::npos) {
    TextValue('-', text);
    return;
  }
  std::string one_line(text);
  std::replace(one_line.begin(), one_line.end(), '\r', ' ');
  std::replace(one_line.begin(), one_line.end(), '\n', ' ');
  TextValue('-', one_line);
}

void RespWriter::Error(const Status& status, std::string_view command) {
  if (status.text().empty() && command.empty()) {
    Error(ErrorText(status.code()));
    return;
  }
  Error(ErrorReply(status, command));
}

void RespWriter::Bool(bool value) {
  if (!IsResp3()) {
    Integer(value ? 1 : 0);
  } else if (value) {
    Fixed("#t\r\n");
  } else {
    Fixed("#f\r\n");
  }
}

void RespWriter::BulkSlow(std::string_view bytes) {
  shape_.Item();
  out_.Commit(PutHeader(out_.Reserve(kHeaderBytesMax), '$', bytes.size()));
  out_.Append(bytes);
  out_.Append("\r\n");
}

void RespWriter::BulkPinned(const ByteBlockRef& block, std::string_view bytes) {
  if (bytes.size() < ReplyBuffer::kPinBytesMin) {
    Bulk(bytes);
    return;
  }
  shape_.Item();
  out_.Commit(PutHeader(out_.Reserve(kHeaderBytesMax), '$', bytes.size()));
  out_.AppendPinned(block, bytes);
  out_.Append("\r\n");
}

void RespWriter::DoubleText(std::string_view text) {
  if (IsResp3()) {
    TextValue(',', text);
  } else {
    Bulk(text);
  }
}

void RespWriter::Double(double value) {
  char text[kDoubleCharsMax];
  DoubleText({text, FormatDouble(value, double_rule_, text)});
}

void RespWriter::HumanDouble(long double value) {
  char text[kLongDoubleCharsMax];
  DoubleText({text, FormatLongDouble(value, text)});
}

void RespWriter::BigNumber(std::string_view digits) {
  if (IsResp3()) {
    TextValue('(', digits);
  } else {
    Bulk(digits);
  }
}

void RespWriter::Verbatim(std::string_view format, std::string_view text) {
  assert(format.size() == 3);
  if (!IsResp3()) {
    Bulk(text);
    return;
  }
  shape_.Item();
  char* to = PutHeader(out_.Reserve(kHeaderBytesMax + 4), '=', text.size() + 4);
  std::memcpy(to, format.data(), 3);
  to[3] = ':';
  out_.Commit(to + 4);
  out_.Append(text);
  out_.Append("\r\n");
}

void RespWriter::Header(char type, size_t announced, size_t items) {
  shape_.Open(items);
  out_.Commit(PutHeader(out_.Reserve(kHeaderBytesMax), type, announced));
}

bool RespWriter::AttributeHeader(size_t pair_count) {
  if (!IsResp3()) return false;
  shape_.OpenAttribute(2 * pair_count);
  out_.Commit(PutHeader(out_.Reserve(kHeaderBytesMax), '|', pair_count));
  return true;
}

RespWriter::Deferred RespWriter::Defer(char type) {
  shape_.OpenUnknown();
  return {out_.ReserveSlot(), type};
}

void RespWriter::Close(const Deferred& deferred, size_t count) {
  shape_.CloseUnknown();
  char header[kHeaderBytesMax];
  const bool is_flat_map = deferred.type == '%' && !IsResp3();
  const char type = IsResp3() ? deferred.type : '*';
  const char* end = PutHeader(header, type, is_flat_map ? 2 * count : count);
  out_.FillSlot(deferred.slot, {header, end});
}

}  // namespace cachenode
