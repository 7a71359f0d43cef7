#include "tests/support/source_path.h"

namespace cachenode {

std::string SourcePath(std::string_view relative) { return std::string(CACHENODE_SOURCE_DIR "/").append(relative); }

}  // namespace cachenode
