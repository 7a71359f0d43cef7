#include "server/config/service_name.h"

#include <fmt/format.h>

#include <algorithm>

namespace cachenode {
namespace {

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsPart(char c) { return IsLetter(c) || (c >= '0' && c <= '9') || c == '-'; }

}  // namespace

std::string ServiceNameProblem(std::string_view name, size_t bytes_max) {
  if (name.empty() || name.size() > bytes_max) return fmt::format("a name has 1 to {} characters", bytes_max);
  if (!std::ranges::all_of(name, IsPart)) return "a name holds letters, digits and hyphens only";
  if (!IsLetter(name.front())) return "a name begins with a letter";
  if (name.ends_with('-')) return "a name does not end with a hyphen";
  if (name.find("--") != std::string_view::npos) return "a name has no two hyphens in a row";
  return {};
}

}  // namespace cachenode
