// COMMAND and its subcommands: the command table told to clients. Everything here derives from the rows.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/error_text.h"
#include "protocol/resp_writer.h"
#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/command_replies.h"
#include "server/commands/families.h"
#include "server/commands/help.h"
#include "storage/base/bytes.h"
#include "storage/base/glob.h"

namespace cachenode {
namespace {

// COMMAND -> every top-level command, as COMMAND INFO shows it.
Status CommandAll(CommandContext& context, Args /*args*/) {
  const auto commands = context.commands().commands();
  context.reply().ArrayHeader(commands.size());
  for (const auto& command : commands) WriteCommandInfo(context.reply(), *command);
  return Status::Ok();
}

// COMMAND COUNT -> number of top-level commands.
Status CommandCount(CommandContext& context, Args /*args*/) {
  context.reply().Integer(static_cast<int64_t>(context.commands().commands().size()));
  return Status::Ok();
}

// COMMAND INFO [name ...] -> one entry a name, nil where unknown; "container|sub" names a subcommand.
Status CommandInfo(CommandContext& context, Args args) {
  if (args.size() == 2) return CommandAll(context, args);
  RespWriter& reply = context.reply();
  reply.ArrayHeader(args.size() - 2);
  for (const std::string_view name : args.subspan(2)) {
    const Command* command = context.commands().FindByFullName(name);
    if (command == nullptr) {
      reply.Null();
    } else {
      WriteCommandInfo(reply, *command);
    }
  }
  return Status::Ok();
}

// COMMAND DOCS [name ...] -> map of name to documentation, unknown names left out.
Status CommandDocs(CommandContext& context, Args args) {
  RespWriter& reply = context.reply();
  if (args.size() == 2) {
    const auto commands = context.commands().commands();
    reply.MapHeader(commands.size());
    for (const auto& command : commands) WriteCommandDoc(reply, *command);
    return Status::Ok();
  }
  std::vector<const Command*> found;
  for (const std::string_view name : args.subspan(2)) {
    const Command* command = context.commands().FindByFullName(name);
    if (command != nullptr) found.push_back(command);
  }
  reply.MapHeader(found.size());
  for (const Command* command : found) WriteCommandDoc(reply, *command);
  return Status::Ok();
}

// What COMMAND LIST FILTERBY asks for.
struct ListFilter {
  enum class Kind : uint8_t { kNone, kModule, kAclCategory, kPattern };
  Kind kind = Kind::kNone;
  std::string_view value;
};

bool Passes(const ListFilter& filter, uint32_t category, const Command& command) {
  switch (filter.kind) {
    case ListFilter::Kind::kNone:
      return true;
    case ListFilter::Kind::kModule:
      return false;  // There are no modules, so none of the commands is of one.
    case ListFilter::Kind::kAclCategory:
      return (command.acl_categories & category) != 0;
    case ListFilter::Kind::kPattern:
      return GlobMatch(filter.value, command.full_name, CaseRule::kIgnore);
  }
  return false;
}

// COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN pattern] -> names, those of subcommands too.
Status CommandList(CommandContext& context, Args args) {
  ListFilter filter;
  ArgParser parser(args, 2);
  if (parser.Match("filterby", 2)) {
    if (parser.Match("module", 1)) {
      filter.kind = ListFilter::Kind::kModule;
    } else if (parser.Match("aclcat", 1)) {
      filter.kind = ListFilter::Kind::kAclCategory;
    } else if (parser.Match("pattern", 1)) {
      filter.kind = ListFilter::Kind::kPattern;
    } else {
      return Err::kSyntax;
    }
    filter.value = parser.NextString();
  }
  if (Status error = parser.Finish(); !error.ok()) return error;

  const CommandTable& table = context.commands();
  const uint32_t category = AclCategoryByName(filter.value);
  std::vector<std::string_view> names;
  for (size_t id = 0; id < table.count(); ++id) {
    const Command& command = table.by_id(id);
    if (!command.is_hidden && Passes(filter, category, command)) names.push_back(command.full_name);
  }
  context.reply().ArrayHeader(names.size());
  for (const std::string_view name : names) context.reply().Bulk(name);
  return Status::Ok();
}

// Shard channels are specified as keys are, and are none.
bool HasKeyArguments(const CommandSpec& spec) {
  const std::span<const KeySpec> specs = spec.keys.all();
  return std::any_of(specs.begin(), specs.end(), [](const KeySpec& key) { return (key.flags & kKeyNotKey) == 0; });
}

// Finds the keys of the request in args[2..] for the two forms below.
Status KeysOfRequest(CommandContext& context, Args args, std::vector<KeyPosition>& keys) {
  const Args request = args.subspan(2);
  const Command* command = context.commands().FindForArgs(request);
  if (command == nullptr) return Status::Text("ERR Invalid command specified");
  if (!HasKeyArguments(*command->spec)) return Status::Text("ERR The command has no key arguments");
  if (!command->ArityFits(request.size())) return Status::Text("ERR Invalid number of arguments specified for command");
  const KeySearch search = FindKeysOf(*command, request, keys);
  const bool may_be_none = command->Is(kNoMandatoryKeys);
  const bool lacks_some = search == KeySearch::kPartly || search == KeySearch::kInvalid || keys.empty();
  if (lacks_some && !may_be_none) {
    return Status::Text("ERR Invalid arguments specified for command");
  }
  return Status::Ok();
}

// COMMAND GETKEYS command [arg ...] -> the keys of that request.
Status CommandGetkeys(CommandContext& context, Args args) {
  std::vector<KeyPosition> keys;
  if (Status error = KeysOfRequest(context, args, keys); !error.ok()) return error;
  context.reply().ArrayHeader(keys.size());
  for (const KeyPosition& key : keys) context.reply().Bulk(args[key.index + 2]);
  return Status::Ok();
}

// COMMAND GETKEYSANDFLAGS command [arg ...] -> pairs of key and what the command does with it.
Status CommandGetkeysandflags(CommandContext& context, Args args) {
  std::vector<KeyPosition> keys;
  if (Status error = KeysOfRequest(context, args, keys); !error.ok()) return error;
  RespWriter& reply = context.reply();
  reply.ArrayHeader(keys.size());
  for (const KeyPosition& key : keys) {
    reply.ArrayHeader(2);
    reply.Bulk(args[key.index + 2]);
    WriteKeyFlags(reply, key.flags);
  }
  return Status::Ok();
}

Status CommandHelp(CommandContext& context, Args /*args*/) {
  constexpr std::string_view kLines[] = {
      "(no subcommand)",
      "    Describe every command.",
      "COUNT",
      "    Tell how many commands there are.",
      "DOCS [<command-name> ...]",
      "    Document the commands named, all of them by default.",
      "GETKEYS <full-command>",
      "    Tell which arguments of a request are keys.",
      "GETKEYSANDFLAGS <full-command>",
      "    The same, with what the command does to each key.",
      "INFO [<command-name> ...]",
      "    Describe the commands named, all of them by default.",
      "LIST [FILTERBY (MODULE <module-name>|ACLCAT <category>|PATTERN <pattern>)]",
      "    List command names.",
  };
  WriteHelp(context.reply(), "COMMAND", kLines);
  return Status::Ok();
}

constexpr CommandSpec kCommandSubcommands[] = {
    {.name = "count",
     .arity = 2,
     .flags = kLoading | kStale,
     .acl = kAclConnection,
     .handler = CommandCount,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Counts the commands of this server.", .since = "2.8.13", .complexity = "O(1)"}},
    {.name = "docs",
     .arity = -2,
     .flags = kLoading | kStale,
     .acl = kAclConnection,
     .handler = CommandDocs,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Documents one, several or all commands.",
             .since = "7.0.0",
             .complexity = "O(N)",
             .arguments = "[command-name:string*]",
             .tips = "nondeterministic_output_order"}},
    {.name = "getkeys",
     .arity = -3,
     .flags = kLoading | kStale,
     .acl = kAclConnection,
     .handler = CommandGetkeys,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Finds the keys in a request.",
             .since = "2.8.13",
             .complexity = "O(N)",
             .arguments = "command:string [arg:string*]"}},
    {.name = "getkeysandflags",
     .arity = -3,
     .flags = kLoading | kStale,
     .acl = kAclConnection,
     .handler = CommandGetkeysandflags,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Finds the keys in a request and how each is used.",
             .since = "7.0.0",
             .complexity = "O(N)",
             .arguments = "command:string [arg:string*]"}},
    {.name = "help",
     .arity = 2,
     .flags = kLoading | kStale,
     .acl = kAclConnection,
     .handler = CommandHelp,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Lists the subcommands of COMMAND.", .since = "5.0.0", .complexity = "O(1)"}},
    {.name = "info",
     .arity = -2,
     .flags = kLoading | kStale,
     .acl = kAclConnection,
     .handler = CommandInfo,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Describes one, several or all commands.",
             .since = "2.8.13",
             .complexity = "O(N)",
             .arguments = "[command-name:string*]",
             .tips = "nondeterministic_output_order"}},
    {.name = "list",
     .arity = -2,
     .flags = kLoading | kStale,
     .acl = kAclConnection,
     .handler = CommandList,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Lists command names.",
             .since = "7.0.0",
             .complexity = "O(N)",
             .arguments = "[filterby:oneof(module-name:string=MODULE category:string=ACLCAT "
                          "pattern:pattern=PATTERN)=FILTERBY]",
             .tips = "nondeterministic_output_order"}},
};

constexpr CommandSpec kCommandCommands[] = {
    {.name = "command",
     .arity = -1,
     .flags = kLoading | kStale,
     .acl = kAclConnection,
     .handler = CommandAll,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Describes every command.",
             .since = "2.8.13",
             .complexity = "O(N)",
             .tips = "nondeterministic_output_order"},
     .subcommands = kCommandSubcommands},
};

}  // namespace

std::span<const CommandSpec> CommandCommands() { return kCommandCommands; }

}  // namespace cachenode
