// The number of a database as commands take it: SELECT, MOVE, COPY.
//
// Thread-safety: a pure function.
#pragma once

#include <cstdint>
#include <string_view>

#include "server/command_context.h"
#include "storage/base/numbers.h"
#include "storage/base/result.h"

namespace cachenode {

// Errors: kNotInteger, a text for what no int holds, kDbOutOfRange.
[[nodiscard]] inline Result<uint32_t> ParseDatabase(CommandContext& context, std::string_view text) {
  Result<int64_t> number = ParseInt64(text);
  if (!number) return number.error();
  if (*number < INT32_MIN || *number > INT32_MAX) {
    return Status::Text("ERR value is out of range, value must between -2147483648 and 2147483647");
  }
  if (*number < 0 || *number >= static_cast<int64_t>(context.keyspace().database_count())) return Err::kDbOutOfRange;
  return static_cast<uint32_t>(*number);
}

}  // namespace cachenode
