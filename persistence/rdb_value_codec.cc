#include "persistence/rdb_value_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "persistence/rdb_cursor.h"
#include "persistence/rdb_value_encoders.h"
#include "storage/access_time.h"
#include "storage/base/bytes.h"
#include "storage/base/crc64.h"
#include "storage/base/quoting.h"

namespace cachenode {
namespace {

constexpr std::string_view kBadPayload = "ERR DUMP payload version or checksum are wrong";
constexpr std::string_view kBadFormat = "ERR Bad data format";
constexpr size_t kKeyBytesInErrorMax = 128;

RdbKeyPrefix PrefixOf(const EntryView& entry, const RdbEncoding& how) noexcept {
  RdbKeyPrefix prefix;
  prefix.expire_at_ms = entry.expire_at_ms;
  if (how.recency == RdbRecency::kIdleSeconds) prefix.idle_seconds = recency::IdleSeconds(how.now_ms, entry.access);
  if (how.recency == RdbRecency::kLfuCounter) prefix.lfu_counter = static_cast<int16_t>(entry.access & 0xFF);
  return prefix;
}

// All that precedes the value. Leaves room for `value_bytes` more; null when there is no memory.
char* PutHead(EncodeBuffer& out, const EntryView& entry, const RdbEncoding& how, RdbType type,
              size_t value_bytes) noexcept {
  char* to = out.Room(kRdbKeyPrefixBytesMax + 1 + entry.key.size() + kRdbStringOverheadMax + value_bytes);
  if (to == nullptr) return nullptr;
  to = PutRdbKeyPrefix(to, PrefixOf(entry, how));
  *to = static_cast<char>(type);
  return PutRdbString(to + 1, entry.key, how.compression);
}

char* PutStringValue(char* to, const StringView& text, RdbCompression compression) noexcept {
  if (text.IsInt()) return PutRdbInteger(to, *text.AsInt64());
  StringScratch scratch;
  return PutRdbString(to, text.Read(scratch), compression);
}

size_t StringValueBytesMax(const StringView& text) noexcept {
  return kRdbStringOverheadMax + (text.IsInt() ? kIntegerCharsMax : text.SizeBytes());
}

Status CorruptValue(const char* reason) { return Status::WithText(Err::kCorrupt, reason); }

Status WriteLargeString(const RdbString& text, KeySlot& slot, Expiry expiry) {
  bool is_valid = true;
  ByteBlockRef block = text.ReadIntoBlock(is_valid);
  if (!is_valid) return CorruptValue("the compressed string cannot be decompressed");
  if (!block) return Err::kOutOfMemory;
  return slot.WriteBlock(std::move(block), expiry);
}

// The form of the value in a file of `version`.
Result<RdbType> TypeFor(const EntryView& entry, int version) {
  switch (entry.type) {
    case ValueType::kString:
      return RdbType::kString;
    case ValueType::kList:
      return ListTypeFor(version);
    case ValueType::kSet:
      return SetTypeFor(entry, version);
    case ValueType::kSortedSet:
      return SortedSetTypeFor(entry, version);
    case ValueType::kHash:
      return HashTypeFor(entry, version);
    case ValueType::kStream:
      return StreamTypeFor(version);
  }
  return RdbType::kString;
}

// The lowest version that holds the value as it is kept.
int DumpVersion(const EntryView& entry) noexcept {
  switch (entry.type) {
    case ValueType::kList:
    case ValueType::kStream:
      return kRdbPackedVersion;
    case ValueType::kHash:
      return HashVersionNeeded(entry);
    case ValueType::kSortedSet:
      return IsLarge(entry.encoding) ? kRdbLowestWritten : kRdbPackedVersion;
    case ValueType::kString:
    case ValueType::kSet:
      break;
  }
  return kRdbLowestWritten;
}

void EncodeCollection(RdbType type, const EntryView& entry, RdbOutput& out) noexcept {
  switch (entry.type) {
    case ValueType::kList:
      return EncodeRdbList(type, entry, out);
    case ValueType::kSet:
      return EncodeRdbSet(type, entry, out);
    case ValueType::kSortedSet:
      return EncodeRdbSortedSet(type, entry, out);
    case ValueType::kHash:
      return EncodeRdbHash(type, entry, out);
    case ValueType::kStream:
      return EncodeRdbStream(type, entry, out);
    case ValueType::kString:
      break;
  }
}

Status AtKey(const EntryView& entry, const Status& cause) {
  std::string key;
  AppendQuoted(key, entry.key.substr(0, kKeyBytesInErrorMax));
  return Status::WithText(cause.code(), fmt::format("key {} cannot be written: {}", key, cause.text()));
}

}  // namespace

bool AppendRdbStringEntry(EncodeBuffer& out, const EntryView& entry, const RdbEncoding& how) noexcept {
  const StringView text = entry.String();
  char* const value = PutHead(out, entry, how, RdbType::kString, StringValueBytesMax(text));
  if (value == nullptr) return false;
  out.Advance(PutStringValue(value, text, how.compression));
  return static_cast<uint8_t>(*value) == kRdbStringLzf;
}

Status AppendRdbEntry(RdbOutput& out, const EntryView& entry, const RdbEncoding& how) {
  EncodeBuffer& buffer = out.buffer();
  if (entry.type == ValueType::kString) {
    AppendRdbStringEntry(buffer, entry, how);
    return Status::Ok();
  }
  Result<RdbType> type = TypeFor(entry, how.version);
  if (!type) return AtKey(entry, type.error());
  char* to = PutHead(buffer, entry, how, *type, 0);
  if (to == nullptr) return Err::kOutOfMemory;
  buffer.Advance(to);
  EncodeCollection(*type, entry, out);
  return Status::Ok();
}

std::string_view AppendRdbEntryHead(EncodeBuffer& out, const EntryView& entry, const RdbEncoding& how) noexcept {
  const StringView text = entry.String();
  char* to = PutHead(out, entry, how, RdbType::kString, kRdbLengthBytesMax);
  if (to == nullptr) return {};
  out.Advance(PutRdbLength(to, text.SizeBytes()));
  StringScratch unused;
  return text.Read(unused);
}

Status WriteRdbString(std::string_view value, KeySlot& slot, Expiry expiry, std::string& scratch) {
  RdbCursor cursor(value);
  RdbString text;
  if (!cursor.ReadString(text) || cursor.Left() != 0) return CorruptValue("the string is cut off");
  if (text.IsForBlock()) return WriteLargeString(text, slot, expiry);
  switch (text.form) {
    case RdbString::Form::kRaw:
      return slot.WriteString(text.bytes, expiry);
    case RdbString::Form::kInteger:
      return slot.WriteInt64(text.integer, expiry);
    case RdbString::Form::kLzf:
      if (!text.CopyTo(scratch)) return CorruptValue("the compressed string cannot be decompressed");
      return slot.WriteString(scratch, expiry);
  }
  return CorruptValue("unknown string encoding");
}

Result<bool> LoadRdbCollection(const RdbTypeInfo& type, RdbInput& input, RdbInstall install) {
  if (type.data_type == "list") return DecodeRdbList(type, input, install);
  if (type.data_type == "set") return DecodeRdbSet(type, input, install);
  if (type.data_type == "zset") return DecodeRdbSortedSet(type, input, install);
  if (type.data_type == "hash") return DecodeRdbHash(type, input, install);
  if (type.data_type == "stream") return DecodeRdbStream(type, input, install);
  return Status::WithText(Err::kUnavailable, fmt::format("a {} needs the module that wrote it", type.name));
}

// --- DUMP and RESTORE ------------------------------------------------------------------------------------------------

std::string DumpPayload(const EntryView& entry, RdbCompression compression) {
  const int version = DumpVersion(entry);
  EncodeBuffer buffer;
  RdbOutput out(buffer, compression);
  // Sets and large collections take the same form in 9 and 10.
  const Result<RdbType> type = TypeFor(entry, std::max(version, kRdbPackedVersion));
  buffer.AppendByte(static_cast<uint8_t>(type ? *type : RdbType::kString));
  if (entry.type == ValueType::kString) {
    const StringView text = entry.String();
    char* to = buffer.Room(StringValueBytesMax(text));
    if (to != nullptr) buffer.Advance(PutStringValue(to, text, compression));
  } else {
    EncodeCollection(*type, entry, out);
  }
  if (buffer.overflowed()) return {};
  std::string payload;
  payload.reserve(buffer.size() + kRdbDumpFooterBytes);
  payload = buffer.view();
  char footer[kRdbDumpFooterBytes];
  StoreLittleEndian(footer, static_cast<uint16_t>(version));
  payload.append(footer, sizeof(uint16_t));
  StoreLittleEndian(footer, Crc64(0, payload));
  payload.append(footer, kRdbChecksumBytes);
  return payload;
}

Result<RdbPayload> ParseDumpPayload(std::string_view payload, PayloadChecksum rule) {
  if (payload.size() < kRdbDumpFooterBytes) return Status::Text(std::string(kBadPayload));
  const size_t body_bytes = payload.size() - kRdbDumpFooterBytes;
  const char* footer = payload.data() + body_bytes;
  const int version = LoadLittleEndian<uint16_t>(footer);
  const bool valkey = version == kRdbFirstValkeyVersion;
  const uint64_t stored = LoadLittleEndian<uint64_t>(footer + sizeof(uint16_t));
  if (version > kRdbNewestRedisVersion && !valkey) return Status::Text(std::string(kBadPayload));
  if (rule == PayloadChecksum::kVerify && stored != Crc64(0, payload.substr(0, payload.size() - kRdbChecksumBytes))) {
    return Status::Text(std::string(kBadPayload));
  }
  if (body_bytes == 0) return Status::Text(std::string(kBadFormat));
  RdbPayload parsed;
  parsed.type = FindRdbType(static_cast<uint8_t>(payload[0]), valkey ? RdbDialect::kValkey : RdbDialect::kRedis);
  parsed.value = payload.substr(1, body_bytes - 1);
  if (parsed.type == nullptr) return Status::Text(std::string(kBadFormat));
  RdbCursor cursor(parsed.value);
  if (!cursor.SkipValue(parsed.type->shape)) return Status::Text(std::string(kBadFormat));
  // Other servers ignore what follows the value, so payloads with a longer body exist.
  parsed.value = parsed.value.substr(0, cursor.Position());
  return parsed;
}

Status WriteRdbPayload(const RdbPayload& payload, KeySlot& slot, Expiry expiry, std::string& why) {
  Status status;
  if (payload.type->type == RdbType::kString) {
    std::string scratch;
    status = WriteRdbString(payload.value, slot, expiry, scratch);
  } else {
    RdbInput input(payload.value);
    Result<bool> loaded = LoadRdbCollection(
        *payload.type, input, [&](FunctionRef<Status(KeySlot&, Expiry)> put) -> Status { return put(slot, expiry); });
    if (!loaded) status = loaded.error();
    if (loaded && !*loaded) status = CorruptValue("an empty collection");
  }
  if (status.ok() || status.code() == Err::kOutOfMemory) return status;
  why = status.text();
  return Status::Text(std::string(kBadFormat));
}

}  // namespace cachenode
