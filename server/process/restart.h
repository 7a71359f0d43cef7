// A process that starts itself again in its own place: same process id, same descriptors of its parent, a new program
// image.
//
// Thread-safety: after the last other thread has ended.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cachenode {

struct RestartPlan {
  std::string executable;              // Absolute path.
  std::vector<std::string> arguments;  // With the program's name.
};

// Puts `text` into a file without a name that the next program image can read under the path that comes back. None when
// the system refuses.
std::optional<std::string> KeepTextForRestart(std::string_view text);

// Gives back what keeps the text: the next image, once it has read it. Nothing for an empty path.
void DropKeptText(const std::string& path);

// Whether the executable can be started.
[[nodiscard]] bool CanRestart(const std::string& executable);

// Returns only when it failed; errno says why.
void ReplaceProcess(const RestartPlan& plan);

}  // namespace cachenode
