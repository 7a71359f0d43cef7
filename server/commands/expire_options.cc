#include "server/commands/expire_options.h"

#include "storage/base/numbers.h"

namespace cachenode {
namespace {

struct OptionName {
  std::string_view word;
  ExpireOption::Kind kind;
};

constexpr OptionName kOptions[] = {
    {"ex", ExpireOption::Kind::kEx},
    {"px", ExpireOption::Kind::kPx},
    {"exat", ExpireOption::Kind::kExAt},
    {"pxat", ExpireOption::Kind::kPxAt},
};

}  // namespace

bool ExpireOption::Match(ArgParser& parser, Kind allowed_extra) {
  Kind found = Kind::kNone;
  for (const OptionName& option : kOptions) {
    if (!parser.Match(option.word, 1)) continue;
    found = option.kind;
    value_ = parser.NextString();
    break;
  }
  const std::string_view extra = allowed_extra == Kind::kPersist ? "persist" : "keepttl";
  if (found == Kind::kNone && parser.Match(extra)) found = allowed_extra;
  if (found == Kind::kNone) return false;
  if (kind_ != Kind::kNone && kind_ != found) parser.Fail(Err::kSyntax);
  kind_ = found;
  return true;
}

Result<int64_t> ExpireOption::DeadlineMs(int64_t now_ms) const {
  const bool in_seconds = kind_ == Kind::kEx || kind_ == Kind::kExAt;
  const bool absolute = kind_ == Kind::kExAt || kind_ == Kind::kPxAt;
  return ParseDeadline(value_, in_seconds ? ExpireUnit::kSeconds : ExpireUnit::kMilliseconds,
                       absolute ? ExpireBase::kEpoch : ExpireBase::kNow, now_ms);
}

Result<int64_t> ParseDeadline(std::string_view text, ExpireUnit unit, ExpireBase base, int64_t now_ms) {
  int64_t amount = 0;
  if (!TryParseInt64(text, amount)) return Err::kNotInteger;
  if (amount <= 0) return Err::kInvalidExpire;
  if (unit == ExpireUnit::kSeconds && __builtin_mul_overflow(amount, 1000, &amount)) return Err::kInvalidExpire;
  if (base == ExpireBase::kNow && __builtin_add_overflow(amount, now_ms, &amount)) return Err::kInvalidExpire;
  return ClampDeadline(amount);
}

}  // namespace cachenode
