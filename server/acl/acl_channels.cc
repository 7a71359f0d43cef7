#include "server/acl/acl_channels.h"

#include <cstdint>
#include <string_view>

#include "server/command_table.h"

namespace cachenode {

namespace {

struct Row {
  std::string_view name;
  AclChannelArguments arguments;
};

constexpr Row kRows[] = {
    {"publish", {1, 2, false}},           {"spublish", {1, 2, false}},         {"subscribe", {1, SIZE_MAX, false}},
    {"ssubscribe", {1, SIZE_MAX, false}}, {"psubscribe", {1, SIZE_MAX, true}},
};

}  // namespace

AclChannelArguments ChannelArgumentsOf(const Command& command) {
  if (command.parent != nullptr || !command.Is(kPubSub)) return {};
  for (const Row& row : kRows) {
    if (row.name == command.spec->name) return row.arguments;
  }
  return {};
}

}  // namespace cachenode
