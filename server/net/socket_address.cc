#include "server/net/socket_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <fmt/format.h>

#include <array>
#include <cstring>

namespace cachenode {

std::string AddressText(const SocketAddress& address, std::string_view unix_path) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.storage.ss_family == AF_INET) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(&address.storage);
    inet_ntop(AF_INET, &in->sin_addr, text.data(), text.size());
    return fmt::format("{}:{}", text.data(), ntohs(in->sin_port));
  }
  if (address.storage.ss_family == AF_INET6) {
    const auto* in = reinterpret_cast<const sockaddr_in6*>(&address.storage);
    inet_ntop(AF_INET6, &in->sin6_addr, text.data(), text.size());
    return fmt::format("[{}]:{}", text.data(), ntohs(in->sin6_port));
  }
  return fmt::format("{}:0", unix_path);
}

uint16_t PortOf(const SocketAddress& address) {
  if (address.storage.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<const sockaddr_in*>(&address.storage)->sin_port);
  }
  if (address.storage.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&address.storage)->sin6_port);
  }
  return 0;
}

bool IsLoopback(const SocketAddress& address) {
  if (address.storage.ss_family == AF_INET) {
    return ntohl(reinterpret_cast<const sockaddr_in*>(&address.storage)->sin_addr.s_addr) >> 24 == 127;
  }
  if (address.storage.ss_family == AF_INET6) {
    const in6_addr& in = reinterpret_cast<const sockaddr_in6*>(&address.storage)->sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&in)) return in.s6_addr[12] == 127;
    return IN6_IS_ADDR_LOOPBACK(&in);
  }
  return true;
}

Result<std::vector<SocketAddress>> ResolveToBind(const std::string& host, uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  const char* name = host.c_str();
  if (host == "*") {
    hints.ai_family = AF_INET;
    name = nullptr;
  } else if (host == "::*") {
    hints.ai_family = AF_INET6;
    name = nullptr;
  } else {
    hints.ai_family = host.find(':') == std::string::npos ? AF_INET : AF_INET6;
  }
  addrinfo* found = nullptr;
  const int failed = getaddrinfo(name, std::to_string(port).c_str(), &hints, &found);
  if (failed != 0) return Status::Text(gai_strerror(failed));
  std::vector<SocketAddress> addresses;
  for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
    SocketAddress address;
    std::memcpy(&address.storage, info->ai_addr, info->ai_addrlen);
    address.size = info->ai_addrlen;
    addresses.push_back(address);
  }
  freeaddrinfo(found);
  return addresses;
}

}  // namespace cachenode
