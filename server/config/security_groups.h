// The value of security-group: named lists of address ranges, "web 10.0.1.0/24 10.0.2.0/24 ops 192.0.2.7".
//
// Thread-safety: a value.
// Invariant: every name is unique; a word that is an address range is never a name.
// Limits: kGroupsMax groups, AddressRanges::kRangesMax ranges each.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/address_ranges.h"

namespace cachenode {

class SecurityGroups {
 public:
  static constexpr size_t kGroupsMax = 16;
  static constexpr size_t kNameBytesMax = 255;

  struct Group {
    std::string name;
    AddressRanges ranges;
  };

  // Takes "NAME [RANGE...] [NAME [RANGE...]]...". A name that is there already gets more ranges. The reason why not, or
  // empty; on failure this object is half filled.
  [[nodiscard]] std::string Add(std::span<const std::string> words);

  [[nodiscard]] bool empty() const { return groups_.empty(); }
  // Whether a peer ("10.0.0.7:52814") lies in a range of any group.
  [[nodiscard]] bool ContainsPeer(std::string_view peer) const;
  [[nodiscard]] const std::vector<Group>& groups() const { return groups_; }
  // One text a group: its name and its ranges.
  [[nodiscard]] std::vector<std::string> texts() const;

 private:
  Group* Find(std::string_view name);

  std::vector<Group> groups_;
};

}  // namespace cachenode
