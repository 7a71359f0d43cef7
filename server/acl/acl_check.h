// Asks whether a client's user may run a request, notes refusals in the ACL log, and words them.
//
// Thread-safety: inside the world, on the client's worker; the log takes care of itself.
// Cost: one comparison for a client that may do everything.
#pragma once

#include <string>
#include <string_view>

#include "server/acl/acl_log.h"
#include "server/acl/acl_rule.h"
#include "server/key_spec.h"

namespace cachenode {

class CommandContext;
class EngineVersion;
struct Command;
struct Session;

// Whether the user of `session` may run the request; a refusal is counted and logged.
[[nodiscard]] AclVerdict CheckPermission(CommandContext& context, const Session& session, const Command& command,
                                         Args args, AclContext where);
// The same for one who only asks (redis.acl_check_cmd): nothing is logged.
[[nodiscard]] bool MayRun(const Session& session, const Command& command, Args args);
// Whether the user may run the request and also access any key whatever so (kAclReadAccess): SORT with BY or GET.
[[nodiscard]] bool MayRunWithEveryKey(const Session& session, const Command& command, Args args, uint8_t access);

// Notes a failed login of `user` by the request `args` (AUTH or HELLO).
void NoteFailedLogin(CommandContext& context, const Session& session, Args args, std::string_view user);

// The reply to a request that was refused: "NOPERM ...".
[[nodiscard]] std::string PermissionErrorText(const EngineVersion& engine, const Session& session,
                                              const Command& command, AclVerdict verdict);
// What ACL DRYRUN answers; names the key or channel.
[[nodiscard]] std::string DryRunText(const EngineVersion& engine, std::string_view user, const Command& command,
                                     Args args, AclVerdict verdict);
// The reply in the place of a queued command whose permission went between MULTI and EXEC.
[[nodiscard]] std::string PermissionErrorInExec(AclVerdict verdict);
// The error redis.call raises.
[[nodiscard]] std::string PermissionErrorInScript(const EngineVersion& engine, const Session& session,
                                                  const Command& command, AclVerdict verdict);

}  // namespace cachenode
