// Who a client is: its name, where it sits, and the state it returns to.
//
// Thread-safety: the session's owner worker.
#pragma once

#include <string_view>

#include "server/session.h"
#include "storage/base/status.h"

namespace cachenode {

class AclStore;

// Gives the client a name; an empty one removes it. Error: the text for names with blanks or control characters.
Status SetClientName(Session& session, std::string_view name);

// Whether `text` may be a client name, library name or version: printable, no blanks.
[[nodiscard]] bool IsClientText(std::string_view text);

// Whether the client sits on this machine: Unix socket, loopback, or the server itself.
[[nodiscard]] bool IsLocalClient(const Session& session);

// RESET: everything a client can change about itself goes back to how it was when it connected.
void ResetSession(Session& session, const AclStore& users);

}  // namespace cachenode
