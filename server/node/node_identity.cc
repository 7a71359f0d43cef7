#include "server/node/node_identity.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace cachenode {
namespace {

constexpr size_t kHostNameBytesMax = 256;

std::string MachineName() {
  std::array<char, kHostNameBytesMax> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}

// The first address, if that is one machine's. A leading "-" only says that its absence is fine.
std::string HostOf(const Config& config) {
  if (config.bind.empty()) return MachineName();
  const std::string& first = config.bind.front();
  const std::string host = first.starts_with('-') ? first.substr(1) : first;
  if (host.find('*') != std::string::npos || host == "0.0.0.0" || host == "::") return MachineName();
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

}  // namespace

std::string EndpointOf(const Config& config) {
  const int64_t port = config.port != 0 ? config.port : config.tls_port;
  if (port == 0) return config.unixsocket;
  return fmt::format("{}:{}", HostOf(config), port);
}

std::string_view EngineNameOf(const Config& config) {
  return config.engine_version.family() == EngineFamily::kValkey ? "valkey" : "redis";
}

std::string EngineNumberOf(const Config& config) {
  const bool is_valkey = config.engine_version.family() == EngineFamily::kValkey;
  return is_valkey ? config.engine_version.ValkeyVersionText() : config.engine_version.RedisVersionText();
}

std::vector<std::string> IdentityWarnings(const Config& config) {
  std::vector<std::string> warnings;
  if (config.auto_minor_version_upgrade) {
    warnings.emplace_back(
        "auto-minor-version-upgrade is on, but a process does not replace its own program: install the newer one and "
        "restart.");
  }
  const bool names_ranges = !config.allow_cidr.empty() || std::ranges::any_of(config.security_groups.groups(),
                                                                              [](const SecurityGroups::Group& group) {
                                                                                return !group.ranges.empty();
                                                                              });
  if (!config.security_groups.empty() && !names_ranges) {
    warnings.emplace_back("No security-group lists a range of addresses: only this machine may connect.");
  }
  return warnings;
}

}  // namespace cachenode
