// Hostile bytes as a HyperLogLog: refused as corrupt, or as good sparse as dense.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "storage/value/hyperloglog.h"

namespace cachenode {
namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

void Read(std::string hll) {
  if (!IsHyperLogLog(hll)) return;
  const auto registers = std::make_unique<HllRegisters>();
  const HyperLogLogView view(hll);
  const std::optional<uint64_t> estimate = view.Estimate();
  const bool merged = view.MergeInto(*registers);
  Check(merged == estimate.has_value());
  if (view.IsSparse()) Check(!view.DescribeRuns().empty() || hll.size() == kHllHeaderBytes);
  std::string raised = hll;
  const HllEdit edit = RaiseRegister(raised, HllPlaceOf(hll), 3000);
  Check(edit != HllEdit::kUnchanged || raised == hll || !HyperLogLogView(raised).IsSparse());
  std::string dense = hll;
  Check(MakeDense(dense) == (merged || !view.IsSparse()));
  if (merged) Check(HyperLogLogView(dense).Estimate() == estimate && EstimateOf(*registers) == estimate);
}

}  // namespace
}  // namespace cachenode

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  cachenode::Read(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
