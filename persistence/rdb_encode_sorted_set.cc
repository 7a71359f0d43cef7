// Sorted sets to RDB.
#include <algorithm>
#include <bit>

#include "persistence/rdb_value_encoders.h"
#include "storage/value/sorted_set_value.h"

namespace cachenode {
namespace {

// Visited at a time; in between the encoder looks whether somebody still wants what it writes.
constexpr uint64_t kRunElements = 1024;

}  // namespace

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
  // A range is visited with an eye on what comes next, which a cursor cannot have: members lie all over the memory.
  bool wanted = true;
  for (uint64_t left = count; left > 0 && wanted;) {
    const uint64_t run = std::min(left, kRunElements);
    left -= run;
    set.VisitRange({left, run}, true, [&](std::string_view member, double score) {
      out.String(member);
      out.Int64(std::bit_cast<int64_t>(score));
      wanted = wanted && out.Flow();
    });
  }
}

}  // namespace cachenode
