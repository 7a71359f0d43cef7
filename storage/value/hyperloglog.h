// HyperLogLogs: strings that estimate how many different elements were added to them, in the bytes that Redis keeps.
//
//   "HYLL" | u8 form (0 dense, 1 sparse) | 3 unused | u64 cached estimate, top bit: none | registers
//   dense: 16384 registers of 6 bits, least significant bit first: 12304 bytes in all
//   sparse: runs of registers, 00nnnnnn: n+1 zeros; 01nnnnnn nnnnnnnn: n+1 zeros; 1vvvvvnn: n+1 times the value v+1
// An element's hash picks a register, which keeps the greatest number of trailing zeros seen, plus one.
// Which bytes the same additions leave is part of the format: they are compared, dumped and restored, so splitting and
// joining runs follows Redis step by step, and the estimate is the same to the last digit.
// Source: Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017), algorithms 4 to 6.
// Thread-safety: pure functions over bytes; who owns them says who may write.
// Errors: any string may be looked at; IsHyperLogLog judges the header, and what reads runs says when they do not cover
//   the registers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cachenode {

inline constexpr unsigned kHllIndexBits = 14;
inline constexpr size_t kHllRegisterCount = size_t{1} << kHllIndexBits;
inline constexpr size_t kHllHeaderBytes = 16;
inline constexpr size_t kHllDenseBytes = kHllHeaderBytes + kHllRegisterCount * 6 / 8;
// The greatest value a sparse run can hold; a register that needs more makes the whole dense.
inline constexpr uint8_t kHllSparseValueMax = 32;

using HllRegisters = std::array<uint8_t, kHllRegisterCount>;
// How many registers have each value.
using HllHistogram = std::array<uint32_t, 64>;

// The register an element belongs to, and the value it wants there.
struct HllPlace {
  uint32_t index;
  uint8_t value;
};
[[nodiscard]] HllPlace HllPlaceOf(std::string_view element) noexcept;

// Whether the bytes begin as a HyperLogLog and are as long as their form asks.
[[nodiscard]] bool IsHyperLogLog(std::string_view bytes) noexcept;

// Reading one that IsHyperLogLog accepted.
class HyperLogLogView {
 public:
  explicit HyperLogLogView(std::string_view bytes) noexcept : bytes_(bytes) {}

  [[nodiscard]] bool IsSparse() const noexcept;
  // The estimate that was left in the header since the last change.
  [[nodiscard]] std::optional<uint64_t> CachedEstimate() const noexcept;
  // The value of one register; nothing when the runs do not reach it. O(1) dense, a walk over the runs sparse.
  [[nodiscard]] std::optional<uint8_t> Register(uint32_t index) const noexcept;
  // The estimate from the registers, 2^63 for infinite; nothing when runs and registers do not agree.
  [[nodiscard]] std::optional<uint64_t> Estimate() const noexcept;
  // Raises `registers` to the values here. False, with `registers` undefined, when runs and registers do not agree.
  [[nodiscard]] bool MergeInto(HllRegisters& registers) const noexcept;
  // The runs as PFDEBUG DECODE shows them: "Z:100 v:3,1 z:20". Requires IsSparse().
  [[nodiscard]] std::string DescribeRuns() const;

 private:
  [[nodiscard]] std::string_view body() const noexcept { return bytes_.substr(kHllHeaderBytes); }

  std::string_view bytes_;
};

// The estimate for the union of what was merged.
[[nodiscard]] uint64_t EstimateOf(const HllRegisters& registers) noexcept;

// An empty one: sparse, with a cached estimate of 0.
[[nodiscard]] std::string MakeHyperLogLog();

// Editing in place; `bytes` holds one that IsHyperLogLog accepted. An infinite estimate is not kept.
void SetCachedEstimate(char* bytes, uint64_t estimate) noexcept;
void DropCachedEstimate(char* bytes) noexcept;
// Raises a register of a dense one; whether that changed it.
bool RaiseDenseRegister(char* bytes, HllPlace place) noexcept;

// What editing a sparse one came to.
enum class HllEdit : uint8_t { kUnchanged, kChanged, kCorrupt };
// Raises a register of either form. A sparse one becomes dense when it needs more than `sparse_bytes_max` bytes, header
// included, or a value that no run can hold. The cached estimate is the caller's to drop.
[[nodiscard]] HllEdit RaiseRegister(std::string& hll, HllPlace place, size_t sparse_bytes_max);
// False, with `hll` unchanged, when runs and registers do not agree. A dense one stays as it is.
[[nodiscard]] bool MakeDense(std::string& hll);

}  // namespace cachenode
