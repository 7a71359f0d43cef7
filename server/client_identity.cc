#include "server/client_identity.h"
#include "server/config/config.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <algorithm>

namespace cachenode {
namespace {

bool PasswordFits(std::string_view given, std::string_view wanted) {
  unsigned char given_digest[SHA256_DIGEST_LENGTH];
  unsigned char wanted_digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(given.data()), given.size(), given_digest);
  SHA256(reinterpret_cast<const unsigned char*>(wanted.data()), wanted.size(), wanted_digest);
  return CRYPTO_memcmp(given_digest, wanted_digest, SHA256_DIGEST_LENGTH) == 0;
}

}  // namespace

Status Authenticate(Session& session, const Config& config, std::string_view user, std::string_view password) {
  const bool fits = user == "default" && (config.requirepass.empty() || PasswordFits(password, config.requirepass));
  if (!fits) return Status::Text("WRONGPASS invalid username-password pair or user is disabled.");
  session.authenticated = true;
  session.user = "default";
  return Status::Ok();
}

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

void ResetSession(Session& session, const Config& config) {
  session.database = 0;
  session.resp_version = 2;
  session.name.clear();
  session.no_evict = false;
  session.no_touch = false;
  session.reply_mode = ReplyMode::kOn;
  session.user = "default";
  session.authenticated = config.requirepass.empty();
}

}  // namespace cachenode
