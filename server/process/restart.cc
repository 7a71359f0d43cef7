#include "server/process/restart.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "storage/base/numbers.h"

namespace cachenode {
namespace {

constexpr std::string_view kDescriptors = "/proc/self/fd/";

}  // namespace

std::optional<std::string> KeepTextForRestart(std::string_view text) {
  // Not closed by exec: the next image opens it by its path, and it goes with that process.
  const int descriptor = memfd_create("cachenode-restart", 0);
  if (descriptor < 0) return std::nullopt;
  while (!text.empty()) {
    const ssize_t written = write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      close(descriptor);
      return std::nullopt;
    }
    text.remove_prefix(static_cast<size_t>(written));
  }
  return std::string(kDescriptors) + std::to_string(descriptor);
}

void DropKeptText(const std::string& path) {
  int64_t descriptor = -1;
  if (!path.starts_with(kDescriptors)) return;
  if (!TryParseInt64(std::string_view(path).substr(kDescriptors.size()), descriptor)) return;
  close(static_cast<int>(descriptor));
}

bool CanRestart(const std::string& executable) { return access(executable.c_str(), X_OK) == 0; }

void ReplaceProcess(const RestartPlan& plan) {
  std::vector<std::string> arguments = plan.arguments;
  std::vector<char*> pointers;
  pointers.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  execv(plan.executable.c_str(), pointers.data());
}

}  // namespace cachenode
