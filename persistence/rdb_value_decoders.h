// Collections from RDB bytes: one decoder per data type over all the forms that files of any version hold it in.
//
// Thread-safety: functions; the builder they fill is their own. Only `install` touches a shard.
// Errors: bytes are hostile. kCorrupt with a reason; kOutOfMemory; the window's and what `install` answers.
#pragma once

#include <string>
#include <string_view>

#include "persistence/rdb_format.h"
#include "persistence/rdb_input.h"
#include "storage/access_context.h"
#include "storage/base/function_ref.h"
#include "storage/base/result.h"
#include "storage/key_slot.h"

namespace cachenode {

// Calls what it is given with the key's slot, whose shard is locked or owned for that call, and the key's deadline.
// Building a value needs no lock, so that a large one stops nobody.
using RdbInstall = FunctionRef<Status(FunctionRef<Status(KeySlot& slot, Expiry expiry)> put)>;

// Each answers false for a collection without elements, which is not installed: old servers wrote such keys.
Result<bool> DecodeRdbList(const RdbTypeInfo& type, RdbInput& input, RdbInstall install);
Result<bool> DecodeRdbSet(const RdbTypeInfo& type, RdbInput& input, RdbInstall install);
Result<bool> DecodeRdbSortedSet(const RdbTypeInfo& type, RdbInput& input, RdbInstall install);
Result<bool> DecodeRdbHash(const RdbTypeInfo& type, RdbInput& input, RdbInstall install);
// A stream may be without entries.
Result<bool> DecodeRdbStream(const RdbTypeInfo& type, RdbInput& input, RdbInstall install);

// --- Parts of decoders -----------------------------------------------------------------------------------------------

// The blob that a packed form is stored as, turned into a listpack where it is an older form and checked. `scratch`
// holds it when the file does not hold it plain. `what` names the value in a refusal: "Hash".
enum class PackedForm : uint8_t { kListpack, kZiplist, kZipmap };
// Not for zipmaps.
[[nodiscard]] bool ReadPackedBlob(RdbInput& input, PackedForm form, std::string_view what, std::string& scratch,
                                  std::string_view& listpack);
// "<what> <form> integrity check failed.", the words that Redis' tests look for in the log.
[[nodiscard]] std::string IntegrityFailure(std::string_view what, PackedForm form);

// What a builder answered, with a reason where it gave none.
[[nodiscard]] Status BuilderError(Status status, std::string_view reason);

template <typename Builder>
Result<bool> InstallBuilt(Builder& builder, RdbInstall install) {
  if (builder.Count() == 0) return false;
  Status status = install([&builder](KeySlot& slot, Expiry expiry) { return builder.Finish(slot, expiry); });
  if (!status.ok()) return status;
  return true;
}

}  // namespace cachenode
