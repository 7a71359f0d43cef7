#include "storage/value/hyperloglog.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>
#include <utility>

#include "storage/base/bytes.h"
#include "storage/base/numbers.h"

namespace cachenode {
namespace {

constexpr std::string_view kMagic = "HYLL";
constexpr size_t kFormAt = 4;
constexpr size_t kEstimateAt = 8;
constexpr char kDense = 0;
constexpr char kSparse = 1;
constexpr uint64_t kNoEstimate = uint64_t{1} << 63;

constexpr uint64_t kHashSeed = 0xadc83b19;
// Bits of the hash that count trailing zeros; one more stands for "none was one".
constexpr unsigned kValueBits = 64 - kHllIndexBits;

// MurmurHash64A with the seed of the format.
uint64_t Hash(std::string_view element) noexcept {
  constexpr uint64_t kMultiplier = 0xc6a4a7935bd1e995;
  constexpr unsigned kShift = 47;
  uint64_t hash = kHashSeed ^ (element.size() * kMultiplier);
  const char* at = element.data();
  for (const char* const end = at + element.size() / 8 * 8; at != end; at += 8) {
    uint64_t word = LoadLittleEndian<uint64_t>(at) * kMultiplier;
    word ^= word >> kShift;
    hash = (hash ^ (word * kMultiplier)) * kMultiplier;
  }
  const size_t rest = element.size() % 8;
  if (rest != 0) {
    uint64_t word = 0;
    for (size_t i = 0; i < rest; ++i) word |= uint64_t{static_cast<uint8_t>(at[i])} << (8 * i);
    hash = (hash ^ word) * kMultiplier;
  }
  hash = (hash ^ (hash >> kShift)) * kMultiplier;
  return hash ^ (hash >> kShift);
}

// --- Dense: four registers are three bytes. --------------------------------------------------------------------

constexpr unsigned kRegisterBits = 6;
constexpr uint32_t kRegisterMask = (1U << kRegisterBits) - 1;

uint32_t LoadGroup(const char* group) noexcept {
  return LoadLittleEndian<uint16_t>(group) | uint32_t{static_cast<uint8_t>(group[2])} << 16;
}

uint8_t DenseRegister(std::string_view body, uint32_t index) noexcept {
  const uint32_t group = LoadGroup(body.data() + size_t{index / 4} * 3);
  return static_cast<uint8_t>(group >> (index % 4 * kRegisterBits) & kRegisterMask);
}

void SetDenseRegister(char* body, uint32_t index, uint8_t value) noexcept {
  char* const at = body + size_t{index / 4} * 3;
  const unsigned shift = index % 4 * kRegisterBits;
  const uint32_t group = (LoadGroup(at) & ~(kRegisterMask << shift)) | uint32_t{value} << shift;
  StoreLittleEndian(at, static_cast<uint16_t>(group));
  at[2] = static_cast<char>(group >> 16);
}

// Calls `visit(first index, four values)` for each group.
template <typename Visit>
void ForEachGroup(std::string_view body, Visit visit) noexcept {
  for (size_t i = 0; i < kHllRegisterCount; i += 4) {
    const uint32_t group = LoadGroup(body.data() + i / 4 * 3);
    const std::array<uint8_t, 4> values = {
        static_cast<uint8_t>(group & kRegisterMask), static_cast<uint8_t>(group >> 6 & kRegisterMask),
        static_cast<uint8_t>(group >> 12 & kRegisterMask), static_cast<uint8_t>(group >> 18 & kRegisterMask)};
    visit(i, values);
  }
}

// --- Sparse -----------------------------------------------------------------------------------------------------

constexpr size_t kShortZerosMax = 64;
constexpr size_t kValueRunMax = 4;
// How many runs around a change are looked at for neighbours to join.
constexpr int kJoinSteps = 5;

struct Run {
  size_t bytes;   // 1 or 2.
  size_t length;  // Registers.
  uint8_t value;  // 0 for zeros.
};

// The run that begins `runs`; a two-byte run cut after its first counts no registers.
Run ReadRun(std::string_view runs) noexcept {
  const auto first = static_cast<uint8_t>(runs[0]);
  if ((first & 0x80U) != 0) {
    return {1, (first & 3U) + 1, static_cast<uint8_t>((first >> 2 & 31U) + 1)};
  }
  if ((first & 0x40U) == 0) return {1, size_t{first} + 1, 0};
  if (runs.size() < 2) return {1, 0, 0};
  return {2, (size_t{first & 63U} << 8 | static_cast<uint8_t>(runs[1])) + 1, 0};
}

// Zeros that a cut long run does not reach are missing from the sum, so a walk to the end tells valid runs.
template <typename Visit>
bool ForEachRun(std::string_view runs, Visit visit) {
  size_t index = 0;
  while (!runs.empty()) {
    const Run run = ReadRun(runs);
    if (run.length > kHllRegisterCount - index) return false;
    visit(index, run);
    index += run.length;
    runs.remove_prefix(run.bytes);
  }
  return index == kHllRegisterCount;
}

char* PutZeros(char* to, size_t length) noexcept {
  if (length <= kShortZerosMax) {
    *to++ = static_cast<char>(length - 1);
    return to;
  }
  *to++ = static_cast<char>(0x40U | (length - 1) >> 8);
  *to++ = static_cast<char>(length - 1);
  return to;
}

char* PutValues(char* to, uint8_t value, size_t length) noexcept {
  *to++ = static_cast<char>(0x80U | (value - 1U) << 2 | (length - 1));
  return to;
}

char* PutRun(char* to, uint8_t value, size_t length) noexcept {
  if (length == 0) return to;
  return value == 0 ? PutZeros(to, length) : PutValues(to, value, length);
}

// The run that holds a register, and the one before it.
struct RunPlace {
  size_t at;           // Offset into the runs; their size when no run holds the register.
  size_t previous_at;  // 0 for the first run.
  size_t first_index;
  Run run;
};

RunPlace FindRun(std::string_view runs, uint32_t index) noexcept {
  RunPlace place{0, 0, 0, {}};
  while (place.at < runs.size()) {
    place.run = ReadRun(runs.substr(place.at));
    if (index < place.first_index + place.run.length) return place;
    place.previous_at = place.at;
    place.at += place.run.bytes;
    place.first_index += place.run.length;
  }
  return place;
}

// Joins neighbouring runs of one value from `at` on, a few steps far.
void JoinRuns(std::string& hll, size_t at) {
  for (int step = 0; step < kJoinSteps && at < hll.size(); ++step) {
    const Run run = ReadRun(std::string_view(hll).substr(at));
    if (run.value == 0) {
      at += run.bytes;
      continue;
    }
    if (at + 1 < hll.size()) {
      const Run next = ReadRun(std::string_view(hll).substr(at + 1));
      if (next.value == run.value && run.length + next.length <= kValueRunMax) {
        PutValues(hll.data() + at, run.value, run.length + next.length);
        hll.erase(at + 1, 1);
        continue;  // The joined run may take in the next one too.
      }
    }
    ++at;
  }
}

// --- The estimate -----------------------------------------------------------------------------------------------

double Sigma(double x) noexcept {
  if (x == 1.0) return std::numeric_limits<double>::infinity();
  double power = 1;
  double sum = x;
  double before = 0;
  do {
    x *= x;
    before = sum;
    sum += x * power;
    power += power;
  } while (sum != before);
  return sum;
}

double Tau(double x) noexcept {
  if (x == 0.0 || x == 1.0) return 0;
  double power = 1;
  double sum = 1 - x;
  double before = 0;
  do {
    x = std::sqrt(x);
    before = sum;
    power *= 0.5;
    sum -= (1 - x) * (1 - x) * power;
  } while (sum != before);
  return sum / 3;
}

uint64_t EstimateFrom(const HllHistogram& histogram) noexcept {
  constexpr double kAlphaInfinity = 0.721347520444481703680;  // 1 / (2 ln 2).
  constexpr double kCount = kHllRegisterCount;
  double z = kCount * Tau((kCount - histogram[kValueBits + 1]) / kCount);
  for (size_t value = kValueBits; value >= 1; --value) {
    z += histogram[value];
    z *= 0.5;
  }
  z += kCount * Sigma(histogram[0] / kCount);
  const double estimate = kAlphaInfinity * kCount * kCount / z;
  // Registers that no hash can fill make z vanish.
  return estimate < 0x1p63 ? static_cast<uint64_t>(std::llround(estimate)) : kNoEstimate;
}

}  // namespace

HllPlace HllPlaceOf(std::string_view element) noexcept {
  const uint64_t hash = Hash(element);
  const uint64_t rest = hash >> kHllIndexBits | uint64_t{1} << kValueBits;
  return {static_cast<uint32_t>(hash & (kHllRegisterCount - 1)), static_cast<uint8_t>(std::countr_zero(rest) + 1)};
}

bool IsHyperLogLog(std::string_view bytes) noexcept {
  if (bytes.size() < kHllHeaderBytes || bytes.substr(0, kMagic.size()) != kMagic) return false;
  return bytes[kFormAt] == kSparse || (bytes[kFormAt] == kDense && bytes.size() == kHllDenseBytes);
}

bool HyperLogLogView::IsSparse() const noexcept { return bytes_[kFormAt] == kSparse; }

std::optional<uint64_t> HyperLogLogView::CachedEstimate() const noexcept {
  const uint64_t cached = LoadLittleEndian<uint64_t>(bytes_.data() + kEstimateAt);
  if ((cached & kNoEstimate) != 0) return std::nullopt;
  return cached;
}

std::optional<uint8_t> HyperLogLogView::Register(uint32_t index) const noexcept {
  if (!IsSparse()) return DenseRegister(body(), index);
  const RunPlace place = FindRun(body(), index);
  if (place.at == body().size()) return std::nullopt;
  return place.run.value;
}

std::optional<uint64_t> HyperLogLogView::Estimate() const noexcept {
  HllHistogram histogram{};
  if (IsSparse()) {
    const bool valid = ForEachRun(
        body(), [&histogram](size_t, const Run& run) { histogram[run.value] += static_cast<uint32_t>(run.length); });
    if (!valid) return std::nullopt;
  } else {
    ForEachGroup(body(), [&histogram](size_t, const std::array<uint8_t, 4>& values) {
      for (const uint8_t value : values) ++histogram[value];
    });
  }
  return EstimateFrom(histogram);
}

bool HyperLogLogView::MergeInto(HllRegisters& registers) const noexcept {
  if (IsSparse()) {
    return ForEachRun(body(), [&registers](size_t index, const Run& run) {
      if (run.value == 0) return;
      for (uint8_t& value : std::span(registers).subspan(index, run.length)) value = std::max(value, run.value);
    });
  }
  ForEachGroup(body(), [&registers](size_t index, const std::array<uint8_t, 4>& values) {
    for (size_t i = 0; i < values.size(); ++i) registers[index + i] = std::max(registers[index + i], values[i]);
  });
  return true;
}

std::string HyperLogLogView::DescribeRuns() const {
  std::string text;
  for (std::string_view runs = body(); !runs.empty();) {
    const Run run = ReadRun(runs);
    runs.remove_prefix(run.bytes);
    if (!text.empty()) text += ' ';
    if (run.value == 0) {
      text += run.bytes == 1 ? "z:" : "Z:";
      AppendUint64(text, run.length);
      continue;
    }
    text += "v:";
    AppendUint64(text, run.value);
    text += ',';
    AppendUint64(text, run.length);
  }
  return text;
}

uint64_t EstimateOf(const HllRegisters& registers) noexcept {
  HllHistogram histogram{};
  for (const uint8_t value : registers) ++histogram[value];
  return EstimateFrom(histogram);
}

std::string MakeHyperLogLog() {
  std::string hll(kHllHeaderBytes + 2, '\0');
  hll.replace(0, kMagic.size(), kMagic);
  hll[kFormAt] = kSparse;
  PutZeros(hll.data() + kHllHeaderBytes, kHllRegisterCount);
  return hll;
}

void SetCachedEstimate(char* bytes, uint64_t estimate) noexcept { StoreLittleEndian(bytes + kEstimateAt, estimate); }

// The estimate stays in the other bits, as Redis leaves it.
void DropCachedEstimate(char* bytes) noexcept {
  StoreLittleEndian(bytes + kEstimateAt, LoadLittleEndian<uint64_t>(bytes + kEstimateAt) | kNoEstimate);
}

bool RaiseDenseRegister(char* bytes, HllPlace place) noexcept {
  char* const body = bytes + kHllHeaderBytes;
  if (DenseRegister({body, kHllDenseBytes - kHllHeaderBytes}, place.index) >= place.value) return false;
  SetDenseRegister(body, place.index, place.value);
  return true;
}

HllEdit RaiseRegister(std::string& hll, HllPlace place, size_t sparse_bytes_max) {
  const auto raise_dense = [&hll, place] {
    if (!MakeDense(hll)) return HllEdit::kCorrupt;
    return RaiseDenseRegister(hll.data(), place) ? HllEdit::kChanged : HllEdit::kUnchanged;
  };
  if (!HyperLogLogView(hll).IsSparse() || place.value > kHllSparseValueMax) return raise_dense();
  const std::string_view runs = std::string_view(hll).substr(kHllHeaderBytes);
  const RunPlace found = FindRun(runs, place.index);
  if (found.at == runs.size()) return HllEdit::kCorrupt;
  if (found.run.value >= place.value) return HllEdit::kUnchanged;

  // What is left of the run on both sides, with the new value between.
  char pieces[5];
  const size_t before = place.index - found.first_index;
  char* end = PutRun(pieces, found.run.value, before);
  end = PutValues(end, place.value, 1);
  end = PutRun(end, found.run.value, found.run.length - before - 1);
  const auto piece_bytes = static_cast<size_t>(end - pieces);
  if (piece_bytes > found.run.bytes && hll.size() + piece_bytes - found.run.bytes > sparse_bytes_max) {
    return raise_dense();
  }
  hll.replace(kHllHeaderBytes + found.at, found.run.bytes, pieces, piece_bytes);
  JoinRuns(hll, kHllHeaderBytes + found.previous_at);
  return HllEdit::kChanged;
}

bool MakeDense(std::string& hll) {
  if (!HyperLogLogView(hll).IsSparse()) return true;
  std::string dense(kHllDenseBytes, '\0');
  std::memcpy(dense.data(), hll.data(), kHllHeaderBytes);
  dense[kFormAt] = kDense;
  const bool valid = ForEachRun(std::string_view(hll).substr(kHllHeaderBytes), [&dense](size_t index, const Run& run) {
    if (run.value == 0) return;
    for (size_t i = 0; i < run.length; ++i) {
      SetDenseRegister(dense.data() + kHllHeaderBytes, static_cast<uint32_t>(index + i), run.value);
    }
  });
  if (valid) hll = std::move(dense);
  return valid;
}

}  // namespace cachenode
