// Where files of the repository lie, for tests that read them.
//
// Thread-safety: any thread.
#pragma once

#include <string>
#include <string_view>

namespace cachenode {

// The absolute path of `relative`, a path below the repository's root. Known in one source only, so that no other
// object depends on the place of the clone.
std::string SourcePath(std::string_view relative);

}  // namespace cachenode
