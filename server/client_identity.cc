#include "server/client_identity.h"
#include "server/config/config.h"

#include <algorithm>

#include "server/acl/acl_store.h"

namespace cachenode {

bool IsClientText(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '!' && c <= '~'; });
}

Status SetClientName(Session& session, std::string_view name) {
  if (!IsClientText(name)) {
    return Status::Text("ERR Client names cannot contain spaces, newlines or special characters.");
  }
  session.name = std::string(name);
  return Status::Ok();
}

bool IsLocalClient(const Session& session) {
  return session.is_unix_socket || session.is_internal || session.peer_address.starts_with("127.") ||
         session.peer_address.starts_with("[::1]");
}

void ResetSession(Session& session, const AclStore& users) {
  session.database = 0;
  session.resp_version = 2;
  session.name.clear();
  session.no_evict = false;
  session.no_touch = false;
  session.reply_mode = ReplyMode::kOn;
  users.BecomeDefault(session);
}

}  // namespace cachenode
