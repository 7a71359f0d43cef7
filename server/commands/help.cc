#include "server/commands/help.h"

#include <string>

namespace cachenode {

void WriteHelp(RespWriter& reply, std::string_view container, std::span<const std::string_view> lines) {
  std::string heading(container);
  heading.append(" <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
  reply.ArrayHeader(lines.size() + 3);
  reply.SimpleString(heading);
  for (const std::string_view line : lines) reply.SimpleString(line);
  reply.SimpleString("HELP");
  reply.SimpleString("    Print this help.");
}

}  // namespace cachenode
