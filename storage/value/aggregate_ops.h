// The functions of ValueOps that lists, sets, sorted sets, hashes and streams have in common: packed bytes in the entry
// or in a block, or a root.
//
// Thread-safety: as ValueOps. `Type` names what differs:
//   using Root;                                        the SharedRoot of large values, with Root::Drop
//   static size_t OtherBytes(const char*) noexcept;    length of the second packed form in the entry
//   static size_t Blocks(const Root&) noexcept;        about how many heap blocks a large value is
//   static std::string_view Name(Encoding, const char*) noexcept;
#pragma once

#include <cstring>

#include "storage/base/byte_block.h"
#include "storage/value/listpack.h"
#include "storage/value/shared_root.h"
#include "storage/value/string_value.h"
#include "storage/value/value.h"

namespace cachenode {

// The bytes of a packed value wherever they lie. Requires a packed encoding; `other_bytes` tells the length of the
// second form.
template <typename Type>
[[nodiscard]] std::string_view PackedBytesOf(Encoding encoding, const char* value) noexcept {
  if (IsPackedBlock(encoding)) return LoadBlock(value)->view();
  const bool is_listpack = encoding == static_cast<Encoding>(AggregateEncoding::kPacked);
  return {value, is_listpack ? ListpackView::TotalBytes(value) : Type::OtherBytes(value)};
}

template <typename Type>
struct AggregateOps {
  using Root = typename Type::Root;

  static const Root& RootOf(const char* value) noexcept { return *static_cast<const Root*>(LoadRoot(value)); }

  static size_t InlineBytes(Encoding encoding, const char* value) noexcept {
    return IsPackedInline(encoding) ? PackedBytesOf<Type>(encoding, value).size() : sizeof(void*);
  }
  static size_t ExternalBytes(Encoding encoding, const char* value) noexcept {
    if (IsPackedInline(encoding)) return 0;
    return IsLarge(encoding) ? RootOf(value).memory_bytes() : LoadBlock(value)->MemoryBytes();
  }
  static void FreeExternal(Encoding encoding, char* value) noexcept {
    if (IsPackedInline(encoding)) return;
    IsLarge(encoding) ? Root::Drop(static_cast<Root*>(LoadRoot(value))) : LoadBlock(value)->DropRef();
  }
  static void Share(Encoding encoding, const char* value) noexcept {
    if (IsPackedInline(encoding)) return;
    IsLarge(encoding) ? LoadRoot(value)->AddRef() : LoadBlock(value)->AddRef();
  }
  // One more reference makes a copy: who changes either of the two copies what it touches.
  static bool Clone(Encoding encoding, const char* value, char* out) noexcept {
    std::memcpy(out, value, InlineBytes(encoding, value));
    Share(encoding, value);
    return true;
  }
  static size_t ExternalBlocks(Encoding encoding, const char* value) noexcept {
    if (IsPackedInline(encoding)) return 0;
    return IsLarge(encoding) ? Type::Blocks(RootOf(value)) : 1;
  }

  static constexpr ValueOps kTable = {InlineBytes, ExternalBytes,  FreeExternal, Clone,
                                      Share,       ExternalBlocks, Type::Name};
};

}  // namespace cachenode
