// Lists: taking or moving an element, and waiting for one when there is none.
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/resp_writer.h"
#include "server/blocking/timeout.h"
#include "server/blocking/wait_table.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/list_core.h"

namespace cachenode {
namespace {

class ListWait : public KeyWait {
 public:
  [[nodiscard]] ValueType type() const final { return ValueType::kList; }
  [[nodiscard]] Prospect LookAt(const KeySlot& slot) const final {
    return slot.Exists() && slot.type() == ValueType::kList ? Prospect::kServe : Prospect::kNothing;
  }
};

// --- BLPOP, BRPOP ----------------------------------------------------------------------------------------------------

// The key and the element.
Status PopOne(CommandContext& context, KeySlot& slot, ListEnd end) {
  context.reply().ArrayHeader(2);
  context.reply().Bulk(slot.key());
  return PopListElement(context, slot, end, context.reply());
}

class PopWait final : public ListWait {
 public:
  explicit PopWait(ListEnd end) : end_(end) {}
  [[nodiscard]] Status Serve(CommandContext& context, KeySlot& slot) override { return PopOne(context, slot, end_); }

 private:
  const ListEnd end_;
};

Status PopOrWait(CommandContext& context, Args args, ListEnd end) {
  Result<int64_t> deadline_ms = ParseDeadlineSeconds(context, args.back());
  if (!deadline_ms) return deadline_ms.error();
  const Args keys = args.subspan(1, args.size() - 2);
  for (const std::string_view key : keys) {
    KeySlot slot = context.FindForWrite(key);
    if (Status error = slot.Require(ValueType::kList); !error.ok()) return error;
    if (slot.Exists()) return PopOne(context, slot, end);
  }
  return WaitTable::BlockOrNullArray(context, {args, keys, std::make_unique<PopWait>(end), *deadline_ms});
}

// BLPOP key [key ...] timeout -> the first key that has an element, and the element; nil when the time is up.
Status Blpop(CommandContext& context, Args args) { return PopOrWait(context, args, ListEnd::kFront); }
// BRPOP key [key ...] timeout -> the same from the other end.
Status Brpop(CommandContext& context, Args args) { return PopOrWait(context, args, ListEnd::kBack); }

// --- BLMPOP ----------------------------------------------------------------------------------------------------------

Status PopMany(CommandContext& context, KeySlot& slot, ListEnd end, uint64_t count) {
  context.reply().ArrayHeader(2);
  context.reply().Bulk(slot.key());
  return PopListElements(context, slot, end, count, context.reply());
}

class MultiPopWait final : public ListWait {
 public:
  explicit MultiPopWait(const ListMultiPop& pop) : end_(pop.end), count_(pop.count) {}
  [[nodiscard]] Status Serve(CommandContext& context, KeySlot& slot) override {
    return PopMany(context, slot, end_, count_);
  }

 private:
  const ListEnd end_;
  const uint64_t count_;
};

// BLMPOP timeout numkeys key [key ...] LEFT | RIGHT [COUNT count] -> the first key that has elements, and those taken.
Status Blmpop(CommandContext& context, Args args) {
  ListMultiPop pop;
  if (Status error = ParseListMultiPop(args.subspan(1), pop); !error.ok()) return error;
  Result<int64_t> deadline_ms = ParseDeadlineSeconds(context, args[1]);
  if (!deadline_ms) return deadline_ms.error();
  for (const std::string_view key : pop.keys) {
    KeySlot slot = context.FindForWrite(key);
    if (Status error = slot.Require(ValueType::kList); !error.ok()) return error;
    if (slot.Exists()) return PopMany(context, slot, pop.end, pop.count);
  }
  return WaitTable::BlockOrNullArray(context, {args, pop.keys, std::make_unique<MultiPopWait>(pop), *deadline_ms});
}

// --- BLMOVE, BRPOPLPUSH ----------------------------------------------------------------------------------------------

class MoveWait final : public ListWait {
 public:
  MoveWait(std::string_view destination, ListMove move) : destination_(destination), move_(move) {}
  [[nodiscard]] const std::string* destination() const override { return &destination_; }
  [[nodiscard]] Status Serve(CommandContext& context, KeySlot& slot) override {
    return MoveListElementTo(context, slot, destination_, move_);
  }

