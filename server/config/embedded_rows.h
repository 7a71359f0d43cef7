// A table of conf/ (fields between tabs, "#" begins a comment line) as rows of views.
//
// Thread-safety: pure function of constant data.
#pragma once

#include <string_view>
#include <vector>

namespace cachenode {

// The rows of the embedded file at `path`, a path below conf/. The views live as long as the program.
std::vector<std::vector<std::string_view>> EmbeddedRows(std::string_view path);

}  // namespace cachenode
