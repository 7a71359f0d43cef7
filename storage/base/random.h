// Fast random numbers that are good enough for sampling, never for secrets: xoshiro256++.
//
// Thread-safety: a Random belongs to one thread; ThreadRandom gives each thread its own, seeded from the kernel.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace cachenode {

// One step of SplitMix64: advances `state` and returns a well mixed word. Turns a small seed into a large one.
[[nodiscard]] constexpr uint64_t SplitMix64(uint64_t& state) noexcept {
  state += 0x9e3779b97f4a7c15U;
  uint64_t mixed = state;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9U;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebU;
  return mixed ^ (mixed >> 31);
}

class Random {
 public:
  using result_type = uint64_t;  // With min and max, what std::shuffle and the distributions ask for.

  explicit Random(uint64_t seed) noexcept { Seed(seed); }

  void Seed(uint64_t seed) noexcept {
    for (uint64_t& word : state_) word = SplitMix64(seed);
  }
  [[nodiscard]] uint64_t Next() noexcept {
    const uint64_t result = Rotate(state_[0] + state_[3], 23) + state_[0];
    const uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = Rotate(state_[3], 45);
    return result;
  }
  // Uniform in [0, bound) up to a bias of bound / 2^64. Requires bound > 0.
  [[nodiscard]] uint64_t Below(uint64_t bound) noexcept {
    __extension__ using Wide = unsigned __int128;
    return static_cast<uint64_t>((static_cast<Wide>(Next()) * bound) >> 64);
  }
  // Uniform in [0, 1).
  [[nodiscard]] double Unit() noexcept { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

  result_type operator()() noexcept { return Next(); }
  static constexpr result_type min() noexcept { return 0; }
  static constexpr result_type max() noexcept { return UINT64_MAX; }

 private:
  static constexpr uint64_t Rotate(uint64_t value, int bits) noexcept {
    return (value << bits) | (value >> (64 - bits));
  }
  std::array<uint64_t, 4> state_{};
};

// The calling thread's generator, seeded from the kernel at its first use. The reference lives as long as the thread.
[[nodiscard]] Random& ThreadRandom() noexcept;

// Fills `into` from the kernel's generator, fit for secrets. Stops the process if the kernel refuses.
void FillWithKernelRandom(std::span<unsigned char> into) noexcept;
// Fills `out` with random lower-case hexadecimal digits from the kernel: run ids, ACL GENPASS.
void FillWithRandomHex(std::span<char> out) noexcept;

}  // namespace cachenode
