#include "server/blocking/timeout.h"

#include <cmath>

#include "server/command_context.h"
#include "server/config/config.h"
#include "storage/base/numbers.h"

namespace cachenode {
namespace {

Result<int64_t> DeadlineAfter(const CommandContext& context, int64_t timeout_ms) {
  if (timeout_ms < 0) return Status::Text("ERR timeout is negative");
  if (timeout_ms == 0) return int64_t{0};
  int64_t deadline_ms = 0;
  if (!__builtin_add_overflow(context.now_ms(), timeout_ms, &deadline_ms)) return deadline_ms;
  // Older engines compute a time that never comes.
  if (!context.config().engine_version.AtLeast(7, 2)) return int64_t{0};
  return Status::Text("ERR timeout is out of range");
}

}  // namespace

Result<int64_t> ParseDeadlineSeconds(const CommandContext& context, std::string_view text) {
  long double seconds = 0;
  if (!TryParseLongDouble(text, seconds)) return Status::Text("ERR timeout is not a float or out of range");
  const long double timeout_ms = std::ceil(seconds * 1000);
  if (timeout_ms > static_cast<long double>(INT64_MAX)) {
    const bool names_range = context.config().engine_version.AtLeast(7, 2);
    return Status::Text(names_range ? "ERR timeout is out of range" : "ERR timeout is negative");
  }
  if (timeout_ms < 0) return Status::Text("ERR timeout is negative");
  return DeadlineAfter(context, static_cast<int64_t>(timeout_ms));
}

Result<int64_t> ParseDeadlineMs(const CommandContext& context, std::string_view text) {
  const Result<int64_t> timeout_ms = ParseInt64(text);
  if (!timeout_ms) return Status::Text("ERR timeout is not an integer or out of range");
  return DeadlineAfter(context, *timeout_ms);
}

}  // namespace cachenode
