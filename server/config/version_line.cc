// What --version and --test-memory answer.
#include <fmt/format.h>

#include <cstdint>
#include <span>
#include <string_view>

#include "server/config/command_line.h"
#include "storage/base/memory.h"
#include "storage/base/random.h"

namespace cachenode {
namespace {

constexpr size_t kMegabyte = size_t{1} << 20;

// FNV-1a over what distinguishes one build from another; stable for the same sources and compiler.
uint64_t BuildId(std::string_view allocator) {
  uint64_t id = 0xcbf29ce484222325U;
  for (const std::string_view part : {std::string_view(CACHENODE_VERSION), std::string_view(__VERSION__), allocator}) {
    for (const char c : part) id = (id ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  return id;
}

// How many words of `words` do not hold what was written to them. Volatile: really written and really read.
// tidy: allow(volatile) a test of memory has to touch it.
size_t CountFaults(std::span<volatile uint64_t> words, uint64_t seed, uint64_t flip) {
  uint64_t state = seed;
  // tidy: allow(volatile) a test of memory has to touch it.
  for (volatile uint64_t& word : words) word = SplitMix64(state) ^ flip;
  state = seed;
  size_t faults = 0;
  // tidy: allow(volatile) as above.
  for (const volatile uint64_t& word : words) {
    if (word != (SplitMix64(state) ^ flip)) ++faults;
  }
  return faults;
}

}  // namespace

std::string VersionLine() {
  const std::string_view allocator = memory::AllocatorName();
  return fmt::format("Cachenode server v={} sha=00000000:0 malloc={} bits={} build={:x} cachenode={}",
                     EngineVersion().RedisVersionText(), allocator, sizeof(void*) * 8, BuildId(allocator),
                     CACHENODE_VERSION);
}

MemoryTestResult TestMemory(int64_t megabytes) {
  const size_t size_bytes = static_cast<size_t>(megabytes) * kMegabyte;
  void* block = memory::Allocate(size_bytes);
  if (block == nullptr) return {fmt::format("Unable to allocate {} megabytes.\n", megabytes), false};
  // tidy: allow(volatile) as above.
  const std::span<volatile uint64_t> words(static_cast<uint64_t*>(block), size_bytes / sizeof(uint64_t));
  // Each bit is written as 0 and as 1, and no two words near each other are alike.
  const uint64_t seed = ThreadRandom().Next();
  const size_t faults = CountFaults(words, seed, 0) + CountFaults(words, seed, ~uint64_t{0});
  memory::Free(block, size_bytes);
  if (faults > 0) {
    return {fmt::format("*** MEMORY ERROR: {} of {} words did not hold their value. ***\n", faults, words.size()),
            false};
  }
  return {fmt::format("Your memory passed this test: {} megabytes.\n", megabytes), true};
}

}  // namespace cachenode
