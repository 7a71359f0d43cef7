// The shortest list of categories and commands that gives the permissions of a selector, as engine 7.0 shows rules:
// "-@all +@read -mget +config|get".
//
// Thread-safety: pure function. Cost: categories squared times commands; for ACL LIST, GETUSER and saving.
#pragma once

#include <string>

namespace cachenode {

class AclSelector;
class CommandTable;

// Commands come in the order of the table, where redis-server has the order of its hash table.
[[nodiscard]] std::string SummarizeCommandRules(const AclSelector& selector, const CommandTable& commands);

}  // namespace cachenode
