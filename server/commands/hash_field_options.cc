#include "server/commands/hash_field_options.h"

#include <string>

#include "storage/base/bytes.h"
#include "storage/base/numbers.h"
#include "storage/value/hash_value.h"

namespace cachenode {

Status ParseFieldNames(Args args, size_t at, std::string_view count_text, FieldNames& names) {
  if (at + 1 >= args.size() || !EqualsIgnoreCase(args[at], "fields")) {
    return Status::Text("ERR Mandatory argument FIELDS is missing or not at the right position");
  }
  int64_t count = 0;
  if (!TryParseInt64(args[at + 1], count) || count < 1) return Status::Text(std::string(count_text));
  if (static_cast<uint64_t>(count) != args.size() - at - 2) {
    return Status::Text("ERR The `numfields` parameter must match the number of arguments");
  }
  names = args.subspan(at + 2);
  return Status::Ok();
}

Result<int64_t> ParseFieldDeadline(std::string_view text, ExpireUnit unit, ExpireBase base, int64_t now_ms) {
  int64_t amount = 0;
  if (!TryParseInt64(text, amount)) return Err::kNotInteger;
  if (amount < 0) return Status::Text("ERR invalid expire time, must be >= 0");
  const int64_t scale = unit == ExpireUnit::kSeconds ? 1000 : 1;
  if (amount > kFieldExpireAtMsMax / scale) return Err::kInvalidExpire;
  amount *= scale;
  if (base == ExpireBase::kNow) amount += now_ms;
  if (amount > kFieldExpireAtMsMax) return Err::kInvalidExpire;
  return amount;
}

bool ParseDeadlineWord(std::string_view word, ExpireUnit& unit, ExpireBase& base) {
  struct Word {
    std::string_view text;
    ExpireUnit unit;
    ExpireBase base;
  };
  constexpr Word kWords[] = {{"ex", ExpireUnit::kSeconds, ExpireBase::kNow},
                             {"px", ExpireUnit::kMilliseconds, ExpireBase::kNow},
                             {"exat", ExpireUnit::kSeconds, ExpireBase::kEpoch},
                             {"pxat", ExpireUnit::kMilliseconds, ExpireBase::kEpoch}};
  for (const Word& known : kWords) {
    if (!EqualsIgnoreCase(word, known.text)) continue;
    unit = known.unit;
    base = known.base;
    return true;
  }
  return false;
}

void NotifyFieldsDeleted(CommandContext& context, const KeySlot& slot) {
  context.Notify(kNotifyHash, "hdel", slot.key());
  if (!slot.Exists()) context.Notify(kNotifyGeneric, "del", slot.key());
}

}  // namespace cachenode