 private:
  const std::string destination_;
  const ListMove move_;
};

Status MoveOrWait(CommandContext& context, Args args, ListMove move) {
  Result<int64_t> deadline_ms = ParseDeadlineSeconds(context, args.back());
  if (!deadline_ms) return deadline_ms.error();
  KeySlot from = context.FindForWrite(args[1]);
  if (Status error = from.Require(ValueType::kList); !error.ok()) return error;
  if (from.Exists()) return MoveListElementTo(context, from, args[2], move);
  if (!WaitTable::MayBlock(context)) {
    context.reply().Null();
    return Status::Ok();
  }
  WaitTable::Block(context, {args, args.subspan(1, 1), std::make_unique<MoveWait>(args[2], move), *deadline_ms});
  return Status::Ok();
}

// BLMOVE source destination LEFT | RIGHT LEFT | RIGHT timeout -> the element that moved; nil when the time is up.
Status Blmove(CommandContext& context, Args args) {
  const std::optional<ListEnd> from = ParseListEnd(args[3]);
  const std::optional<ListEnd> to = ParseListEnd(args[4]);
  if (!from || !to) return Err::kSyntax;
  return MoveOrWait(context, args, {*from, *to});
}

// BRPOPLPUSH source destination timeout -> the same, from the end to the head.
Status Brpoplpush(CommandContext& context, Args args) {
  return MoveOrWait(context, args, {ListEnd::kBack, ListEnd::kFront});
}

constexpr CommandSpec kBlockingListCommands[] = {
    {.name = "blmove",
     .arity = 6,
     .flags = kBlocking | kDenyOom | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyAccess | kKeyDelete),
                      KeySpec::One(2, kKeyReadWrite | kKeyInsert)),
     .acl = kAclList,
     .handler = Blmove,
     .group = CommandGroup::kList,
     .doc = {.summary = "Moves an element between two lists, waiting for one if need be.",
             .since = "6.2.0",
             .complexity = "O(1)",
             .arguments = "source:key@0 destination:key@1 wherefrom:oneof(left:pure-token=LEFT right:pure-token=RIGHT) "
                          "whereto:oneof(left:pure-token=LEFT right:pure-token=RIGHT) timeout:double"}},
    {.name = "blmpop",
     .arity = -5,
     .flags = kBlocking | kWrite,
     .keys = KeySpecs(KeySpec::Counted(2, 1, 1, kKeyReadWrite | kKeyAccess | kKeyDelete)),
     .acl = kAclList,
     .handler = Blmpop,
     .group = CommandGroup::kList,
     .doc = {.summary = "Takes elements from the first list that has any, waiting for one if need be.",
             .since = "7.0.0",
             .complexity = "O(N+M)",
             .arguments = "timeout:double numkeys:integer key:key@0* where:oneof(left:pure-token=LEFT "
                          "right:pure-token=RIGHT) [count:integer=COUNT]"}},
    {.name = "blpop",
     .arity = -3,
     .flags = kBlocking | kWrite,
     .keys = KeySpecs(KeySpec::Range(1, -2, 1, kKeyReadWrite | kKeyAccess | kKeyDelete)),
     .acl = kAclList,
     .handler = Blpop,
     .group = CommandGroup::kList,
     .doc = {.summary = "Takes the first element of a list, waiting for one if need be.",
             .since = "2.0.0",
             .complexity = "O(N)",
             .arguments = "key:key@0* timeout:double",
             .history = "6.0.0 The timeout may have a fraction."}},
    {.name = "brpop",
     .arity = -3,
     .flags = kBlocking | kWrite,
     .keys = KeySpecs(KeySpec::Range(1, -2, 1, kKeyReadWrite | kKeyAccess | kKeyDelete)),
     .acl = kAclList,
     .handler = Brpop,
     .group = CommandGroup::kList,
     .doc = {.summary = "Takes the last element of a list, waiting for one if need be.",
             .since = "2.0.0",
             .complexity = "O(N)",
             .arguments = "key:key@0* timeout:double",
             .history = "6.0.0 The timeout may have a fraction."}},
    {.name = "brpoplpush",
     .arity = 4,
     .flags = kBlocking | kDenyOom | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyAccess | kKeyDelete),
                      KeySpec::One(2, kKeyReadWrite | kKeyInsert)),
     .acl = kAclList,
     .handler = Brpoplpush,
     .group = CommandGroup::kList,
     .doc = {.summary = "Moves the last element of a list to the head of another, waiting for one if need be.",
             .since = "2.2.0",
             .complexity = "O(1)",
             .arguments = "source:key@0 destination:key@1 timeout:double",
             .history = "6.0.0 The timeout may have a fraction."}},
};
}  // namespace

std::span<const CommandSpec> BlockingListCommands() { return kBlockingListCommands; }

}  // namespace cachenode
