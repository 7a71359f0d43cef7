// The parts an access rule is made of that selectors and users share: why a rule is refused, what a check found, how
// rules are worded.
//
// Thread-safety: values and pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cachenode {

// Why a rule ("+get", "~cached:*", ">secret") cannot be applied.
enum class AclRuleError : uint8_t {
  kNone,
  kSyntax,
  kUnknownCommand,  // Or category.
  kAfterAllKeys,
  kAfterAllChannels,
  kNoSuchPassword,
  kBadPasswordHash,
  kFirstArgumentOfSubcommand,
};
// "Unknown command or category name in ACL".
[[nodiscard]] std::string_view AclRuleErrorText(AclRuleError error) noexcept;

// What a check found. Of several refusals the later one of this order is reported.
enum class AclDenial : uint8_t { kNone, kCommand, kKey, kChannel };
struct AclVerdict {
  AclDenial denial = AclDenial::kNone;
  uint32_t argument = 0;  // Of the key or channel that was refused.

  [[nodiscard]] bool allows() const { return denial == AclDenial::kNone; }
};

// How rules about commands are shown. Engine 7.0 finds the shortest list of categories and commands that gives the same
// permissions; later ones keep the rules as they were given.
enum class AclStyle : uint8_t { kShortest, kAsGiven };

// Whether `text` holds a blank or a zero byte, which names and patterns may not.
[[nodiscard]] bool AclTextHasBlanks(std::string_view text) noexcept;

// Joins selectors that were split at their blanks ("(+get", "~a)") to one rule each.
struct AclRules {
  std::vector<std::string> rules;
  std::optional<size_t> unmatched;  // The argument whose parenthesis is never closed; `rules` is then of no use.
};
[[nodiscard]] AclRules JoinAclSelectors(std::vector<std::string> arguments);

// A rule as error reports may show it: nothing of a password.
[[nodiscard]] std::string_view WithoutAclSecret(std::string_view rule) noexcept;

// The categories in the order ACL CAT lists them.
struct AclCategoryName {
  std::string_view name;
  uint32_t category;  // An AclCategory bit.
};
inline constexpr size_t kAclCategoryCount = 21;
[[nodiscard]] const AclCategoryName& AclCategoryAt(size_t index) noexcept;
// The bit of a category in any letter case, 0 when there is none of that name.
[[nodiscard]] uint32_t FindAclCategory(std::string_view name) noexcept;

}  // namespace cachenode
