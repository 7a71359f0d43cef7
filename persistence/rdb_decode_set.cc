// Sets from RDB: members, an intset, a listpack.
#include "persistence/rdb_value_decoders.h"
#include "storage/value/set_value.h"

namespace cachenode {
namespace {

constexpr uint64_t kMemberBytesMin = 1;

Status AddMembers(RdbInput& input, SetBuilder& builder) {
  uint64_t count = 0;
  if (!input.ReadCount(count, kMemberBytesMin)) return input.TakeStatus();
  std::string scratch;
  std::string_view member;
  for (uint64_t i = 0; i < count; ++i) {
    if (!input.ReadText(scratch, member)) return input.TakeStatus();
    Result<bool> added = builder.Add(member);
    if (!added) return added.error();
    if (!*added) return Status::WithText(Err::kCorrupt, "duplicate set members detected");
  }
  return Status::Ok();
}

Result<bool> DecodeMembers(RdbInput& input, RdbInstall install) {
  SetBuilder builder;
  Status status = AddMembers(input, builder);
  if (!status.ok()) return status;
  if (builder.count() == 0) return false;
  status = install([&builder](KeySlot& slot, Expiry expiry) { return builder.Finish(slot, expiry); });
  if (!status.ok()) return status;
  return true;
}

Result<bool> StorePacked(AggregateEncoding form, std::string_view bytes, RdbInstall install) {
  Status status =
      install([form, bytes](KeySlot& slot, Expiry expiry) { return StorePackedSet(slot, form, bytes, expiry); });
  if (!status.ok()) return status;
  return true;
}

Result<bool> DecodeIntset(RdbInput& input, RdbInstall install) {
  std::string scratch;
  std::string_view bytes;
  if (!input.ReadText(scratch, bytes)) return input.TakeStatus();
  size_t count = 0;
  if (!IsValidIntset(bytes, count)) return Status::WithText(Err::kCorrupt, "Intset integrity check failed.");
  if (count == 0) return false;
  return StorePacked(AggregateEncoding::kPackedOther, bytes, install);
}

Result<bool> DecodeListpack(RdbInput& input, RdbInstall install) {
  std::string scratch;
  std::string_view listpack;
  if (!ReadPackedBlob(input, PackedForm::kListpack, "Set", scratch, listpack)) return input.TakeStatus();
  const ListpackView members(listpack);
  if (members.IsEmpty()) return false;
  if (HasDuplicates(members)) return Status::WithText(Err::kCorrupt, "Set listpack integrity check failed.");
  return StorePacked(AggregateEncoding::kPacked, listpack, install);
}

}  // namespace

Result<bool> DecodeRdbSet(const RdbTypeInfo& type, RdbInput& input, RdbInstall install) {
  if (type.type == RdbType::kSetIntset) return DecodeIntset(input, install);
  if (type.type == RdbType::kSetListpack) return DecodeListpack(input, install);
  return DecodeMembers(input, install);
}

}  // namespace cachenode
