// A list of IPv4 and IPv6 address ranges ("10.0.0.0/8", "2001:db8::/32", "192.0.2.7"): the value of allow-cidr.
//
// Thread-safety: a value.
// Invariants: an IPv4 address and the same address inside IPv6 (::ffff:10.0.0.1) are one. Bits behind the prefix do not
//   count.
// Limits: kRangesMax ranges.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cachenode {

class AddressRanges {
 public:
  static constexpr size_t kRangesMax = 1024;

  // False when `text` is no range, or the list is full.
  [[nodiscard]] bool Add(std::string_view text);
  [[nodiscard]] bool empty() const { return ranges_.empty(); }
  // Whether an address with its port ("10.0.0.7:52814", "[::1]:52814") lies in one of the ranges.
  [[nodiscard]] bool ContainsPeer(std::string_view peer) const;
  // The ranges as they were added.
  [[nodiscard]] const std::vector<std::string>& texts() const { return texts_; }

 private:
  using Address = std::array<uint8_t, 16>;
  struct Range {
    Address first;
    int prefix_bits;
  };
  static std::optional<Address> ParseAddress(std::string_view text);

  std::vector<Range> ranges_;
  std::vector<std::string> texts_;
};

}  // namespace cachenode
