// The value of rename-commands: "flushall blocked keys mykeys", or none.
//
// Thread-safety: pure function.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cachenode {

struct CommandRename {
  std::string old_name;
  std::string new_name;  // Empty: the command is gone.
};

// The reason why `value` is no list of pairs, or empty; `renames` then has them.
std::string ParseCommandRenames(std::string_view value, std::vector<CommandRename>& renames);

}  // namespace cachenode
