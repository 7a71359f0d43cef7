// CLIENT: who is connected, what a client says about itself, and what may be done to clients.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/error_text.h"
#include "protocol/resp_writer.h"
#include "server/arg_parser.h"
#include "server/blocking/wait_table.h"
#include "server/client_filter.h"
#include "server/client_identity.h"
#include "server/client_line.h"
#include "server/client_registry.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/client_tracking_commands.h"
#include "server/commands/families.h"
#include "server/commands/help.h"
#include "server/config/config.h"
#include "server/server_control.h"
#include "storage/base/bytes.h"

namespace cachenode {
namespace {

Status RefuseArguments(Args args) { return Status::Text(SubcommandSyntaxText("client", args[1])); }

// "on" or "off" in any case.
Result<bool> ParseSwitch(std::string_view text) {
  if (EqualsIgnoreCase(text, "on")) return true;
  if (EqualsIgnoreCase(text, "off")) return false;
  return Err::kSyntax;
}

// --- Who is connected ------------------------------------------------------------------------------------------------

void AppendLineOf(std::string& text, CommandContext& context, const Session& session, Args args) {
  RunningRequest running;
  if (&session == &context.session()) {
    running.wire_bytes = session.argument_bytes;
    for (const std::string_view argument : args) running.argument_bytes += argument.size();
  }
  AppendClientLine(text, session, context.config().engine_version, context.now_ms(), running);
  text.push_back('\n');
}

// CLIENT INFO -> the line of this client.
Status ClientInfo(CommandContext& context, Args args) {
  std::string text;
  AppendLineOf(text, context, context.session(), args);
  context.reply().Verbatim("txt", text);
  return Status::Ok();
}

// CLIENT LIST [TYPE type] [ID id ...] [filter ...] -> a line for each client that fits all filters. With ids alone,
// the lines come in the order of the ids.
Status ClientList(CommandContext& context, Args args) {
  ArgParser parser(args, 2);
  ClientFilter filter(*context.parts().acl);
  Status error = filter.Parse(parser, context.config(), ClientFilter::Purpose::kList);
  if (!error.ok()) return error;

  std::string text;
  ClientRegistry& clients = *context.parts().clients;
  if (const std::vector<uint64_t>* ids = filter.OnlyIds(); ids != nullptr) {
    for (const uint64_t id : *ids) {
      if (const Session* session = clients.Find(id); session != nullptr) AppendLineOf(text, context, *session, args);
    }
  } else {
    clients.ForEach([&](const Session& session) {
      if (filter.Matches(session, context.session().id, context.now_ms())) AppendLineOf(text, context, session, args);
    });
  }
  context.reply().Verbatim("txt", text);
  return Status::Ok();
}

// CLIENT ID -> this client's id.
Status ClientId(CommandContext& context, Args /*args*/) {
  context.reply().Integer(static_cast<int64_t>(context.session().id));
  return Status::Ok();
}

// --- What a client says about itself ---------------------------------------------------------------------------------

// CLIENT GETNAME -> the name, or null.
Status ClientGetname(CommandContext& context, Args /*args*/) {
  const std::string& name = context.session().name;
  if (name.empty()) {
    context.reply().Null();
  } else {
    context.reply().Bulk(name);
  }
  return Status::Ok();
}

// CLIENT SETNAME name -> OK; an empty name removes it.
Status ClientSetname(CommandContext& context, Args args) {
  Status error = SetClientName(context.session(), args[2]);
  if (!error.ok()) return error;
  context.reply().Ok();
  return Status::Ok();
}

// CLIENT SETINFO LIB-NAME|LIB-VER value -> OK.
Status ClientSetinfo(CommandContext& context, Args args) {
  Session& session = context.session();
  const bool is_name = EqualsIgnoreCase(args[2], "lib-name");
  if (!is_name && !EqualsIgnoreCase(args[2], "lib-ver")) {
    return Status::Text(std::string("ERR Unrecognized option '").append(UpToZero(args[2])).append("'"));
  }
  if (!IsClientText(args[3])) {
    return Status::Text(UpperCased(args[2]).insert(0, "ERR ") +
                        " cannot contain spaces, newlines or special characters.");
  }
  (is_name ? session.library_name : session.library_version) = args[3];
  context.reply().Ok();
  return Status::Ok();
}

// CLIENT CAPA capability [capability ...] -> OK; what is not known is passed over.
Status ClientCapa(CommandContext& context, Args args) {
  for (const std::string_view capability : args.subspan(2)) {
    if (EqualsIgnoreCase(capability, "redirect")) context.session().understands_redirect = true;
  }
  context.reply().Ok();
  return Status::Ok();
}

// CLIENT REPLY ON|OFF|SKIP -> OK for ON; the others are silent themselves, which the dispatcher sees to.
Status ClientReply(CommandContext& context, Args args) {
  Session& session = context.session();
  if (EqualsIgnoreCase(args[2], "on")) {
    session.reply_mode = ReplyMode::kOn;
  } else if (EqualsIgnoreCase(args[2], "off")) {
    session.reply_mode = ReplyMode::kOff;
  } else if (EqualsIgnoreCase(args[2], "skip")) {
    if (session.reply_mode != ReplyMode::kOff) session.reply_mode = ReplyMode::kSkipNext;
  } else {
    return Err::kSyntax;
  }
  context.reply().Ok();
  return Status::Ok();
}

// CLIENT NO-EVICT ON|OFF -> OK; whether the client is spared when clients' memory must be freed.
Status ClientNoEvict(CommandContext& context, Args args) {
  Result<bool> on = ParseSwitch(args[2]);
  if (!on) return on.error();
  context.session().no_evict = *on;
  context.reply().Ok();
  return Status::Ok();
}

// CLIENT NO-TOUCH ON|OFF -> OK; whether this client's commands leave keys' idle times and counters alone.
Status ClientNoTouch(CommandContext& context, Args args) {
  Result<bool> on = ParseSwitch(args[2]);
  if (!on) return on.error();
  context.session().no_touch = *on;
  context.SetTouch(!*on);
  context.reply().Ok();
  return Status::Ok();
}

// CLIENT IMPORT-SOURCE ON|OFF -> OK for OFF. ON is for nodes that take over another's data set (import-mode of Valkey),
// which this one never does.
Status ClientImportSource(CommandContext& context, Args args) {
  const Result<bool> on = ParseSwitch(args[2]);
  if (!on || *on) return Status::Text("ERR Server is not in import mode");
  context.reply().Ok();
  return Status::Ok();
}

// --- What may be done to clients -------------------------------------------------------------------------------------

// The caller gets its reply first; all others end at once.
void KillSession(CommandContext& context, Session& session) {
  if (&session == &context.session()) {
    session.closing = Closing::kAfterReply;
  } else {
    context.parts().clients->Kill(session);
  }
}

// CLIENT KILL addr -> OK.
Status KillByAddress(CommandContext& context, std::string_view address) {
  Session* found = nullptr;
  context.parts().clients->ForEach([&](Session& session) {
    if (found == nullptr && session.peer_address == address) found = &session;
  });
  if (found == nullptr) return Status::Text("ERR No such client");
  KillSession(context, *found);
  context.reply().Ok();
  return Status::Ok();
}

// CLIENT KILL addr -> OK; CLIENT KILL filter value [filter value ...] -> how many clients were closed.
Status ClientKill(CommandContext& context, Args args) {
  if (args.size() == 3) return KillByAddress(context, args[2]);
  ArgParser parser(args, 2);
  ClientFilter filter(*context.parts().acl);
  filter.SetSkipsCaller(true);
  Status error = filter.Parse(parser, context.config(), ClientFilter::Purpose::kKill);
  if (!error.ok()) return error;

  std::vector<Session*> doomed;
  context.parts().clients->ForEach([&](Session& session) {
    if (filter.Matches(session, context.session().id, context.now_ms())) doomed.push_back(&session);
  });
  for (Session* session : doomed) KillSession(context, *session);
  context.reply().Integer(static_cast<int64_t>(doomed.size()));
  return Status::Ok();
}

// CLIENT PAUSE milliseconds [WRITE|ALL] -> OK; commands of that kind wait until the time is over.
Status ClientPause(CommandContext& context, Args args) {
  if (args.size() > 4) return RefuseArguments(args);
  PauseMode mode = PauseMode::kAll;
  if (args.size() == 4) {
    if (EqualsIgnoreCase(args[3], "write")) {
      mode = PauseMode::kWrites;
    } else if (!EqualsIgnoreCase(args[3], "all")) {
      return Status::Text("ERR CLIENT PAUSE mode must be WRITE or ALL");
    }
  }
  const Result<int64_t> timeout_ms = ParseInt64(args[2]);
  if (!timeout_ms) return Status::Text("ERR timeout is not an integer or out of range");
  if (*timeout_ms < 0) return Status::Text("ERR timeout is negative");
  int64_t until_ms = 0;
  if (__builtin_add_overflow(context.now_ms(), *timeout_ms, &until_ms)) {
    return Status::Text("ERR timeout is out of range");
  }
  context.parts().control->Pause(mode, until_ms);
  context.reply().Ok();
  return Status::Ok();
}

// CLIENT UNPAUSE -> OK.
Status ClientUnpause(CommandContext& context, Args /*args*/) {
  context.parts().control->Unpause();
  context.reply().Ok();
  return Status::Ok();
}

// CLIENT UNBLOCK id [TIMEOUT|ERROR] -> 1 when the client waited and does no more, else 0.
Status ClientUnblock(CommandContext& context, Args args) {
  if (args.size() > 4) return RefuseArguments(args);
  const bool with_error = args.size() == 4 && EqualsIgnoreCase(args[3], "error");
  if (args.size() == 4 && !with_error && !EqualsIgnoreCase(args[3], "timeout")) {
    return Status::Text("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
  }
  Result<int64_t> id = ParseInt64(args[2]);
  if (!id) return id.error();
  Session* const session = context.parts().clients->Find(static_cast<uint64_t>(*id));
  const bool ended =
      session != nullptr && context.parts().waits != nullptr && context.parts().waits->Unblock(*session, with_error);
  context.reply().Integer(ended ? 1 : 0);
  return Status::Ok();
}

Status ClientHelp(CommandContext& context, Args /*args*/) {
  constexpr std::string_view kLines[] = {
      "CACHING (YES|NO)",
      "    With tracking on in OPTIN or OPTOUT mode: whether the next command's keys are tracked.",
      "CAPA <capability> [<capability> ...]",
      "    Say what this client can do. REDIRECT: it follows redirections.",
      "GETNAME",
      "    Show this connection's name.",
      "GETREDIR",
      "    Show the client that gets this connection's invalidations, -1 for none.",
      "ID",
      "    Show this connection's number.",
      "IMPORT-SOURCE (ON|OFF)",
      "    Mark this connection as the source of an import.",
      "INFO",
      "    Describe this connection.",
      "KILL <ip:port>",
      "    Close the connection with that address.",
      "KILL <filter> <value> [<filter> <value> ...]",
      "    Close every connection that fits all filters. A filter is one of:",
      "    * ID <id> [<id> ...], NAME <name>, USER <user>, DB <number>",
      "    * ADDR <ip:port>, LADDR <ip:port>, IP <ip>",
      "    * TYPE (NORMAL|PRIMARY|REPLICA|PUBSUB), FLAGS <letters>, CAPA <letters>",
      "    * LIB-NAME <name>, LIB-VER <version>",
      "    * MAXAGE <seconds>, IDLE <seconds>: at least so old, at least so long idle",
      "    * NOT-<filter> <value>, but for the last two",
      "    * SKIPME (YES|NO): whether this connection is left out; YES by default",
      "LIST [<filter> <value> ...]",
      "    Describe every connection that fits all filters, those of KILL.",
      "NO-EVICT (ON|OFF)",
      "    Whether this connection is spared when connections use too much memory.",
      "NO-TOUCH (ON|OFF)",
      "    Whether this connection's commands leave the idle time of keys alone.",
      "PAUSE <milliseconds> [WRITE|ALL]",
      "    Make commands wait: all of them, or those that write.",
      "REPLY (ON|OFF|SKIP)",
      "    Send replies, send none, or leave out the next one.",
      "SETINFO (LIB-NAME|LIB-VER) <value>",
      "    Name the library this connection uses, or its version.",
      "SETNAME <name>",
      "    Name this connection.",
      "TRACKING (ON|OFF) [REDIRECT <id>] [PREFIX <prefix> [...]] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]",
      "    Tell this connection, or another, of changes to keys it has read or that have a prefix.",
      "TRACKINGINFO",
      "    Show how this connection tracks keys.",
      "UNBLOCK <id> [TIMEOUT|ERROR]",
      "    End a connection's wait for a key.",
      "UNPAUSE",
      "    End a pause.",
  };
  WriteHelp(context.reply(), "CLIENT", kLines);
  return Status::Ok();
}

constexpr CommandSpec kClientSubcommands[] = {
    {.name = "caching",
     .arity = 3,
     .flags = kLoading | kNoScript | kStale,
     .acl = kAclConnection,
     .handler = ClientCaching,
     .group = CommandGroup::kConnection,
     .doc = {.summary = "Says whether the next command's keys are tracked.",
             .since = "6.0.0",
             .complexity = "O(1)",
             .arguments = "mode:oneof(yes:pure-token=YES no:pure-token=NO)"}},
    {.name = "capa",
     .arity = -3,
     .flags = kAllowBusy | kLoading | kNoScript | kStale,
     .acl = kAclConnection,
     .handler = ClientCapa,
     .group = CommandGroup::kConnection,
     .doc = {.summary = "Says what the client is able to do.",
             .since = "8.0.0",
             .complexity = "O(1)",
             .arguments = "capability:string*"}},
    {.name = "getname",
     .arity = 2,
     .flags = kLoading | kNoScript | kStale,
     .acl = kAclConnection,
     .handler = ClientGetname,
     .group = CommandGroup::kConnection,
     .doc = {.summary = "Shows the connection's name.", .since = "2.6.9", .complexity = "O(1)"}},
    {.name = "getredir",
     .arity = 2,
     .flags = kLoading | kNoScript | kStale,
     .acl = kAclConnection,
     .handler = ClientGetredir,
     .group = CommandGroup::kConnection,
     .doc = {.summary = "Shows which client gets the connection's invalidations.",
             .since = "6.0.0",
             .complexity = "O(1)"}},
    {.name = "help",
     .arity = 2,
     .flags = kLoading | kStale,
     .acl = kAclConnection,
     .handler = ClientHelp,
     .group = CommandGroup::kConnection,
     .doc = {.summary = "Lists the subcommands of CLIENT.", .since = "5.0.0", .complexity = "O(1)"}},
    {.name = "id",
     .arity = 2,
     .flags = kLoading | kNoScript | kStale,
     .acl = kAclConnection,
     .handler = ClientId,
     .group = CommandGroup::kConnection,
     .doc = {.summary = "Shows the connection's number.", .since = "5.0.0", .complexity = "O(1)"}},
    {.name = "import-source",
     .arity = 3,
     .flags = kLoading | kNoScript | kStale,
     .acl = kAclConnection,
     .handler = ClientImportSource,
     .group = CommandGroup::kConnection,
     .doc = {.summary = "Marks the connection as one that brings another node's keys, or no longer.",
             .since = "8.1.0",
             .complexity = "O(1)",
             .arguments = "enabled:oneof(on:pure-token=ON off:pure-token=OFF)"}},
    {.name = "info",
     .arity = 2,
     .flags = kLoading | kNoScript | kStale,
     .acl = kAclConnection,
     .handler = ClientInfo,
     .group = CommandGroup::kConnection,
     .doc = {.summary = "Describes the connection.",
             .since = "6.2.0",
             .complexity = "O(1)",
             .tips = "nondeterministic_output"}},
    {.name = "kill",
     .arity = -3,
     .flags = kAdmin | kLoading | kNoScript | kStale | kExclusive,
     .acl = kAclConnection,
     .handler = ClientKill,
     .group = CommandGroup::kConnection,
     .doc = {.summary = "Closes connections.",
             .since = "2.4.0",
             .complexity = "O(N)",
             .arguments =
                 "filter:oneof(old-format:string new-format:oneof([client-id:integer=ID!2.8.12] "
                 "[client-type:oneof(normal:pure-token=NORMAL master:pure-token=MASTER!3.2.0 slave:pure-token=SLAVE "
                 "replica:pure-token=REPLICA!5.0.0 pubsub:pure-token=PUBSUB)=TYPE!2.8.12] [username:string=USER] "
                 "[addr:string=ADDR] [laddr:string=LADDR!6.2.0] [skipme:oneof(yes:pure-token=YES "
                 "no:pure-token=NO)=SKIPME] [maxage:integer=MAXAGE!7.4.0])*)"}},
    {.name = "list",
     .arity = -2,
     .flags = kAdmin | kLoading | kNoScript | kStale | kExclusive,
     .acl = kAclConnection,
     .handler = ClientList,
     .group = CommandGroup::kConnection,
     .doc = {.summary = "Describes connections.",
             .since = "2.4.0",
             .complexity = "O(N)",
             .arguments =
                 "[client-type:oneof(normal:pure-token=NORMAL master:pure-token=MASTER replica:pure-token=REPLICA "
                 "pubsub:pure-token=PUBSUB)=TYPE!5.0.0] [client-id:integer=ID!6.2.0*]",
             .tips = "nondeterministic_output"}},
    {.name = "no-evict",
     .arity = 3,
     .flags = kAdmin | kLoading | kNoScript | kStale,
     .acl = kAclConnection,
     .handler = ClientNoEvict,
     .group = CommandGroup::kConnection,
     .doc = {.summary = "Spares the connection when connections' memory must be freed, or no longer.",
             .since = "7.0.0",
             .complexity = "O(1)",
             .arguments = "enabled:oneof(on:pure-token=ON off:pure-token=OFF)"}},
    {.name = "no-touch",
     .arity = 3,
     .flags = kLoading | kNoScript | kStale,
     .acl = kAclConnection,
     .handler = ClientNoTouch,
     .group = CommandGroup::kConnection,
     .doc = {.summary = "Leaves idle times of keys alone, or no longer.",
             .since = "7.2.0",
             .complexity = "O(1)",
             .arguments = "enabled:oneof(on:pure-token=ON off:pure-token=OFF)"}},
    {.name = "pause",
     .arity = -3,
     .flags = kAdmin | kLoading | kNoScript | kStale | kExclusive,
     .acl = kAclConnection,
     .handler = ClientPause,
     .group = CommandGroup::kConnection,
     .doc = {.summary = "Makes commands wait for a time.",
             .since = "3.0.0",
             .complexity = "O(1)",
             .arguments = "timeout:integer [mode:oneof(write:pure-token=WRITE all:pure-token=ALL)!6.2.0]"}},
    {.name = "reply",
     .arity = 3,
     .flags = kLoading | kNoScript | kStale,
     .acl = kAclConnection,
     .handler = ClientReply,
     .group = CommandGroup::kConnection,
     .doc = {.summary = "Chooses whether the connection gets replies.",
             .since = "3.2.0",
             .complexity = "O(1)",
             .arguments = "action:oneof(on:pure-token=ON off:pure-token=OFF skip:pure-token=SKIP)"}},
    {.name = "setinfo",
     .arity = 4,
     .flags = kLoading | kNoScript | kStale,
     .acl = kAclConnection,
     .handler = ClientSetinfo,
     .group = CommandGroup::kConnection,
     .doc = {.summary = "Names the client library or its version.",
             .since = "7.2.0",
             .complexity = "O(1)",
             .arguments = "attr:oneof(libname:string=LIB-NAME libver:string=LIB-VER)",
             .tips = "request_policy:all_nodes,response_policy:all_succeeded"}},
    {.name = "setname",
     .arity = 3,
     .flags = kLoading | kNoScript | kStale,
     .acl = kAclConnection,
     .handler = ClientSetname,
     .group = CommandGroup::kConnection,
     .doc = {.summary = "Names the connection.",
             .since = "2.6.9",
             .complexity = "O(1)",
             .arguments = "connection-name:string",
             .tips = "request_policy:all_nodes,response_policy:all_succeeded"}},
    {.name = "tracking",
     .arity = -3,
     .flags = kLoading | kNoScript | kStale | kExclusive,
     .acl = kAclConnection,
     .handler = ClientTrackingMode,
     .group = CommandGroup::kConnection,
     .doc = {.summary = "Tells the connection of changes to keys it has read, or no longer.",
             .since = "6.0.0",
             .complexity = "O(1)",
             .arguments = "status:oneof(on:pure-token=ON off:pure-token=OFF) [client-id:integer=REDIRECT] "
                          "[prefix:string=PREFIX+] [bcast:pure-token=BCAST] [optin:pure-token=OPTIN] "
                          "[optout:pure-token=OPTOUT] [noloop:pure-token=NOLOOP]"}},
    {.name = "trackinginfo",
     .arity = 2,
     .flags = kLoading | kNoScript | kStale,
     .acl = kAclConnection,
     .handler = ClientTrackinginfo,
     .group = CommandGroup::kConnection,
     .doc = {.summary = "Shows how the connection tracks keys.", .since = "6.2.0", .complexity = "O(1)"}},
    {.name = "unblock",
     .arity = -3,
     .flags = kAdmin | kLoading | kNoScript | kStale | kExclusive,
     .acl = kAclConnection,
     .handler = ClientUnblock,
     .group = CommandGroup::kConnection,
     .doc = {.summary = "Ends another connection's wait for a key.",
             .since = "5.0.0",
             .complexity = "O(log N)",
             .arguments = "client-id:integer [unblock-type:oneof(timeout:pure-token=TIMEOUT error:pure-token=ERROR)]"}},
    {.name = "unpause",
     .arity = 2,
     .flags = kAdmin | kLoading | kNoScript | kStale | kExclusive,
     .acl = kAclConnection,
     .handler = ClientUnpause,
     .group = CommandGroup::kConnection,
     .doc = {.summary = "Ends a pause.", .since = "6.2.0", .complexity = "O(N)"}},
};

constexpr CommandSpec kClientCommands[] = {
    {.name = "client",
     .arity = -2,
     .group = CommandGroup::kConnection,
     .doc = {.summary = "Connections: who they are, and what may be done to them.",
             .since = "2.4.0",
             .complexity = "per-subcommand"},
     .subcommands = kClientSubcommands},
};
}  // namespace

std::span<const CommandSpec> ClientCommands() { return kClientCommands; }

}  // namespace cachenode
