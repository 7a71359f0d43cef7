#include "server/process/unfinished_file.h"

#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>

namespace cachenode {
namespace {

// Handlers have no argument that could carry it.
char unfinished_file[PATH_MAX];

}  // namespace

void SetUnfinishedFile(std::string_view path) {
  const size_t size = std::min(path.size(), sizeof(unfinished_file) - 1);
  std::memcpy(unfinished_file, path.data(), size);
  unfinished_file[size] = '\0';
}

void RemoveUnfinishedFile() noexcept {
  if (unfinished_file[0] != '\0') unlink(unfinished_file);
}

}  // namespace cachenode
