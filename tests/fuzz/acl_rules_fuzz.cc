// Rules of a user and the text of an ACL file, whatever they hold: a user that is accepted describes itself by rules
// that are accepted again and mean the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/acl/acl_file.h"
#include "server/acl/acl_user.h"
#include "server/command_table.h"
#include "server/commands/families.h"

namespace cachenode {
namespace {

const CommandTable& Commands() {
  static const CommandTable kTable(AllFamilies());
  return kTable;
}

// What a line of a file says of a user.
std::string ReadBack(const std::string& line, AclStyle style) {
  const AclFileContent content = ParseAclFile("user " + line, "fuzz", Commands(), {});
  if (!content.errors.empty() || content.users.size() != 1) std::abort();
  return content.users.begin()->second->Describe(style);
}

void Run(std::string_view text) {
  const AclFileContent content = ParseAclFile(text, "fuzz", Commands(), {});
  if (!content.errors.empty()) return;
  for (const auto& [name, user] : content.users) {
    // A selector may hold quoted patterns, which a file splits at blanks otherwise.
    if (!user->other_selectors().empty()) continue;
    for (const AclStyle style : {AclStyle::kAsGiven, AclStyle::kShortest}) {
      const std::string line = user->Describe(style);
      if (ReadBack(line, style) != line) std::abort();
    }
  }
}

}  // namespace
}  // namespace cachenode

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  cachenode::Run(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
