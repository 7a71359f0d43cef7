// How SRANDMEMBER, HRANDFIELD and ZRANDMEMBER read a count and choose among many.
//
// Thread-safety: on a handler's stack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "storage/base/numbers.h"
#include "storage/base/random.h"
#include "storage/base/result.h"

namespace cachenode {

// How many a client wants: distinct ones, or as many draws as that, with repetition, when the number was negative.
struct SampleCount {
  uint64_t count = 0;
  bool distinct = true;
};

[[nodiscard]] inline Result<SampleCount> ParseSampleCount(std::string_view text) {
  const Result<int64_t> number = ParseInt64(text);
  if (!number) return Err::kNotInteger;
  if (*number == INT64_MIN) {
    return Status::Text("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807");
  }
  if (*number >= 0) return SampleCount{static_cast<uint64_t>(*number), true};
  return SampleCount{static_cast<uint64_t>(-*number), false};
}

// Takes `wanted` of `total` things that pass one by one, every subset with the same chance.
class SubsetSampler {
 public:
  SubsetSampler(size_t wanted, size_t total, Random& random) noexcept
      : wanted_(wanted), left_(total), random_(random) {}

  [[nodiscard]] bool Done() const noexcept { return wanted_ == 0; }
  // Whether the next one is taken.
  [[nodiscard]] bool Take() noexcept {
    const bool take = random_.Below(left_--) < wanted_;
    wanted_ -= take ? 1 : 0;
    return take;
  }

 private:
  size_t wanted_;
  size_t left_;
  Random& random_;
};

}  // namespace cachenode
