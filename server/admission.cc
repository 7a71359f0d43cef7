#include "server/admission.h"

#include <string_view>
#include <utility>

#include "server/acl/acl_store.h"
#include "server/client_registry.h"
#include "server/config/config.h"
#include "server/stats/stats_hub.h"
#include "server/worker.h"
#include "storage/base/log.h"

namespace cachenode {

namespace {

constexpr std::string_view kTooManyClients = "-ERR max number of clients reached\r\n";

// Word for word what redis-server 7.0 sends.
constexpr std::string_view kProtectedMode =
    "-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the "
    "default user. In this mode connections are only accepted from the loopback interface. If you want to connect "
    "from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected mode "
    "sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the "
    "same host the server is running, however MAKE SURE Redis is not publicly accessible from internet if you do so. "
    "Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the protected mode by "
    "editing the Redis configuration file, and setting the protected mode option to 'no', and then restarting the "
    "server. 3) If you started the server manually just for testing, restart it with the '--protected-mode no' "
    "option. 4) Setup a an authentication password for the default user. NOTE: You only need to do one of the above "
    "things in order for the server to start accepting connections from the outside.\r\n";

}  // namespace

// Whether the peer sits where allow-cidr and the security groups let clients sit. This machine always may: its own
// health checks and the operator who mends a wrong list come from there.
bool Admission::IsAllowedAddress(const IncomingConnection& incoming, const Config& config) const {
  const bool is_open = config.allow_cidr.empty() && config.security_groups.empty();
  if (is_open || incoming.is_loopback()) return true;
  if (config.allow_cidr.ContainsPeer(incoming.peer_address())) return true;
  if (config.security_groups.ContainsPeer(incoming.peer_address())) return true;
  CN_LOG(*parts_.log, kWarning, "Closed a connection from {}: the address is not in allow-cidr or a security-group",
         incoming.peer_address());
  parts_.stats->rejected_by_allow_cidr.fetch_add(1, std::memory_order_relaxed);
  return false;
}

// What a connection that is not admitted is sent; nothing when it is admitted. From outside of allow-cidr nobody learns
// what listens here.
std::optional<std::string_view> Admission::RefusalOf(const IncomingConnection& incoming, const Config& config) const {
  if (!IsAllowedAddress(incoming, config)) return std::string_view();
  if (parts_.clients->Count() >= static_cast<size_t>(config.maxclients)) return kTooManyClients;
  const bool is_protected = config.protected_mode && !incoming.is_loopback();
  if (is_protected && parts_.acl->Find(AclStore::kDefaultUser)->needs_no_password()) return kProtectedMode;
  return std::nullopt;
}

void Admission::Admit(IncomingConnection incoming, const Config& config) {
  if (const std::optional<std::string_view> refusal = RefusalOf(incoming, config)) {
    parts_.stats->rejected_connections.fetch_add(1, std::memory_order_relaxed);
    // As Redis does it: beyond maxclients nobody gets a handshake, but in protected mode one is told the reason.
    if (!incoming.is_tls() || *refusal != kProtectedMode) {
      if (!refusal->empty()) incoming.Refuse(*refusal);
      return;
    }
    incoming.SetFarewell(kProtectedMode);
  }
  Worker& worker = *workers_[ChooseWorker()];
  parts_.clients->Reserve(worker.index());
  const uint64_t id = parts_.clients->NextId(worker.index());
  if (worker.index() == 0) {
    worker.Adopt(std::move(incoming), id);
    return;
  }
  worker.mailbox().Post(MakeLetter(
      [incoming = std::move(incoming), id](Worker& there) mutable { there.Adopt(std::move(incoming), id); }));
}

// The one with the fewest clients; the first of equals.
uint32_t Admission::ChooseWorker() const {
  uint32_t best = 0;
  for (uint32_t i = 1; i < workers_.size(); ++i) {
    if (parts_.clients->CountOf(i) < parts_.clients->CountOf(best)) best = i;
  }
  return best;
}

}  // namespace cachenode
