// Hashes from RDB: pairs, zipmap, ziplist, listpack, and the five ways deadlines of fields are written.
#include "persistence/rdb_value_decoders.h"
#include "storage/value/hash_value.h"
#include "storage/value/zipmap.h"

namespace cachenode {
namespace {

constexpr std::string_view kTwice = "duplicate hash fields detected";
constexpr uint64_t kPairBytesMin = 2;

// How the elements of one form carry their field's deadline.
enum class DeadlineForm : uint8_t {
  kNone,
  kBefore,           // A length before the field: Unix milliseconds, 0 for none.
  kBeforeFromLeast,  // A length before the field: 1 + milliseconds after the least one, 0 for none.
  kBehind,           // Eight bytes behind the value: Unix milliseconds, -1 for none.
};

bool CheckDeadline(RdbInput& input, int64_t expire_at_ms) {
  return (expire_at_ms >= -1 && expire_at_ms <= kFieldExpireAtMsMax) || input.Fail("a field has an impossible expiry");
}

class FieldReader {
 public:
  FieldReader(RdbInput& input, DeadlineForm form, int64_t least_ms) noexcept
      : input_(input), form_(form), least_ms_(least_ms) {}

  // False when the input failed.
  [[nodiscard]] bool Read(HashField& field) {
    RdbString name;
    RdbString value;
    uint64_t before = 0;
    int64_t behind = -1;
    const bool read = input_.Read([&](RdbCursor& at) {
      if (HasLengthBefore() && !at.ReadLength(before)) return false;
      if (!at.ReadString(name) || !at.ReadString(value)) return false;
      return form_ != DeadlineForm::kBehind || at.ReadInt64(behind);
    });
    if (!read) return false;
    if (!name.View(name_scratch_, field.name) || !value.View(value_scratch_, field.value)) {
      return input_.Fail("a compressed string cannot be decompressed");
    }
    field.expire_at_ms = behind;
    if (before != 0 && !AddBefore(before, field.expire_at_ms)) return false;
    return CheckDeadline(input_, field.expire_at_ms);
  }

 private:
  [[nodiscard]] bool HasLengthBefore() const noexcept {
    return form_ == DeadlineForm::kBefore || form_ == DeadlineForm::kBeforeFromLeast;
  }
  bool AddBefore(uint64_t before, int64_t& expire_at_ms) {
    const uint64_t limit = static_cast<uint64_t>(kFieldExpireAtMsMax) + 1;
    if (before > limit || least_ms_ < 0) return input_.Fail("a field has an impossible expiry");
    expire_at_ms =
        form_ == DeadlineForm::kBefore ? static_cast<int64_t>(before) : least_ms_ + static_cast<int64_t>(before) - 1;
    return true;
  }

  RdbInput& input_;
  const DeadlineForm form_;
  const int64_t least_ms_;
  std::string name_scratch_;
  std::string value_scratch_;
};

Status AddElements(RdbInput& input, DeadlineForm form, HashBuilder& builder) {
  int64_t least_ms = 0;
  uint64_t count = 0;
  if (form == DeadlineForm::kBeforeFromLeast && !input.ReadInt64(least_ms)) return input.TakeStatus();
  if (least_ms > kFieldExpireAtMsMax) (void)input.Fail("a field has an impossible expiry");
  if (!input.ReadCount(count, kPairBytesMin)) return input.TakeStatus();
  builder.Expect(count);
  FieldReader reader(input, form, least_ms);
  HashField field;
  for (uint64_t i = 0; i < count; ++i) {
    if (!reader.Read(field)) return input.TakeStatus();
    Status status = builder.Add(field);
    if (!status.ok()) return BuilderError(std::move(status), kTwice);
  }
  return Status::Ok();
}

Status AddBlob(RdbInput& input, PackedForm form, bool triples, HashBuilder& builder) {
  std::string scratch;
  std::string_view listpack;
  if (!ReadPackedBlob(input, form, "Hash", scratch, listpack)) return input.TakeStatus();
  if (triples) builder.KeepDeadlines();
  Status status = builder.AddListpack(listpack, triples);
  if (status.code() != Err::kCorrupt) return status;
  return Status::WithText(Err::kCorrupt,
                          IntegrityFailure("Hash", form) + " An odd element, or listpack with dup elements.");
}

// Zipmaps are of days before listpacks: their fields are looked at one by one, for their lengths, too.
Status AddZipmap(RdbInput& input, HashBuilder& builder) {
  std::string scratch;
  std::string_view zipmap;
  if (!input.ReadText(scratch, zipmap)) return input.TakeStatus();
  size_t count = 0;
  if (!IsValidZipmap(zipmap, count) || count == 0) {
    return Status::WithText(Err::kCorrupt, IntegrityFailure("Hash", PackedForm::kZipmap));
  }
  ZipmapReader reader(zipmap);
  for (HashField field; reader.Next(field.name, field.value);) {
    Status status = builder.Add(field);
    if (!status.ok()) return BuilderError(std::move(status), kTwice);
  }
  return Status::Ok();
}

Status AddFields(const RdbTypeInfo& type, RdbInput& input, HashBuilder& builder) {
  int64_t least_ms = 0;
  switch (type.shape) {
    case RdbShape::kStringPairs:
      return AddElements(input, DeadlineForm::kNone, builder);
    case RdbShape::kHashTtlRc:
      return AddElements(input, DeadlineForm::kBefore, builder);
    case RdbShape::kHashTtl:
      return AddElements(input, DeadlineForm::kBeforeFromLeast, builder);
    case RdbShape::kHashTtlValkey:
      return AddElements(input, DeadlineForm::kBehind, builder);
    case RdbShape::kTtlString:
      // The least deadline is told only for readers in a hurry.
      if (!input.ReadInt64(least_ms)) return input.TakeStatus();
      return AddBlob(input, PackedForm::kListpack, true, builder);
    default:
      break;
  }
  if (type.type == RdbType::kHashZipmap) return AddZipmap(input, builder);
  if (type.type == RdbType::kHashZiplist) return AddBlob(input, PackedForm::kZiplist, false, builder);
  return AddBlob(input, PackedForm::kListpack, type.type == RdbType::kHashListpackTtlRc, builder);
}

}  // namespace

Result<bool> DecodeRdbHash(const RdbTypeInfo& type, RdbInput& input, RdbInstall install) {
  HashBuilder builder;
  Status status = AddFields(type, input, builder);
  if (!status.ok()) return status;
  return InstallBuilt(builder, install);
}

}  // namespace cachenode
