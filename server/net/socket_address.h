// Socket addresses as text, and text as addresses to bind.
//
// Thread-safety: pure functions; ResolveToBind may ask the resolver for a host name and then blocks.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "storage/base/result.h"

namespace cachenode {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  [[nodiscard]] const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage); }
  [[nodiscard]] sockaddr* raw() { return reinterpret_cast<sockaddr*>(&storage); }
};

// "127.0.0.1:6379", "[::1]:6379"; a Unix address is `unix_path` and ":0".
std::string AddressText(const SocketAddress& address, std::string_view unix_path = {});
[[nodiscard]] uint16_t PortOf(const SocketAddress& address);
// 127.0.0.0/8, ::1 (also as IPv4 in IPv6), and every Unix address.
[[nodiscard]] bool IsLoopback(const SocketAddress& address);

// `host` is an address, a name, "*" (all of IPv4) or "::*" (all of IPv6). Error: kText, the resolver's words.
Result<std::vector<SocketAddress>> ResolveToBind(const std::string& host, uint16_t port);

}  // namespace cachenode
