#include "storage/base/random.h"

#include <sys/random.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace cachenode {

void FillWithKernelRandom(std::span<unsigned char> into) noexcept {
  while (!into.empty()) {
    const ssize_t got = ::getrandom(into.data(), into.size(), 0);
    if (got > 0) {
      into = into.subspan(static_cast<size_t>(got));
    } else if (errno != EINTR) {
      static_cast<void>(std::fprintf(stderr, "getrandom failed with error %d\n", errno));
      std::abort();
    }
  }
}

void FillWithRandomHex(std::span<char> out) noexcept {
  constexpr std::string_view kDigits = "0123456789abcdef";
  while (!out.empty()) {
    unsigned char bytes[32];
    FillWithKernelRandom(bytes);
    const size_t count = out.size() < 2 * sizeof bytes ? out.size() : 2 * sizeof bytes;
    for (size_t i = 0; i < count; ++i) {
      const unsigned char byte = bytes[i / 2];
      out[i] = kDigits[i % 2 == 0 ? byte >> 4 : byte & 15];
    }
    out = out.subspan(count);
  }
}

Random& ThreadRandom() noexcept {
  thread_local Random random = [] {
    unsigned char bytes[sizeof(uint64_t)];
    FillWithKernelRandom(bytes);
    uint64_t seed = 0;
    std::memcpy(&seed, bytes, sizeof seed);
    return Random(seed);
  }();
  return random;
}

}  // namespace cachenode
