// Search in an array of equal strides by halving, where the outcome of a comparison cannot be foretold: it selects,
// it does not branch, and each step takes six instructions.
//
// Thread-safety: pure functions over borrowed bytes.
#pragma once

#include <bit>
#include <cstddef>
#include <limits>

namespace cachenode {

// The last of `count` elements, kStride bytes each, for which `holds(const char* element)` is true, or the first when
// it is true for none. It is true for a run of elements at the start and false behind it. Requires count > 0.
template <size_t kStride, typename Holds>
[[nodiscard]] inline const char* LastThatHolds(const char* elements, size_t count, const Holds& holds) noexcept {
  // The first look leaves a power of two of elements: whichever way it goes, the others are known. Distances are in
  // bytes, so that halving one is a shift.
  constexpr int kTopBit = std::numeric_limits<size_t>::digits - 1;
  const size_t kept = kStride << (std::countl_zero(count | 1) ^ kTopBit);
  const size_t rest = count * kStride - kept;
  const char* from = elements + (holds(elements + rest) ? rest : 0);
  for (size_t step = kept / 2; step >= kStride; step /= 2) {
    const char* const next = from + step;
    from = holds(next) ? next : from;
  }
  return from;
}

}  // namespace cachenode
