// Hostile bytes as a listpack: refused, or readable from both ends with the same elements, which make an equal one.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "storage/value/listpack.h"

namespace cachenode {
namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

// Elements from the end to the begin.
size_t CountBackwards(ListpackView view) {
  size_t count = 0;
  for (ListpackView::Offset at = view.EndOffset(); at != view.Begin(); ++count) {
    const ListpackView::Offset before = view.Previous(at);
    Check(before < at && view.Next(before) == at);
    at = before;
  }
  return count;
}

void Read(std::string_view bytes) {
  size_t count = 0;
  if (!IsValidListpack(bytes, count)) return;
  const ListpackView view(bytes);
  Check(view.Count() == count && CountBackwards(view) == count);
  std::string copy = MakeListpack();
  for (ListpackView::Offset at = view.Begin(); at != view.EndOffset(); at = view.Next(at)) {
    ListpackScratch scratch;
    const std::string_view text = view.At(at).Read(scratch);
    Check(view.Find(text, view.Begin(), 0) <= at);
    AppendToListpack(copy, text);
  }
  size_t copy_count = 0;
  Check(IsValidListpack(copy, copy_count) && copy_count == count && copy.size() <= bytes.size());
}

}  // namespace
}  // namespace cachenode

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  cachenode::Read({reinterpret_cast<const char*>(data), size});
  return 0;
}
