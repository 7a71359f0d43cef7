#include "storage/base/hash.h"

#include "storage/base/bytes.h"
#include "storage/base/random.h"

namespace cachenode {

namespace {

HashSecret DrawSecret() noexcept {
  HashSecret secret;
  FillWithKernelRandom(secret.bytes);
  return secret;
}

}  // namespace

namespace detail {
HashSecret key_hash_secret = DrawSecret();
}  // namespace detail

void SetHashSeed(uint64_t seed) noexcept {
  std::array<unsigned char, 192>& bytes = detail::key_hash_secret.bytes;
  for (size_t i = 0; i < bytes.size(); i += sizeof(uint64_t)) StoreLittleEndian(&bytes[i], SplitMix64(seed));
}

}  // namespace cachenode
