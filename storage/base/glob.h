// Glob patterns as KEYS, SCAN MATCH, PSUBSCRIBE and ACL use them: * ? [abc] [^a-z] and backslash escapes.
//
// Thread-safety: pure functions. Cost: O(pattern * text) at worst, never exponential, no recursion, no allocation.
// Quirks kept for compatibility: a class without its closing bracket ends with the pattern; "[^]" matches any byte;
//   ranges compare signed bytes; a backslash at the very end stands for itself.
#pragma once

#include <string_view>

namespace cachenode {

enum class CaseRule : bool { kExact, kIgnore };

// Whether the whole of `text` matches `pattern`.
[[nodiscard]] bool GlobMatch(std::string_view pattern, std::string_view text,
                             CaseRule rule = CaseRule::kExact) noexcept;

// Whether `pattern` matches everything, so that callers may skip the test: one or more stars and nothing else.
[[nodiscard]] bool GlobMatchesAll(std::string_view pattern) noexcept;

// Whether `pattern` has no special character and so matches exactly itself.
[[nodiscard]] bool GlobIsLiteral(std::string_view pattern) noexcept;

}  // namespace cachenode
