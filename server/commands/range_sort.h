// Sorts only as much of a sequence as a reply shows, with the order of equal elements that Redis clients see.
//
// std::partial_sort would do but for that order: a reply limited by COUNT shows which of several equal elements come
// first, and clients' tests know it. This is the quicksort of Bentley and McIlroy ("Engineering a Sort Function",
// 1993), which Redis uses too: the middle of three or nine as pivot, equal elements gathered at both ends, insertion
// below seven. Parts outside of the range are left unsorted. Thread-safety: works on what it is given. Cost: O(n + k
// log k) on average for k elements wanted. A sequence made to be its worst case is sorted otherwise after
//   a while, then without regard to the order of equal elements.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace cachenode {

template <typename T, typename Compare>
class RangeSort {
 public:
  // `compare(a, b)` is below, equal to or above zero. `first` and `last` (included) are the positions that have to be
  // right afterwards.
  RangeSort(std::span<T> all, size_t first, size_t last, Compare compare)
      : all_(all), first_(first), last_(last), compare_(compare) {}

  void Run() {
    const auto rounds_max = static_cast<unsigned>(2 * std::bit_width(all_.size()) + 8);
    parts_.push_back({0, all_.size(), rounds_max});
    while (!parts_.empty()) {
      const Part part = parts_.back();
      parts_.pop_back();
      if (part.count < kInsertionBelow) {
        SortByInsertion(part);
      } else if (part.rounds_left == 0) {
        const auto begin = all_.begin() + static_cast<std::ptrdiff_t>(part.begin);
        std::sort(begin, begin + static_cast<std::ptrdiff_t>(part.count),
                  [this](const T& a, const T& b) { return compare_(a, b) < 0; });
      } else {
        Divide(part);
      }
    }
  }

 private:
  static constexpr size_t kInsertionBelow = 7;
  static constexpr size_t kNineAbove = 40;  // From here on the pivot is the middle of three middles.

  struct Part {
    size_t begin;
    size_t count;
    unsigned rounds_left;
  };

  [[nodiscard]] int CompareAt(size_t a, size_t b) const { return compare_(all_[a], all_[b]); }

  void SortByInsertion(const Part& part) {
    for (size_t i = part.begin + 1; i < part.begin + part.count; ++i) {
      for (size_t k = i; k > part.begin && CompareAt(k - 1, k) > 0; --k) std::swap(all_[k - 1], all_[k]);
    }
  }

  [[nodiscard]] size_t MiddleOf(size_t a, size_t b, size_t c) const {
    if (CompareAt(a, b) < 0) return CompareAt(b, c) < 0 ? b : (CompareAt(a, c) < 0 ? c : a);
    return CompareAt(b, c) > 0 ? b : (CompareAt(a, c) < 0 ? a : c);
  }

  [[nodiscard]] size_t ChoosePivot(const Part& part) const {
    const size_t middle = part.begin + part.count / 2;
    if (part.count <= kInsertionBelow) return middle;
    const size_t end = part.begin + part.count - 1;
    if (part.count <= kNineAbove) return MiddleOf(part.begin, middle, end);
    const size_t step = part.count / 8;
    return MiddleOf(MiddleOf(part.begin, part.begin + step, part.begin + 2 * step),
                    MiddleOf(middle - step, middle, middle + step), MiddleOf(end - 2 * step, end - step, end));
  }

  void SwapRuns(size_t a, size_t b, size_t count) {
    std::swap_ranges(all_.begin() + static_cast<std::ptrdiff_t>(a),
                     all_.begin() + static_cast<std::ptrdiff_t>(a + count),
                     all_.begin() + static_cast<std::ptrdiff_t>(b));
  }

  // Splits into what is below the pivot, equal to it and above it.
  void Divide(const Part& part) {
    const size_t begin = part.begin;
    const size_t end = begin + part.count;
    std::swap(all_[begin], all_[ChoosePivot(part)]);
    // [begin, low_equal) equals the pivot, [low_equal, low) is below, [high, high_equal) above, [high_equal, end)
    // equal.
    size_t low_equal = begin + 1;
    size_t low = begin + 1;
    size_t high = end;
    size_t high_equal = end;
    for (;;) {
      for (; low < high; ++low) {
        const int order = CompareAt(low, begin);
        if (order > 0) break;
        if (order == 0) std::swap(all_[low_equal++], all_[low]);
      }
      for (; low < high; --high) {
        const int order = CompareAt(high - 1, begin);
        if (order < 0) break;
        if (order == 0) std::swap(all_[high - 1], all_[--high_equal]);
      }
      if (low >= high) break;
      std::swap(all_[low++], all_[--high]);
    }
    const size_t below = low - low_equal;
    const size_t above = high_equal - high;
    const size_t left = std::min(low_equal - begin, below);
    SwapRuns(begin, low - left, left);
    const size_t right = std::min(above, end - high_equal);
    SwapRuns(low, end - right, right);
    Queue({end - above, above, part.rounds_left - 1});
    Queue({begin, below, part.rounds_left - 1});
  }

  void Queue(const Part& part) {
    if (part.count > 1 && part.begin <= last_ && part.begin + part.count > first_) parts_.push_back(part);
  }

  std::span<T> all_;
  size_t first_;
  size_t last_;
  Compare compare_;
  std::vector<Part> parts_;
};

}  // namespace cachenode
