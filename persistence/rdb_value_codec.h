// One key and its value as RDB bytes, in files and in DUMP payloads, and back. Collections have a file per data type:
// rdb_value_encoders.h, rdb_value_decoders.h.
//
// Thread-safety: functions only. Encoding needs the entry's value to stay as it is; decoding writes through a KeySlot,
//   so the key's shard is locked or owned when it does.
// Errors: bytes are hostile. What cannot be decoded is kCorrupt with the reason; nothing was changed then. kUnavailable
//   for a value that the file's version has no form for. kOutOfMemory comes from the keyspace.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "persistence/encode_buffer.h"
#include "persistence/rdb_batch.h"
#include "persistence/rdb_encode.h"
#include "persistence/rdb_input.h"
#include "persistence/rdb_output.h"
#include "persistence/rdb_value_decoders.h"
#include "storage/base/result.h"
#include "storage/entry_view.h"
#include "storage/key_slot.h"

namespace cachenode {

// Which of a key's access figures goes into a file: the one the eviction policy uses.
enum class RdbRecency : uint8_t { kNone, kIdleSeconds, kLfuCounter };

struct RdbEncoding {
  RdbCompression compression = RdbCompression::kLzf;
  RdbRecency recency = RdbRecency::kNone;
  int64_t now_ms = 0;  // Of the moment of writing; kIdleSeconds only.
  int version = 10;    // Of the file: which forms of values may be written.
};

// For strings of more than kRdbCompressBytesMax, which are written from where they lie, plain, instead of through a
// buffer: appends all that precedes the value's bytes, which follow from the answer's memory.
[[nodiscard]] std::string_view AppendRdbEntryHead(EncodeBuffer& out, const EntryView& entry,
                                                  const RdbEncoding& how) noexcept;

// Appends prefix, type, key and value of any other string. Returns whether it was compressed.
bool AppendRdbStringEntry(EncodeBuffer& out, const EntryView& entry, const RdbEncoding& how) noexcept;
// The same for all types. An error names the key, and nothing was appended then.
Status AppendRdbEntry(RdbOutput& out, const EntryView& entry, const RdbEncoding& how);

// Decodes the string `value` and writes it to `slot`. `scratch` is memory to reuse between calls.
Status WriteRdbString(std::string_view value, KeySlot& slot, Expiry expiry, std::string& scratch);
// Builds the collection that `input` holds and installs it. False when it is empty: nothing was installed.
Result<bool> LoadRdbCollection(const RdbTypeInfo& type, RdbInput& input, RdbInstall install);

// --- DUMP and RESTORE ------------------------------------------------------------------------------------------------

// The footer names the lowest version that holds the value, so that older servers restore it.
[[nodiscard]] std::string DumpPayload(const EntryView& entry, RdbCompression compression);

// A checked payload; borrows the bytes it was made from.
struct RdbPayload {
  const RdbTypeInfo* type = nullptr;
  std::string_view value;
};
enum class PayloadChecksum : uint8_t { kVerify, kIgnore };
// Errors are whole replies: "ERR DUMP payload version or checksum are wrong", "ERR Bad data format". The value's shape
// is right afterwards, its content may still be refused by WriteRdbPayload with the second.
Result<RdbPayload> ParseDumpPayload(std::string_view payload, PayloadChecksum rule = PayloadChecksum::kVerify);
// `why` gets the reason for the log when the payload is refused.
Status WriteRdbPayload(const RdbPayload& payload, KeySlot& slot, Expiry expiry, std::string& why);

}  // namespace cachenode
