// Reading the timeouts of blocking commands.
//
// Thread-safety: pure functions.
// Errors: the texts Redis gives, which changed with 7.2 for what is too large.
#pragma once

#include <cstdint>
#include <string_view>

#include "storage/base/result.h"

namespace cachenode {

class CommandContext;

// Seconds, with a fraction ("0.25"), as the Unix milliseconds at which they are over; 0 for 0, which is for ever.
// Fractions of a millisecond are rounded up.
[[nodiscard]] Result<int64_t> ParseDeadlineSeconds(const CommandContext& context, std::string_view text);
// The same in whole milliseconds.
[[nodiscard]] Result<int64_t> ParseDeadlineMs(const CommandContext& context, std::string_view text);

}  // namespace cachenode
