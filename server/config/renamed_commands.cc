#include "server/config/renamed_commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "server/config/config_lines.h"
#include "storage/base/bytes.h"

namespace cachenode {
namespace {

constexpr size_t kNewNameBytesMax = 20;

bool IsNewName(std::string_view name) {
  const auto is_part = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return name.size() <= kNewNameBytesMax && std::ranges::all_of(name, is_part);
}

}  // namespace

std::string ParseCommandRenames(std::string_view value, std::vector<CommandRename>& renames) {
  std::vector<std::string> words = SplitAtSpaces(value);
  std::erase(words, "");
  if (words.empty() || (words.size() == 1 && LowerCased(words[0]) == "none")) return {};
  if (words.size() % 2 != 0) return "argument must be pairs of a command and its new name (or blocked), or none";
  std::vector<CommandRename> found;
  for (size_t i = 0; i < words.size(); i += 2) {
    const std::string& name = words[i + 1];
    if (!IsNewName(name)) {
      return fmt::format("a new name has 1 to {} letters and digits, '{}' is none", kNewNameBytesMax, name);
    }
    found.push_back({LowerCased(words[i]), LowerCased(name) == "blocked" ? std::string() : name});
  }
  renames = std::move(found);
  return {};
}

}  // namespace cachenode
