// Sorted sets from RDB: members with scores as text or as eight bytes, a ziplist, a listpack.
#include <bit>
#include <cmath>
#include <limits>

#include "persistence/rdb_value_decoders.h"
#include "storage/base/numbers.h"
#include "storage/value/sorted_set_value.h"

namespace cachenode {
namespace {

constexpr uint64_t kElementBytesMin = 2;
// A text score's length byte stands for these instead of a length.
constexpr uint8_t kTextNan = 253;
constexpr uint8_t kTextInfinity = 254;
constexpr uint8_t kTextMinusInfinity = 255;

// False with the input failed, or the cursor.
bool ReadTextScore(RdbCursor& at, double& score) {
  uint8_t length = 0;
  if (!at.ReadByte(length)) return false;
  switch (length) {
    case kTextNan:
      score = std::numeric_limits<double>::quiet_NaN();
      return true;
    case kTextInfinity:
      score = std::numeric_limits<double>::infinity();
      return true;
    case kTextMinusInfinity:
      score = -std::numeric_limits<double>::infinity();
      return true;
    default:
      break;
  }
  const char* const text = at.Here();
  if (!at.Skip(length)) return false;
  const Result<double> parsed = ParseDouble({text, length});
  if (!parsed) return at.Corrupt("a score is not a number");
  score = *parsed;
  return true;
}

bool ReadBinaryScore(RdbCursor& at, double& score) {
  int64_t bits = 0;
  if (!at.ReadInt64(bits)) return false;
  score = std::bit_cast<double>(bits);
  return true;
}

Status AddElements(RdbInput& input, bool binary, SortedSetBuilder& builder) {
  uint64_t count = 0;
  if (!input.ReadCount(count, kElementBytesMin)) return input.TakeStatus();
  std::string scratch;
  for (uint64_t i = 0; i < count; ++i) {
    RdbString member;
    double score = 0;
    const bool read = input.Read([&](RdbCursor& at) {
      return at.ReadString(member) && (binary ? ReadBinaryScore(at, score) : ReadTextScore(at, score));
    });
    if (!read) return input.TakeStatus();
    std::string_view text;
    if (!member.View(scratch, text)) {
      return Status::WithText(Err::kCorrupt, "a compressed string cannot be decompressed");
    }
    if (std::isnan(score)) return Status::WithText(Err::kCorrupt, "Zset with NAN score detected");
    Result<bool> added = builder.Add(text, score);
    if (!added) return added.error();
    if (!*added) return Status::WithText(Err::kCorrupt, "Zset with dup elements detected");
  }
  return Status::Ok();
}

Result<bool> DecodeElements(RdbInput& input, bool binary, RdbInstall install) {
  SortedSetBuilder builder;
  Status status = AddElements(input, binary, builder);
  if (!status.ok()) return status;
  if (builder.count() == 0) return false;
  status = install([&builder](KeySlot& slot, Expiry expiry) { return builder.Finish(slot, expiry); });
  if (!status.ok()) return status;
  return true;
}

// Whether scores are numbers and ascend, and members ascend where scores are equal. Requires IsValid.
bool IsInOrder(std::string_view listpack) {
  std::string before;
  double score_before = -std::numeric_limits<double>::infinity();
  for (SortedSetView::Cursor cursor(SortedSetView(listpack), 0); !cursor.IsEnd(); cursor.Next()) {
    const double score = cursor.score();
    if (!(score >= score_before)) return false;
    if (score == score_before && cursor.member() < before) return false;
    before = cursor.member();
    score_before = score;
  }
  return true;
}

Result<bool> DecodePacked(RdbInput& input, PackedForm form, RdbInstall install) {
  std::string scratch;
  std::string_view listpack;
  if (!ReadPackedBlob(input, form, "Zset", scratch, listpack)) return input.TakeStatus();
  if (ListpackView(listpack).IsEmpty()) return false;
  if (!PackedSortedSet::IsValid(listpack) || !IsInOrder(listpack)) {
    return Status::WithText(Err::kCorrupt, IntegrityFailure("Zset", form) +
                                               " Elements out of order, a bad score, or listpack with dup elements.");
  }
  Status status =
      install([listpack](KeySlot& slot, Expiry expiry) { return StorePackedSortedSet(slot, listpack, expiry); });
  if (!status.ok()) return status;
  return true;
}

}  // namespace

Result<bool> DecodeRdbSortedSet(const RdbTypeInfo& type, RdbInput& input, RdbInstall install) {
  if (type.type == RdbType::kZsetListpack) return DecodePacked(input, PackedForm::kListpack, install);
  if (type.type == RdbType::kZsetZiplist) return DecodePacked(input, PackedForm::kZiplist, install);
  return DecodeElements(input, type.type == RdbType::kZset2, install);
}

}  // namespace cachenode
