// Several sets: intersection, union and difference, as a reply, as a count, or stored under a key.
#include <algorithm>
#include <string_view>
#include <vector>

#include "protocol/resp_writer.h"
#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/set_reply.h"
#include "storage/base/function_ref.h"
#include "storage/value/set_value.h"

namespace cachenode {
namespace {

// Up to so many sets, a union asks the earlier ones for each member; for more it remembers what it has seen.
constexpr size_t kUnionLookupsMax = 8;

// False ends the walk.
using MemberVisitor = FunctionRef<bool(const ListpackElement&)>;

// The sets of some keys. Views live until the next change.
struct SourceSets {
  std::vector<SetView> sets;  // Of the keys that exist, in their order.
  bool first_missing = false;
  bool any_missing = false;
};

Result<SourceSets> FindSources(CommandContext& context, Args keys) {
  // All slots first: finding a key may move others.
  std::vector<KeySlot> slots;
  slots.reserve(keys.size());
  for (const std::string_view key : keys) {
    slots.push_back(context.FindForRead(key));
    if (Status error = slots.back().Require(ValueType::kSet); !error.ok()) return error;
  }
  SourceSets sources;
  sources.sets.reserve(keys.size());
  for (const KeySlot& slot : slots) {
    if (slot.Exists()) sources.sets.push_back(SetView::Of(slot));
  }
  sources.first_missing = !slots.front().Exists();
  sources.any_missing = sources.sets.size() < slots.size();
  return sources;
}

bool AnyContains(std::span<const SetView> sets, SetProbe& probe) {
  return std::any_of(sets.begin(), sets.end(), [&](const SetView& set) { return set.Contains(probe); });
}
bool AllContain(std::span<const SetView> sets, SetProbe& probe) {
  return std::all_of(sets.begin(), sets.end(), [&](const SetView& set) { return set.Contains(probe); });
}

// Visits the members of the first of `sets` for which `keep` holds of the others.
template <typename Keep>
void VisitFirst(std::span<const SetView> sets, Keep keep, MemberVisitor visit) {
  ListpackElement member;
  ListpackScratch scratch;
  for (SetView::Iterator members(sets.front()); members.Next(member);) {
    SetProbe probe(member.Read(scratch));
    if (keep(sets.subspan(1), probe) && !visit(member)) return;
  }
}

Status Intersect(SourceSets& sources, MemberVisitor visit) {
  if (sources.any_missing) return Status::Ok();
  // Members of the smallest are looked up in the others.
  std::sort(sources.sets.begin(), sources.sets.end(),
            [](const SetView& a, const SetView& b) { return a.Count() < b.Count(); });
  VisitFirst(sources.sets, AllContain, visit);
  return Status::Ok();
}

Status Subtract(SourceSets& sources, MemberVisitor visit) {
  if (sources.first_missing) return Status::Ok();
  // The largest is asked first: it most likely ends the question.
  std::sort(sources.sets.begin() + 1, sources.sets.end(),
            [](const SetView& a, const SetView& b) { return a.Count() > b.Count(); });
  VisitFirst(
      sources.sets, [](std::span<const SetView> others, SetProbe& probe) { return !AnyContains(others, probe); },
      visit);
  return Status::Ok();
}

// A union of many sets: what was seen is kept in a set of its own.
Status UniteMany(const SourceSets& sources, MemberVisitor visit) {
  SetBuilder seen;
  ListpackElement member;
  for (const SetView& set : sources.sets) {
    for (SetView::Iterator members(set); members.Next(member);) {
      Result<bool> added = seen.Add(member);
      if (!added) return added.error();
      if (*added && !visit(member)) return Status::Ok();
    }
  }
  return Status::Ok();
}

Status Unite(SourceSets& sources, MemberVisitor visit) {
  if (sources.sets.size() > kUnionLookupsMax) return UniteMany(sources, visit);
  // The largest first: its members need no look elsewhere.
  std::sort(sources.sets.begin(), sources.sets.end(),
            [](const SetView& a, const SetView& b) { return a.Count() > b.Count(); });
  ListpackElement member;
  ListpackScratch scratch;
  for (size_t i = 0; i < sources.sets.size(); ++i) {
    const std::span<const SetView> earlier(sources.sets.data(), i);
    for (SetView::Iterator members(sources.sets[i]); members.Next(member);) {
      if (i > 0) {
        SetProbe probe(member.Read(scratch));
        if (AnyContains(earlier, probe)) continue;
      }
      if (!visit(member)) return Status::Ok();
    }
  }
  return Status::Ok();
}

using Operation = Status (*)(SourceSets& sources, MemberVisitor visit);

Status Reply(CommandContext& context, Args keys, Operation operation) {
  Result<SourceSets> sources = FindSources(context, keys);
  if (!sources) return sources.error();
  RespWriter& reply = context.reply();
  const ReplyBuffer::Mark mark = reply.MarkHere();
  const RespWriter::Deferred members = reply.DeferSet();
  size_t count = 0;
  Status status = operation(*sources, [&](const ListpackElement& member) {
    WriteMember(reply, member);
    ++count;
    return true;
  });
  if (!status.ok()) {
    reply.RollbackTo(mark);
    return status;
  }
  reply.Close(members, count);
  return Status::Ok();
}

// Puts the result under args[1]; without members that key goes. `event` is the command's name.
Status Store(CommandContext& context, Args args, Operation operation, std::string_view event) {
  Result<SourceSets> sources = FindSources(context, args.subspan(2));
  if (!sources) return sources.error();
  SetBuilder result;
  Status failure;
  Status status = operation(*sources, [&](const ListpackElement& member) {
    Result<bool> added = result.Add(member);
    if (!added) failure = added.error();
    return added.ok();
  });
  if (!status.ok()) return status;
  if (!failure.ok()) return failure;

  KeySlot destination = context.FindForWrite(args[1]);
  const size_t count = result.count();
  if (count == 0) {
    if (destination.Exists()) {
      destination.Erase();
      context.Notify(kNotifyGeneric, "del", args[1]);
    }
    context.reply().Integer(0);
    return Status::Ok();
  }
  if (Status error = result.Finish(destination, Expiry::kClear); !error.ok()) return error;
  context.Notify(kNotifySet, event, args[1]);
  context.reply().Integer(static_cast<int64_t>(count));
  return Status::Ok();
}

// SINTER key [key ...] -> the members that all sets have.
Status Sinter(CommandContext& context, Args args) { return Reply(context, args.subspan(1), Intersect); }
// SUNION key [key ...] -> the members that any set has.
Status Sunion(CommandContext& context, Args args) { return Reply(context, args.subspan(1), Unite); }
// SDIFF key [key ...] -> the members of the first set that no other has.
Status Sdiff(CommandContext& context, Args args) { return Reply(context, args.subspan(1), Subtract); }

// SINTERSTORE, SUNIONSTORE, SDIFFSTORE destination key [key ...] -> how many members the new set has.
Status Sinterstore(CommandContext& context, Args args) { return Store(context, args, Intersect, "sinterstore"); }
Status Sunionstore(CommandContext& context, Args args) { return Store(context, args, Unite, "sunionstore"); }
Status Sdiffstore(CommandContext& context, Args args) { return Store(context, args, Subtract, "sdiffstore"); }

// SINTERCARD numkeys key [key ...] [LIMIT limit] -> how many members all sets have, counted up to the limit.
Status Sintercard(CommandContext& context, Args args) {
  const Result<int64_t> key_count = ParseInt64(args[1]);
  if (!key_count || *key_count < 1) return Status::Text("ERR numkeys should be greater than 0");
  if (static_cast<uint64_t>(*key_count) > args.size() - 2)
    return Status::Text("ERR Number of keys can't be greater than number of args");
  const auto keys_end = static_cast<size_t>(*key_count) + 2;
  int64_t limit = 0;
  ArgParser parser(args, keys_end);
  while (parser.HasNext()) {
    if (!parser.Match("limit", 1)) return Err::kSyntax;
    const Result<int64_t> number = ParseInt64(parser.NextString());
    if (!number || *number < 0) return Status::Text("ERR LIMIT can't be negative");
    limit = *number;
  }
  Result<SourceSets> sources = FindSources(context, args.subspan(2, keys_end - 2));
  if (!sources) return sources.error();
  int64_t count = 0;
  Status status = Intersect(*sources, [&](const ListpackElement&) { return ++count != limit; });
  if (status.ok()) context.reply().Integer(count);
  return status;
}

constexpr CommandSpec kSetAlgebraCommands[] = {
    {.name = "sdiff",
     .arity = -2,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::Range(1, -1, 1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclSet,
     .handler = Sdiff,
     .group = CommandGroup::kSet,
     .doc = {.summary = "Lists the members of the first set that no other set has.",
             .since = "1.0.0",
             .complexity = "O(N)",
             .arguments = "key:key@0*",
             .tips = "nondeterministic_output_order"}},
    {.name = "sdiffstore",
     .arity = -3,
     .flags = kDenyOom | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyOverwrite | kKeyUpdate), KeySpec::Range(2, -1, 1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclSet,
     .handler = Sdiffstore,
     .group = CommandGroup::kSet,
     .doc = {.summary = "Stores the members of the first set that no other set has.",
             .since = "1.0.0",
             .complexity = "O(N)",
             .arguments = "destination:key@0 key:key@1*"}},
    {.name = "sinter",
     .arity = -2,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::Range(1, -1, 1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclSet,
     .handler = Sinter,
     .group = CommandGroup::kSet,
     .doc = {.summary = "Lists the members that all sets have.",
             .since = "1.0.0",
             .complexity = "O(N*M)",
             .arguments = "key:key@0*",
             .tips = "nondeterministic_output_order"}},
    {.name = "sintercard",
     .arity = -3,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::Counted(1, 1, 1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclSet,
     .handler = Sintercard,
     .group = CommandGroup::kSet,
     .doc = {.summary = "Counts the members that all sets have.",
             .since = "7.0.0",
             .complexity = "O(N*M)",
             .arguments = "numkeys:integer key:key@0* [limit:integer=LIMIT]"}},
    {.name = "sinterstore",
     .arity = -3,
     .flags = kDenyOom | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyOverwrite | kKeyUpdate), KeySpec::Range(2, -1, 1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclSet,
     .handler = Sinterstore,
     .group = CommandGroup::kSet,
     .doc = {.summary = "Stores the members that all sets have.",
             .since = "1.0.0",
             .complexity = "O(N*M)",
             .arguments = "destination:key@0 key:key@1*"}},
    {.name = "sunion",
     .arity = -2,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::Range(1, -1, 1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclSet,
     .handler = Sunion,
     .group = CommandGroup::kSet,
     .doc = {.summary = "Lists the members that any of the sets has.",
             .since = "1.0.0",
             .complexity = "O(N)",
             .arguments = "key:key@0*",
             .tips = "nondeterministic_output_order"}},
    {.name = "sunionstore",
     .arity = -3,
     .flags = kDenyOom | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyOverwrite | kKeyUpdate), KeySpec::Range(2, -1, 1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclSet,
     .handler = Sunionstore,
     .group = CommandGroup::kSet,
     .doc = {.summary = "Stores the members that any of the sets has.",
             .since = "1.0.0",
             .complexity = "O(N)",
             .arguments = "destination:key@0 key:key@1*"}},
};
}  // namespace

std::span<const CommandSpec> SetAlgebraCommands() { return kSetAlgebraCommands; }

}  // namespace cachenode
