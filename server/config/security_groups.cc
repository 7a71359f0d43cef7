#include "server/config/security_groups.h"

#include <algorithm>

namespace cachenode {
namespace {

bool IsName(std::string_view word) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto is_part = [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  };
  return !word.empty() && word.size() <= SecurityGroups::kNameBytesMax && is_letter(word[0]) &&
         std::ranges::all_of(word, is_part);
}

}  // namespace

SecurityGroups::Group* SecurityGroups::Find(std::string_view name) {
  const auto found = std::ranges::find(groups_, name, &Group::name);
  return found == groups_.end() ? nullptr : &*found;
}

std::string SecurityGroups::Add(std::span<const std::string> words) {
  Group* group = nullptr;
  for (const std::string& word : words) {
    AddressRanges probe;
    if (probe.Add(word)) {
      if (group == nullptr) return "the name of the group comes before its ranges";
      if (!group->ranges.Add(word)) return "Too many address ranges specified.";
      continue;
    }
    if (!IsName(word)) {
      return "'" + word +
             "' is neither a range of addresses like 10.0.0.0/8 nor a name of letters, digits, '-', '_' and '.' that "
             "begins with a letter";
    }
    group = Find(word);
    if (group != nullptr) continue;
    if (groups_.size() == kGroupsMax) return "Too many security groups specified.";
    group = &groups_.emplace_back(Group{word, {}});
  }
  return {};
}

bool SecurityGroups::ContainsPeer(std::string_view peer) const {
  return std::ranges::any_of(groups_, [peer](const Group& group) { return group.ranges.ContainsPeer(peer); });
}

std::vector<std::string> SecurityGroups::texts() const {
  std::vector<std::string> texts;
  for (const Group& group : groups_) {
    std::string text = group.name;
    for (const std::string& range : group.ranges.texts()) text.append(" ").append(range);
    texts.push_back(std::move(text));
  }
  return texts;
}

}  // namespace cachenode
