#include "server/config/service_name.h"

#include <fmt/format.h>

#include "persistence/catalogue/snapshot_name.h"

namespace cachenode {

std::string ServiceNameProblem(std::string_view name, size_t bytes_max) {
  if (name.empty() || name.size() > bytes_max) return fmt::format("a name has 1 to {} characters", bytes_max);
  return std::string(BrokenNameRule(name));
}

}  // namespace cachenode
