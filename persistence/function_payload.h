// The libraries of functions as one string: what FUNCTION DUMP gives and FUNCTION RESTORE takes.
//
// Thread-safety: pure functions. Errors are whole replies; bytes are hostile.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "persistence/rdb_encode.h"
#include "persistence/rdb_value_codec.h"
#include "storage/base/result.h"

namespace cachenode {

// Empty when there is no memory for it.
[[nodiscard]] std::string DumpFunctions(const std::vector<std::string>& sources, RdbCompression compression);
// The sources in a payload. Nothing of a payload that is wrong anywhere is used.
[[nodiscard]] Result<std::vector<std::string>> ParseFunctionPayload(std::string_view payload, PayloadChecksum rule);

}  // namespace cachenode
