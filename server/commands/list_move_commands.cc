// Lists: moving elements between two, and taking them from the first of several.
#include <cstdint>
#include <optional>
#include <string_view>

#include "protocol/resp_writer.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/list_core.h"

namespace cachenode {
namespace {

Status MoveBetween(CommandContext& context, Args args, ListMove move) {
  KeySlot from = context.FindForWrite(args[1]);
  if (Status error = from.Require(ValueType::kList); !error.ok()) return error;
  if (!from.Exists()) {
    context.reply().Null();
    return Status::Ok();
  }
  return MoveListElementTo(context, from, args[2], move);
}

// LMOVE source destination LEFT | RIGHT LEFT | RIGHT -> the element, nil when source is missing.
Status Lmove(CommandContext& context, Args args) {
  const std::optional<ListEnd> from = ParseListEnd(args[3]);
  const std::optional<ListEnd> to = ParseListEnd(args[4]);
  if (!from || !to) return Err::kSyntax;
  return MoveBetween(context, args, {*from, *to});
}

// RPOPLPUSH source destination -> the element, nil when source is missing.
Status Rpoplpush(CommandContext& context, Args args) {
  return MoveBetween(context, args, {ListEnd::kBack, ListEnd::kFront});
}

// LMPOP numkeys key [key ...] LEFT | RIGHT [COUNT count] -> the first key that is a list and the elements taken from
// it, nil when none is.
Status Lmpop(CommandContext& context, Args args) {
  ListMultiPop pop;
  if (Status error = ParseListMultiPop(args, pop); !error.ok()) return error;
  for (const std::string_view key : pop.keys) {
    KeySlot slot = context.FindForWrite(key);
    if (Status error = slot.Require(ValueType::kList); !error.ok()) return error;
    if (!slot.Exists()) continue;
    context.reply().ArrayHeader(2);
    context.reply().Bulk(key);
    return PopListElements(context, slot, pop.end, pop.count, context.reply());
  }
  context.reply().NullArray();
  return Status::Ok();
}

constexpr CommandSpec kListMoveCommands[] = {
    {.name = "lmove",
     .arity = 5,
     .flags = kDenyOom | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyAccess | kKeyDelete),
                      KeySpec::One(2, kKeyReadWrite | kKeyInsert)),
     .acl = kAclList,
     .handler = Lmove,
     .group = CommandGroup::kList,
     .doc = {.summary = "Moves an element from an end of one list to an end of another.",
             .since = "6.2.0",
             .complexity = "O(1)",
             .arguments = "source:key@0 destination:key@1 wherefrom:oneof(left:pure-token=LEFT right:pure-token=RIGHT) "
                          "whereto:oneof(left:pure-token=LEFT right:pure-token=RIGHT)"}},
    {.name = "lmpop",
     .arity = -4,
     .flags = kWrite,
     .keys = KeySpecs(KeySpec::Counted(1, 1, 1, kKeyReadWrite | kKeyAccess | kKeyDelete)),
     .acl = kAclList,
     .handler = Lmpop,
     .group = CommandGroup::kList,
     .doc = {.summary = "Takes elements from the first list that has any.",
             .since = "7.0.0",
             .complexity = "O(N+M)",
             .arguments = "numkeys:integer key:key@0* where:oneof(left:pure-token=LEFT right:pure-token=RIGHT) "
                          "[count:integer=COUNT]"}},
    {.name = "rpoplpush",
     .arity = 3,
     .flags = kDenyOom | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyAccess | kKeyDelete),
                      KeySpec::One(2, kKeyReadWrite | kKeyInsert)),
     .acl = kAclList,
     .handler = Rpoplpush,
     .group = CommandGroup::kList,
     .doc = {.summary = "Moves the last element of one list to the head of another.",
             .since = "1.2.0",
             .complexity = "O(1)",
             .arguments = "source:key@0 destination:key@1"}},
};
}  // namespace

std::span<const CommandSpec> ListMoveCommands() { return kListMoveCommands; }

}  // namespace cachenode
