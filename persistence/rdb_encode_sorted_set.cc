// Sorted sets to RDB.
#include <bit>

#include "persistence/rdb_value_encoders.h"
#include "storage/value/sorted_set_value.h"

namespace cachenode {

RdbType SortedSetTypeFor(const EntryView& entry, int version) noexcept {
  return version >= kRdbPackedVersion && SortedSetView::Of(entry).is_packed() ? RdbType::kZsetListpack
                                                                              : RdbType::kZset2;
}

void EncodeRdbSortedSet(RdbType type, const EntryView& entry, RdbOutput& out) noexcept {
  const SortedSetView set = SortedSetView::Of(entry);
  if (type == RdbType::kZsetListpack) {
    out.String(set.packed_bytes());
    return;
  }
  const uint64_t count = set.Count();
  out.Length(count);
  // From the highest down, as Redis does: loaders insert at the front then, which is cheapest for them.
  SortedSetView::Cursor cursor(set, count - 1);
  for (; !cursor.IsEnd() && out.Flow(); cursor.Previous()) {
    out.String(cursor.member());
    out.Int64(std::bit_cast<int64_t>(cursor.score()));
  }
}

}  // namespace cachenode
