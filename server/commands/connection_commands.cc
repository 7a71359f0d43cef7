// The commands a client uses on its own connection: PING, ECHO, SELECT, AUTH, HELLO, RESET, QUIT.
#include <string>
#include <string_view>

#include "protocol/resp_writer.h"
#include "server/acl/acl_check.h"
#include "server/acl/acl_store.h"
#include "server/arg_parser.h"
#include "server/client_identity.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/database_number.h"
#include "server/commands/families.h"
#include "server/config/config.h"
#include "server/session_listener.h"
#include "storage/base/bytes.h"

namespace cachenode {
namespace {

// PING [message] -> PONG, or the message as a bulk string. In the form of a message while a RESP2 client is subscribed.
Status Ping(CommandContext& context, Args args) {
  if (args.size() > 2) return Err::kArity;
  if ((context.session().conditions & kSubscribed) != 0 && context.session().resp_version == 2) [[unlikely]] {
    context.reply().ArrayHeader(2);
    context.reply().Bulk("pong");
    context.reply().Bulk(args.size() == 2 ? args[1] : std::string_view());
    return Status::Ok();
  }
  if (args.size() == 1) {
    context.reply().Pong();
  } else {
    context.reply().Bulk(args[1]);
  }
  return Status::Ok();
}

// ECHO message -> the message.
Status Echo(CommandContext& context, Args args) {
  context.reply().Bulk(args[1]);
  return Status::Ok();
}

// QUIT -> OK, and the connection ends once it left.
Status Quit(CommandContext& context, Args /*args*/) {
  context.reply().Ok();
  context.session().closing = Closing::kAfterReply;
  return Status::Ok();
}

// RESET -> RESET; the connection is as it was when it was made.
Status Reset(CommandContext& context, Args /*args*/) {
  for (SessionListener* listener : context.parts().session_listeners) listener->OnSessionReset(context.session());
  ResetSession(context.session(), *context.parts().acl);
  context.reply().SetVersion(RespVersion::kResp2);
  context.SetTouch(true);
  context.reply().SimpleString("RESET");
  return Status::Ok();
}

// SELECT index -> OK.
Status Select(CommandContext& context, Args args) {
  Result<uint32_t> index = ParseDatabase(context, args[1]);
  if (!index) return index.error();
  context.session().database = *index;
  context.reply().Ok();
  return Status::Ok();
}

// Notes what fails, so that guessing shows.
Status LogIn(CommandContext& context, Args args, std::string_view user, std::string_view password) {
  if (context.parts().acl->LogIn(context.session(), user, password)) return Status::Ok();
  context.stats().denied_logins.Increment();
  NoteFailedLogin(context, context.session(), args, user);
  return Status::Text("WRONGPASS invalid username-password pair or user is disabled.");
}

// AUTH [username] password -> OK.
Status Auth(CommandContext& context, Args args) {
  if (args.size() > 3) return Err::kSyntax;
  if (args.size() == 2 && context.parts().acl->Find(AclStore::kDefaultUser)->needs_no_password()) {
    return Status::Text(
        "ERR AUTH <password> called without any password configured for the default user. Are you sure your "
        "configuration is correct?");
  }
  const std::string_view user = args.size() == 3 ? args[1] : AclStore::kDefaultUser;
  Status status = LogIn(context, args, user, args.back());
  if (!status.ok()) return status;
  context.reply().Ok();
  return Status::Ok();
}

bool IsAuthSecret(Args /*args*/, size_t index) { return index > 0; }

// What HELLO was asked to do.
struct HelloRequest {
  int64_t version = 0;  // 0: stay.
  bool has_auth = false;
  bool has_name = false;
  std::string_view user;
  std::string_view password;
  std::string_view name;
};

Status ParseHello(Args args, HelloRequest& request) {
  if (args.size() >= 2) {
    const Result<int64_t> version = ParseInt64(args[1]);
    if (!version) return Status::Text("ERR Protocol version is not an integer or out of range");
    if (*version < 2 || *version > 3) return Err::kNoProto;
    request.version = *version;
  }
  ArgParser parser(args, 2);
  while (parser.HasNext()) {
    if (parser.Match("auth", 2)) {
      request.has_auth = true;
      request.user = parser.NextString();
      request.password = parser.NextString();
    } else if (parser.Match("setname", 1)) {
      request.has_name = true;
      request.name = parser.NextString();
    } else {
      return Status::Text("ERR Syntax error in HELLO option '" + std::string(parser.NextString()) + "'");
    }
  }
  return parser.Finish();
}

// The two arguments after each AUTH.
bool IsHelloSecret(Args args, size_t index) {
  const auto is_auth = [args](size_t at) { return at >= 2 && EqualsIgnoreCase(args[at], "auth"); };
  return index >= 3 && (is_auth(index - 1) || is_auth(index - 2));
}

Status RefuseHelloWithoutAuth(const Config& config) {
  const std::string_view form = config.engine_version.AtLeast(7, 2) ? "HELLO <proto> AUTH" : "HELLO AUTH";
  return Status::Text("NOAUTH HELLO must be called with the client already authenticated, otherwise the " +
                      std::string(form) +
                      " <user> <pass> option can be used to authenticate the client and select the RESP protocol "
                      "version at the same time");
}

void WriteHello(CommandContext& context) {
  RespWriter& reply = context.reply();
  const Session& session = context.session();
  reply.MapHeader(7);
  reply.Bulk("server");
  reply.Bulk("redis");
  reply.Bulk("version");
  reply.Bulk(context.config().engine_version.RedisVersionText());
  reply.Bulk("proto");
  reply.Integer(session.resp_version);
  reply.Bulk("id");
  reply.Integer(static_cast<int64_t>(session.id));
  reply.Bulk("mode");
  reply.Bulk("standalone");
  reply.Bulk("role");
  reply.Bulk("master");
  reply.Bulk("modules");
  reply.EmptyArray();
}

// HELLO [protover [AUTH username password] [SETNAME name]] -> map of what the server is.
Status Hello(CommandContext& context, Args args) {
  HelloRequest request;
  if (Status error = ParseHello(args, request); !error.ok()) return error;
  Session& session = context.session();
  if (request.has_auth) {
    Status error = LogIn(context, args, request.user, request.password);
    if (!error.ok()) return error;
  }
  if (!session.authenticated) return RefuseHelloWithoutAuth(context.config());
  if (request.has_name) {
    if (Status error = SetClientName(session, request.name); !error.ok()) return error;
  }
  if (request.version != 0) {
    session.resp_version = static_cast<uint8_t>(request.version);
    context.reply().SetVersion(request.version == 3 ? RespVersion::kResp3 : RespVersion::kResp2);
  }
  WriteHello(context);
  return Status::Ok();
}

constexpr CommandSpec kConnectionCommands[] = {
    {.name = "auth",
     .arity = -2,
     .flags = kAllowBusy | kFast | kLoading | kNoAuth | kNoScript | kStale,
     .acl = kAclConnection,
     .handler = Auth,
     .group = CommandGroup::kConnection,
     .doc = {.summary = "Logs the connection in.",
             .since = "1.0.0",
             .complexity = "O(N)",
             .arguments = "[username:string!6.0.0] password:string"},
     .is_secret = IsAuthSecret},
    {.name = "echo",
     .arity = 2,
     .flags = kFast | kLoading | kStale,
     .acl = kAclConnection,
     .handler = Echo,
     .group = CommandGroup::kConnection,
     .doc = {.summary = "Answers with what it was given.",
             .since = "1.0.0",
             .complexity = "O(1)",
             .arguments = "message:string"}},
    {.name = "hello",
     .arity = -1,
     .flags = kAllowBusy | kFast | kLoading | kNoAuth | kNoScript | kStale,
     .acl = kAclConnection,
     .handler = Hello,
     .group = CommandGroup::kConnection,
     .doc = {.summary = "Chooses the protocol version and tells what the server is.",
             .since = "6.0.0",
             .complexity = "O(1)",
             .arguments = "[arguments:block(protover:integer [auth:block(username:string password:string)=AUTH] "
                          "[clientname:string=SETNAME])]"},
     .is_secret = IsHelloSecret},
    {.name = "ping",
     .arity = -1,
     .flags = kFast,
     .acl = kAclConnection,
     .handler = Ping,
     .group = CommandGroup::kConnection,
     .doc = {.summary = "Answers PONG, or what it was given.",
             .since = "1.0.0",
             .complexity = "O(1)",
             .arguments = "[message:string]",
             .tips = "request_policy:all_shards,response_policy:all_succeeded"}},
    {.name = "quit",
     .arity = -1,
     .flags = kNeverQueued | kAllowBusy | kFast | kLoading | kNoAuth | kNoScript | kStale,
     .acl = kAclConnection,
     .handler = Quit,
     .group = CommandGroup::kConnection,
     .doc = {.summary = "Ends the connection.", .since = "1.0.0", .complexity = "O(1)", .deprecated_since = "7.2.0"}},
    {.name = "reset",
     .arity = 1,
     .flags = kNeverQueued | kAllowBusy | kFast | kLoading | kNoAuth | kNoScript | kStale,
     .acl = kAclConnection,
     .handler = Reset,
     .group = CommandGroup::kConnection,
     .doc = {.summary = "Puts the connection back to how it was made.", .since = "6.2.0", .complexity = "O(1)"}},
    {.name = "select",
     .arity = 2,
     .flags = kFast | kLoading | kStale,
     .acl = kAclConnection,
     .handler = Select,
     .group = CommandGroup::kConnection,
     .doc = {.summary = "Changes the database the connection works on.",
             .since = "1.0.0",
             .complexity = "O(1)",
             .arguments = "index:integer"}},
};

}  // namespace

std::span<const CommandSpec> ConnectionCommands() { return kConnectionCommands; }

}  // namespace cachenode
