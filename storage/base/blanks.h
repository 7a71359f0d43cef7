// Blanks around text: spaces, tabs and line ends.
//
// Thread-safety: pure functions.
#pragma once

#include <string_view>

namespace cachenode {

// `text` without blanks at both ends.
[[nodiscard]] std::string_view TrimBlanks(std::string_view text) noexcept;

}  // namespace cachenode
