// One key and its value as RDB bytes, in files and in DUMP payloads, and back.
//
// Thread-safety: functions only. Encoding needs the entry's bytes to stay as they are; decoding writes through a
//   KeySlot, so the key's shard is locked or owned.
// Errors: bytes are hostile. What cannot be decoded is kCorrupt with the reason, a type this server does not have
//   kUnavailable with type, key and offset; nothing was changed then. kOutOfMemory comes from the keyspace.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "persistence/encode_buffer.h"
#include "persistence/rdb_batch.h"
#include "persistence/rdb_encode.h"
#include "storage/base/result.h"
#include "storage/entry_view.h"
#include "storage/key_slot.h"

namespace cachenode {

// Which of a key's access figures goes into a file: the one the eviction policy uses.
enum class RdbRecency : uint8_t { kNone, kIdleSeconds, kLfuCounter };

struct RdbEncoding {
  RdbCompression compression = RdbCompression::kLzf;
  RdbRecency recency = RdbRecency::kNone;
  uint32_t lru_clock = 0;  // 24 bits, of the moment of writing; kIdleSeconds only.
};

// Whether the value is so large that it is written from where it lies, plain, instead of through a buffer.
[[nodiscard]] bool IsRdbValueLarge(const EntryView& entry) noexcept;

// Appends prefix, type, key and value.
void AppendRdbEntry(EncodeBuffer& out, const EntryView& entry, const RdbEncoding& how) noexcept;
// For large values: appends all that precedes the value's bytes, which follow from the answer's memory.
[[nodiscard]] std::string_view AppendRdbEntryHead(EncodeBuffer& out, const EntryView& entry,
                                                  const RdbEncoding& how) noexcept;

// Whether the value is a collection without elements, which loaders skip without a word.
[[nodiscard]] bool IsEmptyRdbCollection(const RdbTypeInfo& type, std::string_view value) noexcept;

// Whether this server has the type. Otherwise an error that names type, key, offset and version.
Status CheckRdbTypeSupported(const RdbRecord& record, int version);

// Decodes `value` and writes it to `slot` with the given deadline. `scratch` is memory to reuse between calls.
Status WriteRdbValue(const RdbTypeInfo& type, std::string_view value, KeySlot& slot, Expiry expiry,
                     std::string& scratch);

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
Status WriteRdbPayload(const RdbPayload& payload, KeySlot& slot, Expiry expiry);

}  // namespace cachenode
