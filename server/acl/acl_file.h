// The text of an ACL file: lines of "user NAME RULE...", empty lines between them.
//
// Thread-safety: pure function.
// Limits: kAclUsersMax users.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "server/acl/acl_user.h"

namespace cachenode {

inline constexpr size_t kAclUsersMax = 65536;

// Users by name, in the order ACL LIST shows them.
using AclUsers = std::map<std::string, std::shared_ptr<const AclUser>, std::less<>>;

struct AclFileContent {
  AclUsers users;
  // One sentence for each fault, as redis-server words them; empty when the file can be used.
  std::string errors;
};

// Reads `text`; `label` names the file in errors, which show nothing of a password.
[[nodiscard]] AclFileContent ParseAclFile(std::string_view text, std::string_view label, const CommandTable& commands,
                                          AclUser::Beginning beginning);

}  // namespace cachenode
