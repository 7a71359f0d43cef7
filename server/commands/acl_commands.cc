// ACL: who the users are, what they may do, and what was refused. The work is server/acl's.
#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/error_text.h"
#include "protocol/resp_writer.h"
#include "server/acl/acl_check.h"
#include "server/acl/acl_store.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/help.h"
#include "server/config/config.h"
#include "storage/base/bytes.h"
#include "storage/base/numbers.h"
#include "storage/base/random.h"

namespace cachenode {
namespace {

constexpr int64_t kPasswordBitsMax = 4096;
constexpr int64_t kPasswordBitsDefault = 256;
constexpr int64_t kLogEntriesDefault = 10;

AclStore& StoreOf(CommandContext& context) { return *context.parts().acl; }

Status RefuseArguments(Args args) { return Status::Text(SubcommandSyntaxText("acl", args[1])); }

// --- Users -----------------------------------------------------------------------------------------------------------

// ACL SETUSER name [rule ...] -> OK; all rules or none.
Status AclSetuser(CommandContext& context, Args args) {
  const Args rules = args.subspan(3);
  Status done = StoreOf(context).SetUser(args[2], {rules.begin(), rules.end()}, &context.session());
  if (!done.ok()) return done;
  context.reply().Ok();
  return Status::Ok();
}

// ACL DELUSER name [name ...] -> how many there were; their clients are closed.
Status AclDeluser(CommandContext& context, Args args) {
  Result<int64_t> deleted = StoreOf(context).DeleteUsers(args.subspan(2), &context.session());
  if (!deleted) return deleted.error();
  context.reply().Integer(*deleted);
  return Status::Ok();
}

// Names of users and their rules.
bool IsUserSecret(Args /*args*/, size_t index) { return index > 1; }

void WriteSelector(RespWriter& reply, const AclSelector& selector, AclStyle style) {
  reply.Bulk("commands");
  reply.Bulk(selector.CommandRules(style));
  reply.Bulk("keys");
  reply.Bulk(selector.KeyRules());
  reply.Bulk("channels");
  reply.Bulk(selector.ChannelRules());
}

// ACL GETUSER name -> map of flags, passwords, and what each selector allows; null when there is no such user.
Status AclGetuser(CommandContext& context, Args args) {
  RespWriter& reply = context.reply();
  const AclStyle style = StoreOf(context).style();
  const std::shared_ptr<const AclUser> user = StoreOf(context).Find(args[2]);
  if (user == nullptr) {
    reply.Null();
    return Status::Ok();
  }
  const std::vector<std::string_view> flags = user->Flags();
  reply.MapHeader(6);
  reply.Bulk("flags");
  reply.SetHeader(flags.size());
  for (const std::string_view flag : flags) reply.Bulk(flag);
  reply.Bulk("passwords");
  reply.ArrayHeader(user->password_hashes().size());
  for (const std::string& hash : user->password_hashes()) reply.Bulk(hash);
  WriteSelector(reply, user->root(), style);
  reply.Bulk("selectors");
  reply.ArrayHeader(user->other_selectors().size());
  for (const AclSelector& selector : user->other_selectors()) {
    reply.MapHeader(3);
    WriteSelector(reply, selector, style);
  }
  return Status::Ok();
}

// ACL LIST -> each user as a line of a file.
Status AclList(CommandContext& context, Args /*args*/) {
  const std::vector<std::string> lines = StoreOf(context).Lines();
  context.reply().ArrayHeader(lines.size());
  for (const std::string& line : lines) context.reply().Bulk("user " + line);
  return Status::Ok();
}

// ACL USERS -> the names.
Status AclUserNames(CommandContext& context, Args /*args*/) {
  const AclUsers& users = StoreOf(context).users();
  context.reply().ArrayHeader(users.size());
  for (const auto& [name, user] : users) context.reply().Bulk(name);
  return Status::Ok();
}

// ACL WHOAMI -> the client's user.
Status AclWhoami(CommandContext& context, Args /*args*/) {
  context.reply().Bulk(context.session().user);
  return Status::Ok();
}

// --- Looking things up -----------------------------------------------------------------------------------------------

// ACL CAT [category] -> the categories, or the commands of one.
Status AclCat(CommandContext& context, Args args) {
  RespWriter& reply = context.reply();
  if (args.size() > 3) return RefuseArguments(args);
  if (args.size() == 2) {
    reply.ArrayHeader(kAclCategoryCount);
    for (size_t i = 0; i < kAclCategoryCount; ++i) reply.Bulk(AclCategoryAt(i).name);
    return Status::Ok();
  }
  const uint32_t category = FindAclCategory(args[2]);
  if (category == 0) {
    return Status::Text(std::string("ERR Unknown category '").append(UpToZero(args[2]).substr(0, 128)).append("'"));
  }
  std::vector<std::string_view> names;
  for (uint32_t id = 0; id < context.commands().count(); ++id) {
    const Command& command = context.commands().by_id(id);
    if (!command.is_hidden && (command.acl_categories & category) != 0) names.push_back(command.full_name);
  }
  reply.ArrayHeader(names.size());
  for (const std::string_view name : names) reply.Bulk(name);
  return Status::Ok();
}

// ACL GENPASS [bits] -> a random password in hexadecimal.
Status AclGenpass(CommandContext& context, Args args) {
  if (args.size() > 3) return RefuseArguments(args);
  int64_t bits = kPasswordBitsDefault;
  if (args.size() == 3) {
    const Result<int64_t> number = ParseInt64(args[2]);
    if (!number) return Err::kNotInteger;
    bits = *number;
  }
  if (bits <= 0 || bits > kPasswordBitsMax) {
    return Status::Text(
        "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096");
  }
  std::string password(static_cast<size_t>((bits + 3) / 4), '0');
  FillWithRandomHex(password);
  context.reply().Bulk(password);
  return Status::Ok();
}

// ACL DRYRUN name command [arg ...] -> OK, or what the user lacks, as a bulk string.
Status AclDryrun(CommandContext& context, Args args) {
  const std::shared_ptr<const AclUser> user = StoreOf(context).Find(args[2]);
  if (user == nullptr) return Status::Text(std::string("ERR User '").append(UpToZero(args[2])).append("' not found"));
  const Args request = args.subspan(3);
  const Command* command = context.commands().FindForArgs(request);
  if (command == nullptr) return Status::Text(std::string("ERR Command '").append(request[0]).append("' not found"));
  if (!command->ArityFits(request.size())) return Status::Text(WrongArityText(command->full_name));
  const AclVerdict verdict = user->Check(*command, request);
  if (verdict.allows()) {
    context.reply().Ok();
  } else {
    context.reply().Bulk(DryRunText(context.config().engine_version, user->name(), *command, request, verdict));
  }
  return Status::Ok();
}

// --- The log ---------------------------------------------------------------------------------------------------------

void WriteLogEntry(CommandContext& context, const AclLogEntry& entry) {
  RespWriter& reply = context.reply();
  const bool has_times = context.config().engine_version.AtLeast(7, 2);
  reply.MapHeader(has_times ? 10 : 7);
  reply.Bulk("count");
  reply.Integer(static_cast<int64_t>(entry.count));
  reply.Bulk("reason");
  reply.Bulk(AclLogReasonName(entry.reason));
  reply.Bulk("context");
  reply.Bulk(AclContextName(entry.context));
  reply.Bulk("object");
  reply.Bulk(entry.object);
  reply.Bulk("username");
  reply.Bulk(entry.user);
  reply.Bulk("age-seconds");
  reply.Double(static_cast<double>(context.now_ms() - entry.updated_ms) / 1000);
  reply.Bulk("client-info");
  reply.Bulk(entry.client_info);
  if (!has_times) return;
  reply.Bulk("entry-id");
  reply.Integer(static_cast<int64_t>(entry.id));
  reply.Bulk("timestamp-created");
  reply.Integer(entry.created_ms);
  reply.Bulk("timestamp-last-updated");
  reply.Integer(entry.updated_ms);
}

// ACL LOG [count|RESET] -> the newest refusals, or OK.
Status AclLogCommand(CommandContext& context, Args args) {
  if (args.size() > 3) return RefuseArguments(args);
  AclLog& log = StoreOf(context).log();
  if (args.size() == 3 && EqualsIgnoreCase(args[2], "reset")) {
    log.Clear();
    context.reply().Ok();
    return Status::Ok();
  }
  int64_t count = kLogEntriesDefault;
  if (args.size() == 3) {
    const Result<int64_t> number = ParseInt64(args[2]);
    if (!number) return Err::kNotInteger;
    count = std::max<int64_t>(*number, 0);
  }
  const std::vector<AclLogEntry> entries = log.Newest(static_cast<size_t>(count));
  context.reply().ArrayHeader(entries.size());
  for (const AclLogEntry& entry : entries) WriteLogEntry(context, entry);
  return Status::Ok();
}

// --- The file --------------------------------------------------------------------------------------------------------

// The error where no ACL file is configured.
Status CheckHasFile(const CommandContext& context) {
  const Config& config = context.config();
  if (!config.aclfile.empty()) return Status::Ok();
  const std::string_view server = config.engine_version.family() == EngineFamily::kValkey ? "" : "Redis ";
  return Status::Text(std::string("ERR This ")
                          .append(server)
                          .append("instance is not configured to use an ACL file. You may want to specify users via "
                                  "the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a ")
                          .append(server)
                          .append("configuration file set) in order to store users in the ")
                          .append(server)
                          .append("configuration."));
}

// ACL LOAD -> OK; the users are those of the file.
Status AclLoad(CommandContext& context, Args /*args*/) {
  Status done = CheckHasFile(context);
  if (done.ok()) done = StoreOf(context).LoadFile(&context.session());
  if (!done.ok()) return done;
  context.reply().Ok();
  return Status::Ok();
}

// ACL SAVE -> OK; the file holds the users.
Status AclSave(CommandContext& context, Args /*args*/) {
  Status done = CheckHasFile(context);
  if (done.ok()) done = StoreOf(context).SaveFile();
  if (!done.ok()) return done;
  context.reply().Ok();
  return Status::Ok();
}

// ACL HELP -> lines.
Status AclHelp(CommandContext& context, Args /*args*/) {
  constexpr std::string_view kLines[] = {
      "CAT [<category>]",
      "    Show the categories of commands, or the commands of one.",
      "DELUSER <user> [<user> ...]",
      "    Remove users and close their connections.",
      "DRYRUN <user> <command> [<argument> ...]",
      "    Show whether a user may run a command, without running it.",
      "GENPASS [<bits>]",
      "    Make up a password; of 256 bits by default.",
      "GETUSER <user>",
      "    Show what a user may do.",
      "LIST",
      "    Show all users as lines of an ACL file.",
      "LOAD",
      "    Replace the users by those of the ACL file.",
      "LOG [<count>|RESET]",
      "    Show what was refused, or forget it.",
      "SAVE",
      "    Write the users to the ACL file.",
      "SETUSER <user> [<rule> ...]",
      "    Make a user or change what it may do.",
      "USERS",
      "    Show the names of all users.",
      "WHOAMI",
      "    Show this connection's user.",
  };
  WriteHelp(context.reply(), "ACL", kLines);
  return Status::Ok();
}

constexpr uint32_t kAnyUserFlags = kLoading | kNoScript | kStale;
constexpr uint32_t kAdminFlags = kAdmin | kLoading | kNoScript | kStale;
constexpr std::string_view kEveryNode = "request_policy:all_nodes,response_policy:all_succeeded";

constexpr CommandSpec kAclSubcommands[] = {
    {.name = "cat",
     .arity = -2,
     .flags = kAnyUserFlags,
     .handler = AclCat,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Shows the categories of commands, or the commands of one.",
             .since = "6.0.0",
             .complexity = "O(1)",
             .arguments = "[category:string]"}},
    {.name = "deluser",
     .arity = -3,
     .flags = kAdminFlags | kExclusive,
     .handler = AclDeluser,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Removes users and closes their connections.",
             .since = "6.0.0",
             .complexity = "O(1)",
             .arguments = "username:string*",
             .tips = kEveryNode},
     .is_secret = IsUserSecret},
    {.name = "dryrun",
     .arity = -4,
     .flags = kAdminFlags,
     .handler = AclDryrun,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Shows whether a user may run a command, without running it.",
             .since = "7.0.0",
             .complexity = "O(1)",
             .arguments = "username:string command:string [arg:string*]"}},
    {.name = "genpass",
     .arity = -2,
     .flags = kAnyUserFlags,
     .handler = AclGenpass,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Makes up a password.", .since = "6.0.0", .complexity = "O(1)", .arguments = "[bits:integer]"}},
    {.name = "getuser",
     .arity = 3,
     .flags = kAdminFlags,
     .handler = AclGetuser,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Shows what a user may do.",
             .since = "6.0.0",
             .complexity = "O(N)",
             .arguments = "username:string",
             .history = "6.2.0 Shows channels.|7.0.0 Shows selectors, and access to keys in rules."},
     .is_secret = IsUserSecret},
    {.name = "help",
     .arity = 2,
     .flags = kLoading | kStale,
     .handler = AclHelp,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Lists the subcommands of ACL.", .since = "6.0.0", .complexity = "O(1)"}},
    {.name = "list",
     .arity = 2,
     .flags = kAdminFlags,
     .handler = AclList,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Shows all users as lines of an ACL file.", .since = "6.0.0", .complexity = "O(N)"}},
    {.name = "load",
     .arity = 2,
     .flags = kAdminFlags | kExclusive,
     .handler = AclLoad,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Replaces the users by those of the ACL file.", .since = "6.0.0", .complexity = "O(N)"}},
    {.name = "log",
     .arity = -2,
     .flags = kAdminFlags,
     .handler = AclLogCommand,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Shows what was refused, or forgets it.",
             .since = "6.0.0",
             .complexity = "O(N)",
             .arguments = "[operation:oneof(count:integer reset:pure-token=RESET)]",
             .history = "7.2.0 Shows an entry's id and times."}},
    {.name = "save",
     .arity = 2,
     .flags = kAdminFlags | kExclusive,
     .handler = AclSave,
     .group = CommandGroup::kServer,
     .doc =
         {.summary = "Writes the users to the ACL file.", .since = "6.0.0", .complexity = "O(N)", .tips = kEveryNode}},
    {.name = "setuser",
     .arity = -3,
     .flags = kAdminFlags | kExclusive,
     .handler = AclSetuser,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Makes a user or changes what it may do.",
             .since = "6.0.0",
             .complexity = "O(N)",
             .arguments = "username:string [rule:string*]",
             .tips = kEveryNode,
             .history = "6.2.0 Takes rules about channels.|7.0.0 Takes selectors, and access to keys in rules."},
     .is_secret = IsUserSecret},
    {.name = "users",
     .arity = 2,
     .flags = kAdminFlags,
     .handler = AclUserNames,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Shows the names of all users.", .since = "6.0.0", .complexity = "O(N)"}},
    {.name = "whoami",
     .arity = 2,
     .flags = kAnyUserFlags,
     .handler = AclWhoami,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Shows the connection's user.", .since = "6.0.0", .complexity = "O(1)"}},
};

constexpr CommandSpec kAclCommands[] = {
    {.name = "acl",
     .arity = -2,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Users and what they may do.", .since = "6.0.0", .complexity = "per-subcommand"},
     .subcommands = kAclSubcommands},
};

}  // namespace

std::span<const CommandSpec> AclCommands() { return kAclCommands; }

}  // namespace cachenode
