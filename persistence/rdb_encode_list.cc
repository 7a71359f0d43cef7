// Lists to RDB: as their nodes, or for old readers as their elements.
#include "persistence/rdb_value_encoders.h"
#include "storage/value/list_value.h"

namespace cachenode {
namespace {

constexpr uint64_t kPlainNode = 1;
constexpr uint64_t kPackedNode = 2;

void EncodeElements(const ListView& list, RdbOutput& out) noexcept {
  out.Length(list.Count());
  ListpackScratch scratch;
  for (ListCursor cursor(list, 0, ListEnd::kBack); !cursor.IsEnd() && out.Flow(); cursor.Advance()) {
    out.String(cursor.Get().Read(scratch));
  }
}

}  // namespace

RdbType ListTypeFor(int version) noexcept {
  return version >= kRdbPackedVersion ? RdbType::kListQuicklist2 : RdbType::kList;
}

void EncodeRdbList(RdbType type, const EntryView& entry, RdbOutput& out) noexcept {
  const ListView list = ListView::Of(entry);
  if (type == RdbType::kList) return EncodeElements(list, out);
  out.Length(list.NodeCount());
  list.ForEachNode([&out](std::string_view bytes, bool is_plain) {
    if (!out.Flow()) return;
    out.Length(is_plain ? kPlainNode : kPackedNode);
    out.String(bytes);
  });
}

}  // namespace cachenode
