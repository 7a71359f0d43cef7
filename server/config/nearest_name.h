// The name somebody probably meant.
//
// Thread-safety: pure function.
#pragma once

#include <span>
#include <string_view>

namespace cachenode {

// The one of `names` nearest to `name` by edit distance, in any letter case; empty when none is near (a third of the
// letters may be wrong, at least one). O(names * length^2), for error texts.
std::string_view NearestName(std::string_view name, std::span<const std::string_view> names);

}  // namespace cachenode
