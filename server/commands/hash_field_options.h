// The arguments of the commands on hash fields with deadlines: FIELDS n field ..., and deadlines.
//
// Thread-safety: pure functions, and notices on the worker's own context.
// Errors: their own texts, as Redis words them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "server/command_context.h"
#include "server/commands/expire_options.h"
#include "server/config/config.h"
#include "server/key_spec.h"
#include "storage/base/result.h"

namespace cachenode {

using FieldNames = std::span<const std::string_view>;

// Valkey got these commands on its own, with errors of its own.
[[nodiscard]] inline bool SpeaksValkey(const CommandContext& context) {
  return context.config().engine_version.AtLeastValkey(9, 0);
}
inline constexpr std::string_view kValkeyFieldsText =
    "ERR numfields should be greater than 0 and match the provided number of fields";

// Whose FIELDS are read, as errors differ: HEXPIRE's and its relatives', HTTL's and its relatives'.
enum class FieldsOf : uint8_t { kExpire, kTell, kOther };

// Reads FIELDS n field ... from args[at] to the end.
[[nodiscard]] Status ParseFieldNames(const CommandContext& context, Args args, size_t at, FieldsOf of,
                                     FieldNames& names);

// A point in time in [0, kFieldExpireAtMsMax]; it may have passed. Errors: kNotInteger, kInvalidExpire, a text.
[[nodiscard]] Result<int64_t> ParseFieldDeadline(const CommandContext& context, std::string_view text, ExpireUnit unit,
                                                 ExpireBase base);

// EX, PX, EXAT or PXAT in any case, as unit and base; false for any other word.
[[nodiscard]] bool ParseDeadlineWord(std::string_view word, ExpireUnit& unit, ExpireBase& base);

// The events of fields deleted by a command, and of the key if they were the last ones.
void NotifyFieldsDeleted(CommandContext& context, const KeySlot& slot);

}  // namespace cachenode
