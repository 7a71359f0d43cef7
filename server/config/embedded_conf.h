// The files of conf/, carried inside the binary so that a node starts without any file beside it.
//
// Thread-safety: constant data, any thread. The build writes the source from conf/ (.cmake/EmbedConf.cmake).
#pragma once

#include <span>
#include <string_view>

namespace cachenode {

// The configuration a node starts with when its command line names no file.
inline constexpr std::string_view kDefaultConfPath = "default.conf";

struct EmbeddedFile {
  std::string_view path;   // Below conf/, for example "parameter-groups/default.redis7.conf".
  std::string_view bytes;  // The file as it is in the repository.
};

// Every embedded file, ordered by path. The views live as long as the program.
std::span<const EmbeddedFile> EmbeddedFiles();

// The bytes of the file at `path`, a path below conf/. Empty when there is none.
std::string_view FindEmbeddedFile(std::string_view path);

}  // namespace cachenode
