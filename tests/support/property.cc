#include "tests/support/property.h"

#include <cstdlib>
#include <random>
#include <string_view>

namespace cachenode {

namespace {

constexpr uint64_t kDefaultSeed = 1;

uint64_t ReadSeed() {
  const char* text = std::getenv("CACHENODE_TEST_SEED");
  if (text == nullptr) return kDefaultSeed;
  if (std::string_view(text) == "random") return std::random_device{}();
  return std::strtoull(text, nullptr, 10);
}

size_t ReadScale() {
  const char* text = std::getenv("CACHENODE_TEST_SCALE");
  const size_t scale = text == nullptr ? 1 : std::strtoull(text, nullptr, 10);
  return scale == 0 ? 1 : scale;
}

}  // namespace

size_t PropertyRounds(size_t rounds) {
  static const size_t scale = ReadScale();
  return rounds * scale;
}

uint64_t PropertySeed() {
  static const uint64_t seed = ReadSeed();
  return seed;
}

std::string PropertyTrace() { return "CACHENODE_TEST_SEED=" + std::to_string(PropertySeed()); }

}  // namespace cachenode
