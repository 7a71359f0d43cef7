#include "storage/base/bits.h"

namespace cachenode {
namespace {

inline uint64_t CountWords(const char* from, size_t word_count) noexcept {
  // Four independent sums, so that the adds do not wait for each other.
  uint64_t sums[4] = {0, 0, 0, 0};
  size_t i = 0;
  for (; i + 4 <= word_count; i += 4) {
    uint64_t words[4];
    std::memcpy(words, from + i * 8, sizeof words);
    for (size_t k = 0; k < 4; ++k) sums[k] += static_cast<uint64_t>(std::popcount(words[k]));
  }
  for (; i < word_count; ++i) {
    uint64_t word = 0;
    std::memcpy(&word, from + i * 8, sizeof word);
    sums[0] += static_cast<uint64_t>(std::popcount(word));
  }
  return sums[0] + sums[1] + sums[2] + sums[3];
}

#if defined(__x86_64__)
// The same loop compiled for processors that count bits in one instruction, chosen when the program starts.
__attribute__((target("popcnt"))) uint64_t CountWordsByInstruction(const char* from, size_t word_count) noexcept {
  uint64_t sums[4] = {0, 0, 0, 0};
  size_t i = 0;
  for (; i + 4 <= word_count; i += 4) {
    uint64_t words[4];
    std::memcpy(words, from + i * 8, sizeof words);
    for (size_t k = 0; k < 4; ++k) sums[k] += static_cast<uint64_t>(__builtin_popcountll(words[k]));
  }
  for (; i < word_count; ++i) {
    uint64_t word = 0;
    std::memcpy(&word, from + i * 8, sizeof word);
    sums[0] += static_cast<uint64_t>(__builtin_popcountll(word));
  }
  return sums[0] + sums[1] + sums[2] + sums[3];
}
#endif

using CountFunction = uint64_t (*)(const char*, size_t) noexcept;

CountFunction Choose() noexcept {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("popcnt") != 0) return CountWordsByInstruction;
#endif
  return CountWords;
}

const CountFunction kCount = Choose();

}  // namespace

uint64_t CountBits(std::string_view bytes) noexcept {
  const size_t word_count = bytes.size() / 8;
  uint64_t count = kCount(bytes.data(), word_count);
  for (const char byte : bytes.substr(word_count * 8)) {
    count += static_cast<uint64_t>(std::popcount(static_cast<uint8_t>(byte)));
  }
  return count;
}

}  // namespace cachenode
