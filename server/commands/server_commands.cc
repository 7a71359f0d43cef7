// What the server tells about itself: INFO, TIME, ROLE, LOLWUT.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "protocol/resp_writer.h"
#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/config/config.h"
#include "server/stats/info_sections.h"
#include "storage/base/clock.h"

namespace cachenode {
namespace {

// INFO [section ...] -> the sections as text.
Status Info(CommandContext& context, Args args) {
  context.reply().Verbatim("txt", MakeInfo(context.parts(), context.config(), args.subspan(1)));
  return Status::Ok();
}

// TIME -> Unix seconds, and microseconds within the second.
Status Time(CommandContext& context, Args /*args*/) {
  const int64_t now_us = context.parts().clock->NowUs();
  context.reply().ArrayHeader(2);
  context.reply().BulkInteger(now_us / 1000000);
  context.reply().BulkInteger(now_us % 1000000);
  return Status::Ok();
}

// ROLE -> a primary at offset 0 without replicas.
Status Role(CommandContext& context, Args /*args*/) {
  context.reply().ArrayHeader(3);
  context.reply().Bulk("master");
  context.reply().Integer(0);
  context.reply().EmptyArray();
  return Status::Ok();
}

// A cellular automaton, rule 110 from a random first row: a different picture each time, no two lines alike.
std::string DrawAutomaton(Random& random, size_t columns, size_t rows) {
  std::string cells(columns, ' ');
  for (char& cell : cells) cell = random.Below(2) == 0 ? ' ' : '#';
  std::string picture;
  for (size_t row = 0; row < rows; ++row) {
    picture.append(cells).push_back('\n');
    std::string next(columns, ' ');
    for (size_t i = 0; i < columns; ++i) {
      const bool left = cells[(i + columns - 1) % columns] == '#';
      const bool centre = cells[i] == '#';
      const bool right = cells[(i + 1) % columns] == '#';
      next[i] = (centre != right) || (!left && centre && right) ? '#' : ' ';
    }
    cells.swap(next);
  }
  return picture;
}

// LOLWUT [VERSION version] [columns [rows]] -> a picture and the version.
Status Lolwut(CommandContext& context, Args args) {
  constexpr int64_t kColumnsMax = 1000;
  constexpr int64_t kRowsMax = 200;
  ArgParser parser(args, 1);
  if (parser.Match("version", 1)) parser.NextInt64();
  std::array<int64_t, 2> sizes = {66, 20};
  for (int64_t& size : sizes) {
    if (parser.HasNext()) size = parser.NextInt64();
  }
  if (parser.failed()) return parser.Finish();
  const auto columns = static_cast<size_t>(std::clamp<int64_t>(sizes[0], 1, kColumnsMax));
  const auto rows = static_cast<size_t>(std::clamp<int64_t>(sizes[1], 1, kRowsMax));
  std::string text = DrawAutomaton(context.random(), columns, rows);
  text.append("Redis ver. ").append(context.config().engine_version.RedisVersionText()).push_back('\n');
  context.reply().Verbatim("txt", text);
  return Status::Ok();
}

constexpr CommandSpec kServerCommands[] = {
    {.name = "info",
     .arity = -1,
     .flags = kLoading | kStale,
     .acl = kAclDangerous,
     .handler = Info,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Tells the state and the statistics of the server.",
             .since = "1.0.0",
             .complexity = "O(1)",
             .arguments = "[section:string*]",
             .tips = "nondeterministic_output,request_policy:all_shards,response_policy:special"}},
    {.name = "lolwut",
     .arity = -1,
     .flags = kFast | kReadOnly,
     .handler = Lolwut,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Draws a picture and tells the version.",
             .since = "5.0.0",
             .complexity = "-",
             .arguments = "[version:integer=VERSION]"}},
    {.name = "role",
     .arity = 1,
     .flags = kFast | kLoading | kNoScript | kStale,
     .acl = kAclAdmin | kAclDangerous,
     .handler = Role,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Tells the role of the server in replication.", .since = "2.8.12", .complexity = "O(1)"}},
    {.name = "time",
     .arity = 1,
     .flags = kFast | kLoading | kStale,
     .handler = Time,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Tells the time of the server.",
             .since = "2.6.0",
             .complexity = "O(1)",
             .tips = "nondeterministic_output"}},
};
}  // namespace

std::span<const CommandSpec> ServerCommands() { return kServerCommands; }

}  // namespace cachenode
