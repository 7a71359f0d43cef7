#include "server/commands/hash_field_options.h"

#include <string>

#include "storage/base/bytes.h"
#include "storage/base/numbers.h"
#include "storage/value/hash_value.h"

namespace cachenode {

namespace {

// The texts for FIELDS missing, for a number that is none, and for one that is not that of the fields.
struct FieldTexts {
  std::string_view missing;
  std::string_view count;
  std::string_view mismatch;
};

FieldTexts TextsFor(const CommandContext& context, FieldsOf of) {
  constexpr std::string_view kSyntax = "ERR syntax error";
  if (SpeaksValkey(context)) {
    return {of == FieldsOf::kExpire ? kValkeyFieldsText : kSyntax, kValkeyFieldsText,
            of == FieldsOf::kTell ? kSyntax : kValkeyFieldsText};
  }
  return {"ERR Mandatory argument FIELDS is missing or not at the right position",
          of == FieldsOf::kExpire ? "ERR Parameter `numFields` should be greater than 0"
                                  : "ERR Number of fields must be a positive integer",
          "ERR The `numfields` parameter must match the number of arguments"};
}

}  // namespace

Status ParseFieldNames(const CommandContext& context, Args args, size_t at, FieldsOf of, FieldNames& names) {
  const bool has_fields = at + 1 < args.size() && EqualsIgnoreCase(args[at], "fields");
  if (!has_fields) return Status::Text(std::string(TextsFor(context, of).missing));
  int64_t count = 0;
  const bool is_number = TryParseInt64(args[at + 1], count);
  if (!is_number && SpeaksValkey(context)) return Err::kNotInteger;
  if (!is_number || count < 1) return Status::Text(std::string(TextsFor(context, of).count));
  if (static_cast<uint64_t>(count) != args.size() - at - 2) {
    return Status::Text(std::string(TextsFor(context, of).mismatch));
  }
  names = args.subspan(at + 2);
  return Status::Ok();
}

Result<int64_t> ParseFieldDeadline(const CommandContext& context, std::string_view text, ExpireUnit unit,
                                   ExpireBase base) {
  int64_t amount = 0;
  if (!TryParseInt64(text, amount)) return Err::kNotInteger;
  if (amount < 0 && SpeaksValkey(context)) return Err::kInvalidExpire;
  if (amount < 0) return Status::Text("ERR invalid expire time, must be >= 0");
  const int64_t scale = unit == ExpireUnit::kSeconds ? 1000 : 1;
  if (amount > kFieldExpireAtMsMax / scale) return Err::kInvalidExpire;
  amount *= scale;
  if (base == ExpireBase::kNow) amount += context.now_ms();
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
