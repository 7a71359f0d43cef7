// Sets to RDB.
#include "persistence/rdb_value_encoders.h"
#include "storage/value/set_value.h"

namespace cachenode {

RdbType SetTypeFor(const EntryView& entry, int version) noexcept {
  const SetView::Form form = SetView::Of(entry).form();
  if (form == SetView::Form::kIntset && version >= kRdbPackedVersion) return RdbType::kSetIntset;
  if (form == SetView::Form::kListpack && version >= kRdbSetListpackVersion) return RdbType::kSetListpack;
  return RdbType::kSet;
}

void EncodeRdbSet(RdbType type, const EntryView& entry, RdbOutput& out) noexcept {
  const SetView set = SetView::Of(entry);
  if (type != RdbType::kSet) {
    out.String(set.packed_bytes());
    return;
  }
  out.Length(set.Count());
  ListpackScratch scratch;
  SetView::Iterator members(set);
  for (ListpackElement member; members.Next(member) && out.Flow();) out.String(member.Read(scratch));
}

}  // namespace cachenode
