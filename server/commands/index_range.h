// Start and end as clients give them, negative from the end, turned into positions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace cachenode {

struct IndexRange {
  size_t first;
  size_t last;  // Included.
};

// The part of [0, size) that `start` and `end` (both included) name, empty when they name nothing.
[[nodiscard]] constexpr std::optional<IndexRange> ResolveRange(int64_t start, int64_t end, size_t size) {
  if (start < 0 && end < 0 && start > end) return std::nullopt;
  const auto length = static_cast<int64_t>(size);
  if (start < 0) start = start < -length ? 0 : start + length;
  if (end < 0) end = end < -length ? 0 : end + length;
  if (end >= length) end = length - 1;
  if (length == 0 || start > end) return std::nullopt;
  return IndexRange{static_cast<size_t>(start), static_cast<size_t>(end)};
}

// As ResolveRange, but an end before the first element names nothing, as lists have it; strings and bitmaps take such
// an end for the first.
[[nodiscard]] constexpr std::optional<IndexRange> ResolveElementRange(int64_t start, int64_t end, size_t size) {
  if (end < -static_cast<int64_t>(size)) return std::nullopt;
  return ResolveRange(start, end, size);
}

}  // namespace cachenode
