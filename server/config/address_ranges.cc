#include "server/config/address_ranges.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "storage/base/numbers.h"

namespace cachenode {

namespace {

constexpr int kAddressBits = 128;
constexpr int kMappedPrefixBits = 96;  // Of an IPv4 address inside IPv6.

bool SharePrefix(const std::array<uint8_t, 16>& a, const std::array<uint8_t, 16>& b, int bits) {
  const auto whole = static_cast<size_t>(bits / 8);
  if (std::memcmp(a.data(), b.data(), whole) != 0) return false;
  const int rest = bits % 8;
  return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

}  // namespace

std::optional<AddressRanges::Address> AddressRanges::ParseAddress(std::string_view text) {
  if (text.size() >= INET6_ADDRSTRLEN || text.find('\0') != std::string_view::npos) return std::nullopt;
  const std::string terminated(text);
  Address address{};
  if (inet_pton(AF_INET6, terminated.c_str(), address.data()) == 1) return address;
  address.fill(0);
  address[10] = address[11] = 0xFF;
  if (inet_pton(AF_INET, terminated.c_str(), address.data() + 12) == 1) return address;
  return std::nullopt;
}

bool AddressRanges::Add(std::string_view text) {
  if (ranges_.size() >= kRangesMax) return false;
  const size_t slash = text.find('/');
  const std::string_view host = text.substr(0, slash);
  const std::optional<Address> address = ParseAddress(host);
  if (!address) return false;
  const int prefix_min = host.find(':') == std::string_view::npos ? kMappedPrefixBits : 0;
  int prefix_bits = kAddressBits;
  if (slash != std::string_view::npos) {
    int64_t given = 0;
    if (!TryParseInt64(text.substr(slash + 1), given) || given < 0 || given > kAddressBits - prefix_min) return false;
    prefix_bits = prefix_min + static_cast<int>(given);
  }
  ranges_.push_back({*address, prefix_bits});
  texts_.emplace_back(text);
  return true;
}

bool AddressRanges::ContainsPeer(std::string_view peer) const {
  const size_t port = peer.rfind(':');
  if (port == std::string_view::npos) return false;
  std::string_view host = peer.substr(0, port);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  // An address of one link names its interface behind a per cent sign.
  const std::optional<Address> address = ParseAddress(host.substr(0, host.find('%')));
  if (!address) return false;
  return std::any_of(ranges_.begin(), ranges_.end(),
                     [&address](const Range& range) { return SharePrefix(*address, range.first, range.prefix_bits); });
}

}  // namespace cachenode
