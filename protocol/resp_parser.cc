// Two ways through a request. ParseWholeArray takes an array that is completely there in one pass and touches no
// member: nearly every request. Everything else (partial, inline, odd or wrong) goes through ParseRequest, which can
// stop at any byte and go on from there. Both accept the same language; the unit tests compare them.
#include "protocol/resp_parser.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "storage/base/bytes.h"
#include "storage/base/numbers.h"
#include "storage/base/quoting.h"

namespace cachenode {

namespace {

// The smallest argument on the wire: "$0\r\n\r\n".
constexpr size_t kArgBytesMin = 6;
// The smallest request: "*1\r\n" and one argument.
constexpr size_t kArrayBytesMin = 4 + kArgBytesMin;

// Reads "<digits>\r\n" of three to seven digits without a leading zero; returns what is behind it, or nullptr for
// everything unusual or unfinished, which the careful path judges.
const char* ReadLongerCount(const char* at, const char* end, size_t& value) noexcept {
  size_t number = 0;
  for (int digits = 0; digits < 8 && end - at >= 2; ++digits, ++at) {
    if (*at == '\r') {
      value = number;
      return digits > 0 ? at + 2 : nullptr;
    }
    const size_t digit = static_cast<unsigned char>(*at) - size_t{'0'};
    if (digit > 9 || (digit == 0 && number == 0)) return nullptr;
    number = number * 10 + digit;
  }
  return nullptr;
}

// Reads "<type><digits>\r\n". The usual one and two digits are taken from a single load, type and line end by one
// comparison. Requires four readable bytes.
inline const char* ReadCount(const char* at, const char* end, unsigned char type, size_t& value) noexcept {
  constexpr uint32_t kReturn = '\r';
  const uint32_t word = LoadLittleEndian<uint32_t>(at);
  const uint32_t first = (word >> 8 & 255) - '0';
  if ((word & 0x00ff00ffU) == (type | kReturn << 16) && first <= 9) {
    value = first;
    return at + 4;
  }
  const uint32_t second = (word >> 16 & 255) - '0';
  if ((word & 0xff0000ffU) == (type | kReturn << 24) && first - 1 <= 8 && second <= 9 && end - at >= 5) [[likely]] {
    value = first * 10 + second;
    return at + 5;
  }
  return (word & 255) == type ? ReadLongerCount(at + 1, end, value) : nullptr;
}

}  // namespace

void RequestBatch::GrowArgs(size_t count) {
  const size_t capacity = std::max({arg_count_ + count, arg_capacity_ * 2, size_t{64}});
  auto grown = std::make_unique<std::string_view[]>(capacity);
  std::copy_n(args_.get(), arg_count_, grown.get());
  args_ = std::move(grown);
  arg_capacity_ = capacity;
  has_extra_ |= capacity > kKeptArgsMax;
}

void RequestBatch::ReleaseExtra() noexcept {
  unescaped_.clear();
  if (arg_capacity_ > kKeptArgsMax) {
    args_.reset();
    arg_capacity_ = 0;
  }
  has_extra_ = false;
}

RespParser::Progress RespParser::Parse(std::string_view input, RequestBatch& batch) {
  const char* const end = input.data() + input.size();
  const char* at = input.data();
  const char* counted_from = at;  // Empty lines and empty arrays count for the request behind them.
  const auto consumed = [&] { return static_cast<size_t>(at - input.data()); };
  if (fault_ != Fault::kNone) return {Outcome::kError, 0};
  bool may_be_whole = position_ == 0 && scanned_ == 0 && !unauthenticated_;
  while (at != end) {
    if (batch.full()) return {Outcome::kBatchFull, consumed()};
    if (may_be_whole) [[likely]] {
      const char* const next = ParseWholeArray(at, end, counted_from, batch);
      if (next != nullptr) [[likely]] {
        counted_from = at = next;
        continue;
      }
    }
    const Step step = ParseRequest({at, end}, batch);
    if (step == Step::kNeedMore) return {Outcome::kNeedMore, consumed()};
    if (step == Step::kError) return {Outcome::kError, consumed()};
    at += position_;
    ResetRequest();
    may_be_whole = !unauthenticated_;
    if (step == Step::kSkipped) continue;
    batch.requests_[batch.request_count_ - 1].wire_bytes = static_cast<size_t>(at - counted_from);
    counted_from = at;
    if (unauthenticated_ && at != end) return {Outcome::kBatchFull, consumed()};
  }
  wanted_bytes_ = 1;
  return {Outcome::kNeedMore, consumed()};
}

// Returns what is behind the request it put into the batch, or nullptr when the careful path must look.
const char* RespParser::ParseWholeArray(const char* begin, const char* end, const char* counted_from,
                                        RequestBatch& batch) const {
  size_t count = 0;
  if (end - begin < static_cast<ptrdiff_t>(kArrayBytesMin)) return nullptr;
  const char* at = ReadCount(begin, end, '*', count);
  if (at == nullptr || count == 0 || static_cast<int64_t>(count) > limits_.args_max) return nullptr;
  if (static_cast<size_t>(end - at) < count * kArgBytesMin) return nullptr;
  batch.ReserveArgs(count);
  std::string_view* arg = batch.args_.get() + batch.arg_count_;
  const auto size_max = static_cast<size_t>(limits_.bulk_bytes_max);
  for (std::string_view* const last = arg + count; arg != last; ++arg) {
    if (end - at < static_cast<ptrdiff_t>(kArgBytesMin)) return nullptr;
    size_t size = 0;
    at = ReadCount(at, end, '$', size);
    // The two bytes behind the string end it, whatever they are; Redis does not look at them either.
    if (at == nullptr || static_cast<size_t>(end - at) < size + 2 || size > size_max) return nullptr;
    *arg = {at, size};
    at += size + 2;
  }
  batch.FinishRequest(count, static_cast<size_t>(at - counted_from));
  return at;
}

RespParser::Step RespParser::ParseRequest(std::string_view request, RequestBatch& batch) {
  if (request[0] != '*') return ParseInline(request, batch);
  if (args_left_ == 0) {
    const Step step = ParseArrayHeader(request);
    if (step != Step::kDone) return step;
  }
  return ParseArrayArgs(request, batch);
}

// Finds `mark` at or behind position_ with `behind_mark` bytes after it. Bytes already searched are not searched again.
RespParser::Step RespParser::FindLine(std::string_view request, char mark, size_t behind_mark, Fault too_big,
                                      size_t& found) {
  const size_t from = position_ + scanned_;
  const size_t limit = position_ + kInlineBytesMax + 1;  // A mark beyond is too late, wherever the input was cut.
  const size_t until = std::min(request.size(), limit);
  const void* mark_at = from < until ? std::memchr(request.data() + from, mark, until - from) : nullptr;
  if (mark_at == nullptr) {
    scanned_ = until - position_;
    if (until == limit) return Fail(too_big);
    wanted_bytes_ = request.size() + 1;
    return Step::kNeedMore;
  }
  found = static_cast<size_t>(static_cast<const char*>(mark_at) - request.data());
  scanned_ = found - position_;
  if (request.size() - found <= behind_mark) {
    wanted_bytes_ = found + behind_mark + 1;
    return Step::kNeedMore;
  }
  return Step::kDone;
}

RespParser::Step RespParser::ParseArrayHeader(std::string_view request) {
  size_t line_end = 0;
  const Step step = FindLine(request, '\r', 1, Fault::kBigMultibulkCount, line_end);
  if (step != Step::kDone) return step;
  int64_t count = 0;
  if (!TryParseInt64(request.substr(1, line_end - 1), count) || count > limits_.args_max) {
    return Fail(Fault::kMultibulkLength);
  }
  if (unauthenticated_ && count > kUnauthenticatedArgsMax) return Fail(Fault::kUnauthenticatedMultibulkLength);
  position_ = line_end + 2;
  scanned_ = 0;
  if (count <= 0) return Step::kSkipped;
  args_left_ = count;
  return Step::kDone;
}

RespParser::Step RespParser::ParseBulkHeader(std::string_view request) {
  size_t line_end = 0;
  const Step step = FindLine(request, '\r', 1, Fault::kBigBulkCount, line_end);
  if (step != Step::kDone) return step;
  if (request[position_] != '$') return Fail(Fault::kExpectedDollar, request[position_]);
  int64_t size = 0;
  const std::string_view text = request.substr(position_ + 1, line_end - position_ - 1);
  if (!TryParseInt64(text, size) || size < 0 || size > limits_.bulk_bytes_max) return Fail(Fault::kBulkLength);
  if (unauthenticated_ && size > kUnauthenticatedBulkBytesMax) return Fail(Fault::kUnauthenticatedBulkLength);
  position_ = line_end + 2;
  scanned_ = 0;
  bulk_bytes_ = size;
  return Step::kDone;
}

RespParser::Step RespParser::ParseArrayArgs(std::string_view request, RequestBatch& batch) {
  while (args_left_ > 0) {
    if (bulk_bytes_ < 0) {
      const Step step = ParseBulkHeader(request);
      if (step != Step::kDone) return step;
    }
    const size_t size = static_cast<size_t>(bulk_bytes_);
    if (request.size() - position_ < size + 2) {
      wanted_bytes_ = position_ + size + 2;
      return Step::kNeedMore;
    }
    pending_.push_back({position_, size});
    position_ += size + 2;
    bulk_bytes_ = -1;
    --args_left_;
  }
  batch.ReserveArgs(pending_.size());
  std::string_view* arg = batch.args_.get() + batch.arg_count_;
  for (const PendingArg& pending : pending_) *arg++ = request.substr(pending.offset, pending.size);
  batch.FinishRequest(pending_.size(), 0);
  return Step::kDone;
}

RespParser::Step RespParser::ParseInline(std::string_view request, RequestBatch& batch) {
  size_t newline = 0;
  const Step step = FindLine(request, '\n', 0, Fault::kBigInline, newline);
  if (step != Step::kDone) return step;
  position_ = newline + 1;
  std::string_view line = request.substr(0, newline);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return SplitInline(line, batch);
}

// Words as they lie in the input, as SplitQuotedWords finds them. False when some byte asks for that.
bool RespParser::SplitPlainInline(std::string_view line, RequestBatch& batch, size_t& count) {
  count = 0;
  batch.ReserveArgs((line.size() + 1) / 2);  // Each word has a blank behind it.
  size_t at = 0;
  while (at < line.size()) {
    if (IsSpaceAscii(line[at])) {
      ++at;
      continue;
    }
    const size_t begin = at;
    for (; at < line.size(); ++at) {
      const char c = line[at];
      if (c == ' ' || c == '\t' || c == '\r' || c == '\n') break;
      if (c == '"' || c == '\'' || c == '\0') return false;
    }
    batch.args_[batch.arg_count_ + count++] = line.substr(begin, at - begin);
  }
  return true;
}

RespParser::Step RespParser::SplitInline(std::string_view line, RequestBatch& batch) {
  size_t count = 0;
  if (SplitPlainInline(line, batch, count)) [[likely]] {
    if (count == 0) return Step::kSkipped;
    batch.FinishRequest(count, 0);
    return Step::kDone;
  }
  std::vector<std::string> words;
  if (!SplitQuotedWords(line, words)) return Fail(Fault::kUnbalancedQuotes);
  if (words.empty()) return Step::kSkipped;
  size_t total_bytes = 0;
  for (const std::string& word : words) total_bytes += word.size() + 1;
  auto bytes = std::make_unique<char[]>(total_bytes);
  batch.ReserveArgs(words.size());
  char* at = bytes.get();
  for (size_t i = 0; i < words.size(); ++i) {
    std::copy(words[i].begin(), words[i].end(), at);
    batch.args_[batch.arg_count_ + i] = {at, words[i].size()};
    at += words[i].size() + 1;  // Two words never begin at the same byte, an empty one neither.
  }
  batch.unescaped_.push_back(std::move(bytes));
  batch.has_extra_ = true;
  batch.FinishRequest(words.size(), 0);
  return Step::kDone;
}

RespParser::Step RespParser::Fail(Fault fault, char got) noexcept {
  fault_ = fault;
  got_ = got;
  return Step::kError;
}

void RespParser::ResetRequest() noexcept {
  position_ = 0;
  scanned_ = 0;
  wanted_bytes_ = 1;
  args_left_ = 0;
  bulk_bytes_ = -1;
  pending_.clear();
  if (pending_.capacity() > RequestBatch::kKeptArgsMax) std::vector<PendingArg>().swap(pending_);
}

std::string RespParser::ErrorText() const {
  std::string text("ERR Protocol error: ");
  switch (fault_) {
    case Fault::kNone:
      break;
    case Fault::kMultibulkLength:
      return text.append("invalid multibulk length");
    case Fault::kUnauthenticatedMultibulkLength:
      return text.append("unauthenticated multibulk length");
    case Fault::kExpectedDollar:
      return text.append("expected '$', got '").append(1, got_).append("'");
    case Fault::kBulkLength:
      return text.append("invalid bulk length");
    case Fault::kUnauthenticatedBulkLength:
      return text.append("unauthenticated bulk length");
    case Fault::kUnbalancedQuotes:
      return text.append("unbalanced quotes in request");
    case Fault::kBigInline:
      return text.append("too big inline request");
    case Fault::kBigMultibulkCount:
      return text.append("too big mbulk count string");
    case Fault::kBigBulkCount:
      return text.append("too big bulk count string");
  }
  return text;
}

}  // namespace cachenode
