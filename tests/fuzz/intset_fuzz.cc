// Hostile bytes as an intset: refused, or numbers in order, each of which is found where it is.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "storage/value/intset.h"

namespace cachenode {
namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

void Read(std::string_view bytes) {
  size_t count = 0;
  if (!IsValidIntset(bytes, count)) return;
  const IntsetView set(bytes);
  std::string copy = MakeIntset();
  for (size_t i = 0; i < count; ++i) {
    const int64_t number = set.At(i);
    const IntsetView::Place place = set.Find(number);
    Check(place.found && place.index == i);
    Check(AddToIntset(copy, number));
  }
  size_t copy_count = 0;
  Check(IsValidIntset(copy, copy_count) && copy_count == count && copy.size() <= bytes.size());
}

}  // namespace
}  // namespace cachenode

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  cachenode::Read({reinterpret_cast<const char*>(data), size});
  return 0;
}
