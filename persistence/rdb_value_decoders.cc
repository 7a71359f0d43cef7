#include "persistence/rdb_value_decoders.h"

#include <fmt/format.h>

#include <utility>

#include "storage/value/listpack.h"
#include "storage/value/ziplist.h"

namespace cachenode {

std::string IntegrityFailure(std::string_view what, PackedForm form) {
  if (form == PackedForm::kZipmap) return "Zipmap integrity check failed.";
  return fmt::format("{} {} integrity check failed.", what, form == PackedForm::kZiplist ? "ziplist" : "listpack");
}

bool ReadPackedBlob(RdbInput& input, PackedForm form, std::string_view what, std::string& scratch,
                    std::string_view& listpack) {
  std::string_view blob;
  if (!input.ReadText(scratch, blob)) return false;
  bool valid = false;
  if (form == PackedForm::kListpack) {
    size_t count = 0;
    valid = IsValidListpack(blob, count);
    listpack = blob;
  } else {
    std::string converted;
    valid = ConvertZiplist(blob, converted);
    scratch = std::move(converted);
    listpack = scratch;
  }
  return valid || input.Fail(IntegrityFailure(what, form));
}

Status BuilderError(Status status, std::string_view reason) {
  if (status.code() != Err::kCorrupt || !status.text().empty()) return status;
  return Status::WithText(Err::kCorrupt, std::string(reason));
}

}  // namespace cachenode
