// The 64-bit hash of a key: XXH3 keyed with a secret drawn at process start, so that nobody outside can choose keys
// that collide.
//
// Thread-safety: HashKey reads a table that is constant after static initialisation. SetHashSeed is for tests and for
//   tools that need repeatable order: call it before any hash is kept and while no other thread runs.
#pragma once

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cachenode {

struct alignas(64) HashSecret {
  std::array<unsigned char, 192> bytes;
};

namespace detail {
extern HashSecret key_hash_secret;
}  // namespace detail

[[nodiscard]] inline uint64_t HashKey(std::string_view key) noexcept {
  return XXH3_64bits_withSecret(key.data(), key.size(), detail::key_hash_secret.bytes.data(),
                                detail::key_hash_secret.bytes.size());
}

// Replaces the random secret by one that depends on `seed` only.
void SetHashSeed(uint64_t seed) noexcept;

}  // namespace cachenode
