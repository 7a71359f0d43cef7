// The file a process that ends without warning takes with it: a half-written snapshot.
//
// Thread-safety: Set once, before handlers of signals are installed. Remove from any thread and from handlers.
#pragma once

#include <string_view>

namespace cachenode {

// Relative paths count from the working directory of the end. Cut at PATH_MAX.
void SetUnfinishedFile(std::string_view path);
// Nothing when no such file is there.
void RemoveUnfinishedFile() noexcept;

}  // namespace cachenode
