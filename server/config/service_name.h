// The rule for names of clusters, snapshots and parameter groups: letters, digits and single hyphens, a letter first.
//
// Thread-safety: pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cachenode {

// Why `name` is none of at most `bytes_max` bytes, or empty. Letters of either case pass; the service keeps them in
// lower case.
std::string ServiceNameProblem(std::string_view name, size_t bytes_max);

}  // namespace cachenode
