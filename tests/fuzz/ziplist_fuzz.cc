// Hostile bytes as a ziplist and as a zipmap: refused, or turned into a valid listpack of as many elements.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "storage/value/listpack.h"
#include "storage/value/ziplist.h"
#include "storage/value/zipmap.h"

namespace cachenode {
namespace {

void CheckListpack(std::string_view listpack, size_t expected_count) {
  size_t count = 0;
  if (!IsValidListpack(listpack, count) || count != expected_count) std::abort();
}

void Read(std::string_view bytes) {
  std::string listpack;
  size_t count = 0;
  if (IsValidZiplist(bytes, count)) {
    if (!ConvertZiplist(bytes, listpack)) std::abort();
    CheckListpack(listpack, count);
  }
  if (IsValidZipmap(bytes, count)) {
    if (!ConvertZipmap(bytes, listpack)) std::abort();
    CheckListpack(listpack, 2 * count);
  }
}

}  // namespace
}  // namespace cachenode

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  cachenode::Read({reinterpret_cast<const char*>(data), size});
  return 0;
}
