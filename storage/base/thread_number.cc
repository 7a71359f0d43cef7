#include "storage/base/thread_number.h"

#include <unistd.h>

#include <cstdio>

namespace cachenode {

uint32_t detail::AskThreadNumber() noexcept {
  thread_number = static_cast<uint32_t>(gettid());
  return thread_number;
}

std::string ThreadName(uint32_t number) {
  constexpr size_t kNameBytesMax = 64;
  std::string name = std::to_string(number);
  std::FILE* const file = std::fopen(("/proc/self/task/" + name + "/comm").c_str(), "re");
  if (file == nullptr) return name;
  char line[kNameBytesMax];
  if (std::fgets(line, sizeof(line), file) != nullptr) {
    name = line;
    if (name.ends_with('\n')) name.pop_back();
  }
  std::fclose(file);
  return name;
}

}  // namespace cachenode
