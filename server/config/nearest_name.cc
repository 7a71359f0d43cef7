#include "server/config/nearest_name.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "storage/base/bytes.h"

namespace cachenode {
namespace {

constexpr size_t kNameBytesMax = 128;  // Longer names have no near one.

// How many insertions, deletions and replacements turn `from` into `to`. O(from * to).
size_t EditDistance(std::string_view from, std::string_view to) {
  std::vector<size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < from.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < to.size(); ++j) {
      const size_t replaced = diagonal + (from[i] == to[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string_view NearestName(std::string_view name, std::span<const std::string_view> names) {
  if (name.size() > kNameBytesMax) return {};
  const std::string lower = LowerCased(name);
  size_t best_distance = std::max<size_t>(lower.size() / 3, 1) + 1;
  std::string_view best;
  for (const std::string_view candidate : names) {
    const size_t distance = EditDistance(lower, candidate);
    if (distance >= best_distance) continue;
    best_distance = distance;
    best = candidate;
  }
  return best;
}

}  // namespace cachenode
