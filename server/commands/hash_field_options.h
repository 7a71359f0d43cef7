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
#include "server/key_spec.h"
#include "storage/base/result.h"

namespace cachenode {

using FieldNames = std::span<const std::string_view>;

// What most commands say of a bad number of fields.
inline constexpr std::string_view kFieldCountText = "ERR Number of fields must be a positive integer";

// Reads FIELDS n field ... from args[at] to the end. `count_text` is the error for a number that is none.
[[nodiscard]] Status ParseFieldNames(Args args, size_t at, std::string_view count_text, FieldNames& names);

// A point in time in [0, kFieldExpireAtMsMax]; it may have passed. Errors: kNotInteger, kInvalidExpire, a text.
[[nodiscard]] Result<int64_t> ParseFieldDeadline(std::string_view text, ExpireUnit unit, ExpireBase base,
                                                 int64_t now_ms);

// EX, PX, EXAT or PXAT in any case, as unit and base; false for any other word.
[[nodiscard]] bool ParseDeadlineWord(std::string_view word, ExpireUnit& unit, ExpireBase& base);

// The events of fields deleted by a command, and of the key if they were the last ones.
void NotifyFieldsDeleted(CommandContext& context, const KeySlot& slot);

}  // namespace cachenode
