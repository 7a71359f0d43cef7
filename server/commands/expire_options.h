// The options that give a key its deadline (EX, PX, EXAT, PXAT, KEEPTTL, PERSIST), and the arithmetic behind them.
//
// Thread-safety: pure functions.
// Units: deadlines are Unix milliseconds. One beyond kExpireAtMsMax (the year 10889) is stored as that.
#pragma once

#include <cstdint>
#include <string_view>

#include "server/arg_parser.h"
#include "storage/access_context.h"
#include "storage/base/result.h"

namespace cachenode {

enum class ExpireUnit : uint8_t { kSeconds, kMilliseconds };
enum class ExpireBase : uint8_t { kNow, kEpoch };

// What the options of SET, GETEX and MSETEX say about the deadline.
class ExpireOption {
 public:
  enum class Kind : uint8_t { kNone, kEx, kPx, kExAt, kPxAt, kKeepTtl, kPersist };

  // Takes the next argument if it is one of the options; two different ones are a syntax error, recorded in `parser`.
  // `allowed_extra` names the one option without value that the command knows besides.
  bool Match(ArgParser& parser, Kind allowed_extra);
  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] bool HasDeadline() const { return kind_ >= Kind::kEx && kind_ <= Kind::kPxAt; }
  // The deadline. Requires HasDeadline(). Errors: kNotInteger, kInvalidExpire.
  [[nodiscard]] Result<int64_t> DeadlineMs(int64_t now_ms) const;

 private:
  Kind kind_ = Kind::kNone;
  std::string_view value_;
};

// A positive amount of time as a deadline (SETEX, PSETEX, options above). Errors: kNotInteger, kInvalidExpire.
[[nodiscard]] Result<int64_t> ParseDeadline(std::string_view text, ExpireUnit unit, ExpireBase base, int64_t now_ms);

// `deadline_ms` as an entry can hold it.
[[nodiscard]] constexpr int64_t ClampDeadline(int64_t deadline_ms) {
  if (deadline_ms < 0) return 0;
  return deadline_ms > kExpireAtMsMax ? kExpireAtMsMax : deadline_ms;
}

}  // namespace cachenode
