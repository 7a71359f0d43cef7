#include "server/acl/acl_check.h"

#include <algorithm>
#include <utility>

#include "protocol/error_text.h"
#include "server/acl/acl_store.h"
#include "server/client_line.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/config/config.h"
#include "server/session.h"

namespace cachenode {

namespace {

AclWording WordingOf(const EngineVersion& engine) {
  return engine.AtLeast(7, 2) ? AclWording::kNewer : AclWording::kEngine70;
}

AclLogReason ReasonOf(AclDenial denial) {
  if (denial == AclDenial::kKey) return AclLogReason::kKey;
  return denial == AclDenial::kChannel ? AclLogReason::kChannel : AclLogReason::kCommand;
}

void Note(CommandContext& context, const Session& session, Args args, AclEvent event) {
  AclStore* store = context.parts().acl;
  if (store == nullptr) return;
  const Config& config = context.config();
  RunningRequest running{.wire_bytes = session.argument_bytes};
  for (const std::string_view argument : args) running.argument_bytes += argument.size();
  AppendClientLine(event.client_info, session, config.engine_version, context.now_ms(), running);
  store->log().Add(std::move(event), context.now_ms(), static_cast<size_t>(config.acllog_max_len));
}

}  // namespace

AclVerdict CheckPermission(CommandContext& context, const Session& session, const Command& command, Args args,
                           AclContext where) {
  if (session.acl_user == nullptr) return {};
  const AclVerdict verdict = session.acl_user->Check(command, args);
  if (verdict.allows()) return verdict;
  AclEvent event;
  event.reason = ReasonOf(verdict.denial);
  event.context = where;
  event.object = verdict.denial == AclDenial::kCommand ? std::string_view(command.full_name) : args[verdict.argument];
  event.user = session.user;
  Note(context, session, args, std::move(event));
  return verdict;
}

bool MayRun(const Session& session, const Command& command, Args args) {
  return session.acl_user == nullptr || session.acl_user->Check(command, args).allows();
}

bool MayRunWithEveryKey(const Session& session, const Command& command, Args args, uint8_t access) {
  return session.acl_user == nullptr || session.acl_user->CheckWithEveryKey(command, args, access);
}

void NoteFailedLogin(CommandContext& context, const Session& session, Args args, std::string_view user) {
  AclEvent event;
  event.reason = AclLogReason::kAuth;
  event.context = (session.conditions & kInTransaction) != 0 ? AclContext::kMulti : AclContext::kTopLevel;
  event.object = args[0];
  event.user = user;
  Note(context, session, args, std::move(event));
}

std::string PermissionErrorText(const EngineVersion& engine, const Session& session, const Command& command,
                                AclVerdict verdict) {
  const AclWording wording = WordingOf(engine);
  switch (verdict.denial) {
    case AclDenial::kKey:
      return std::string(NoKeyPermissionText(wording));
    case AclDenial::kChannel:
      return std::string(NoChannelPermissionText(wording));
    default:
      return NoCommandPermissionText(wording, session.user, command.full_name);
  }
}

std::string DryRunText(const EngineVersion& engine, std::string_view user, const Command& command, Args args,
                       AclVerdict verdict) {
  std::string text = "This user";
  if (engine.AtLeast(7, 2)) text = std::string("User ").append(user);
  if (verdict.denial == AclDenial::kCommand) {
    return text.append(" has no permissions to run the '").append(command.full_name).append("' command");
  }
  const std::string_view kind = verdict.denial == AclDenial::kKey ? "' key" : "' channel";
  std::string_view name = args[verdict.argument];
  if (!engine.AtLeast(7, 2)) name = name.substr(0, name.find('\0'));  // Redis 7.0 shows it as a C string.
  return text.append(" has no permissions to access the '").append(name).append(kind);
}

std::string PermissionErrorInExec(AclVerdict verdict) {
  std::string text =
      "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is "
      "no longer allowed for the following reason: ";
  switch (verdict.denial) {
    case AclDenial::kKey:
      return text.append("no permission to touch the specified keys");
    case AclDenial::kChannel:
      return text.append("no permission to access one of the channels used as arguments");
    default:
      return text.append("no permission to execute the command or subcommand");
  }
}

std::string PermissionErrorInScript(const EngineVersion& engine, const Session& session, const Command& command,
                                    AclVerdict verdict) {
  if (engine.AtLeast(7, 2)) {
    const std::string reason = PermissionErrorText(engine, session, command, verdict);
    return "ERR ACL failure in script: " + reason.substr(std::string_view("NOPERM ").size());
  }
  const std::string_view text = "ERR The user executing the script ";
  switch (verdict.denial) {
    case AclDenial::kKey:
      return std::string(text).append("can't access at least one of the keys mentioned in the command arguments");
    case AclDenial::kChannel:
      return std::string(text).append("can't publish to the channel mentioned in the command");
    default:
      return std::string(text).append("can't run this command or subcommand");
  }
}

}  // namespace cachenode
