// Small text helpers of configuration lines; quoting itself is storage/base/quoting.h.
//
// Thread-safety: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cachenode {

// The pieces of `text` between single spaces, empty ones included; none for an empty text (the way CONFIG SET takes a
// value of several words).
std::vector<std::string> SplitAtSpaces(std::string_view text);

}  // namespace cachenode
