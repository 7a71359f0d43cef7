#include "persistence/rdb_value_codec.h"

#include <fmt/format.h>

#include <cassert>

#include "persistence/rdb_cursor.h"
#include "storage/base/bytes.h"
#include "storage/base/crc64.h"
#include "storage/base/quoting.h"

namespace cachenode {
namespace {

constexpr uint16_t kDumpVersionForStrings = 9;
constexpr std::string_view kBadPayload = "ERR DUMP payload version or checksum are wrong";
constexpr std::string_view kBadFormat = "ERR Bad data format";
// Strings from here on are decompressed into the block that will hold them.
constexpr size_t kDecodeIntoBlockMin = size_t{16} << 10;
constexpr size_t kKeyBytesInErrorMax = 128;

RdbKeyPrefix PrefixOf(const EntryView& entry, const RdbEncoding& how) noexcept {
  RdbKeyPrefix prefix;
  prefix.expire_at_ms = entry.expire_at_ms;
  if (how.recency == RdbRecency::kIdleSeconds) prefix.idle_seconds = IdleSeconds(how.lru_clock, entry.access);
  if (how.recency == RdbRecency::kLfuCounter) prefix.lfu_counter = static_cast<int16_t>(entry.access & 0xFF);
  return prefix;
}

// All that precedes the value. Leaves room for `value_bytes` more; null when there is no memory.
char* PutHead(EncodeBuffer& out, const EntryView& entry, const RdbEncoding& how, size_t value_bytes) noexcept {
  assert(entry.type == ValueType::kString);
  char* to = out.Room(kRdbKeyPrefixBytesMax + 1 + entry.key.size() + kRdbStringOverheadMax + value_bytes);
  if (to == nullptr) return nullptr;
  to = PutRdbKeyPrefix(to, PrefixOf(entry, how));
  *to = static_cast<char>(RdbType::kString);
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

Status WriteLzfString(const RdbString& text, KeySlot& slot, Expiry expiry, std::string& scratch) {
  if (text.text_bytes < kDecodeIntoBlockMin) {
    if (!text.CopyTo(scratch)) return CorruptValue("the compressed string cannot be decompressed");
    return slot.WriteString(scratch, expiry);
  }
  ByteBlockRef block = ByteBlockRef::Create(text.text_bytes);
  if (!block) return Err::kOutOfMemory;
  if (!text.Decompress({block->mutable_data(), block->size()})) {
    return CorruptValue("the compressed string cannot be decompressed");
  }
  return slot.WriteBlock(std::move(block), expiry);
}

Status WriteStringValue(std::string_view value, KeySlot& slot, Expiry expiry, std::string& scratch) {
  RdbCursor cursor(value);
  RdbString text;
  if (!cursor.ReadString(text) || cursor.Left() != 0) return CorruptValue("the string is cut off");
  switch (text.form) {
    case RdbString::Form::kRaw:
      return slot.WriteString(text.bytes, expiry);
    case RdbString::Form::kInteger:
      return slot.WriteInt64(text.integer, expiry);
    case RdbString::Form::kLzf:
      return WriteLzfString(text, slot, expiry, scratch);
  }
  return CorruptValue("unknown string encoding");
}

// Elements counted in the header of an encoded blob that is not compressed; 1 where the blob does not say.
uint64_t BlobElementCount(RdbType type, std::string_view blob) noexcept {
  constexpr size_t kListpackHeader = 6;
  constexpr size_t kZiplistHeader = 10;
  constexpr size_t kIntsetHeader = 8;
  switch (type) {
    case RdbType::kHashZipmap:
      return blob.size() < 1 ? 0 : static_cast<uint8_t>(blob[0]);
    case RdbType::kListZiplist:
    case RdbType::kZsetZiplist:
    case RdbType::kHashZiplist:
    case RdbType::kListQuicklist:
      return blob.size() < kZiplistHeader ? 0 : LoadLittleEndian<uint16_t>(blob.data() + 8);
    case RdbType::kSetIntset:
      return blob.size() < kIntsetHeader ? 0 : LoadLittleEndian<uint32_t>(blob.data() + 4);
    case RdbType::kHashListpack:
    case RdbType::kZsetListpack:
    case RdbType::kSetListpack:
    case RdbType::kHashListpackTtlRc:
    case RdbType::kHashListpackTtl:
    case RdbType::kListQuicklist2:
      return blob.size() < kListpackHeader ? 0 : LoadLittleEndian<uint16_t>(blob.data() + 4);
    default:
      return 1;
  }
}

bool IsEmptyBlob(RdbType type, RdbCursor& cursor) noexcept {
  std::string scratch;
  RdbString blob;
  std::string_view bytes;
  return cursor.ReadString(blob) && blob.View(scratch, bytes) && BlobElementCount(type, bytes) == 0;
}

// A list of nodes is empty when all of its nodes are.
bool AreAllNodesEmpty(const RdbTypeInfo& type, RdbCursor& cursor) noexcept {
  constexpr uint64_t kPackedNode = 2;
  uint64_t count = 0;
  if (!cursor.ReadLength(count)) return false;
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t container = kPackedNode;
    if (type.shape == RdbShape::kQuicklist2 && !cursor.ReadLength(container)) return false;
    if (container != kPackedNode || !IsEmptyBlob(type.type, cursor)) return false;
  }
  return true;
}

}  // namespace

bool IsRdbValueLarge(const EntryView& entry) noexcept {
  return entry.type == ValueType::kString && entry.String().SizeBytes() > kRdbCompressBytesMax;
}

void AppendRdbEntry(EncodeBuffer& out, const EntryView& entry, const RdbEncoding& how) noexcept {
  const StringView text = entry.String();
  char* to = PutHead(out, entry, how, StringValueBytesMax(text));
  if (to != nullptr) out.Advance(PutStringValue(to, text, how.compression));
}

std::string_view AppendRdbEntryHead(EncodeBuffer& out, const EntryView& entry, const RdbEncoding& how) noexcept {
  const StringView text = entry.String();
  char* to = PutHead(out, entry, how, kRdbLengthBytesMax);
  if (to == nullptr) return {};
  out.Advance(PutRdbLength(to, text.SizeBytes()));
  StringScratch unused;
  return text.Read(unused);
}

bool IsEmptyRdbCollection(const RdbTypeInfo& type, std::string_view value) noexcept {
  RdbCursor cursor(value);
  uint64_t count = 1;
  switch (type.shape) {
    case RdbShape::kString:
      return type.type != RdbType::kString && IsEmptyBlob(type.type, cursor);
    case RdbShape::kTtlString:
      return cursor.Skip(sizeof(uint64_t)) && IsEmptyBlob(type.type, cursor);
    case RdbShape::kHashTtl:
      return cursor.Skip(sizeof(uint64_t)) && cursor.ReadLength(count) && count == 0;
    case RdbShape::kQuicklist2:
      return AreAllNodesEmpty(type, cursor);
    case RdbShape::kStrings:
      if (type.type == RdbType::kListQuicklist) return AreAllNodesEmpty(type, cursor);
      return cursor.ReadLength(count) && count == 0;
    case RdbShape::kStringPairs:
    case RdbShape::kTextScores:
    case RdbShape::kBinaryScores:
    case RdbShape::kHashTtlRc:
    case RdbShape::kHashTtlValkey:
      return cursor.ReadLength(count) && count == 0;
    default:
      return false;  // Streams may be empty; modules are unknown.
  }
}

Status CheckRdbTypeSupported(const RdbRecord& record, int version) {
  if (record.type->type == RdbType::kString) return Status::Ok();
  std::string key;
  AppendQuoted(key, record.key.substr(0, kKeyBytesInErrorMax));
  return Status::WithText(
      Err::kUnavailable,
      fmt::format("offset {}: key {} is a {} (RDB type {}, file version {}), which this server does not have yet",
                  record.offset, key, record.type->name, static_cast<int>(record.type->type), version));
}

Status WriteRdbValue(const RdbTypeInfo& type, std::string_view value, KeySlot& slot, Expiry expiry,
                     std::string& scratch) {
  if (type.type == RdbType::kString) return WriteStringValue(value, slot, expiry, scratch);
  return Status::WithText(Err::kUnavailable, fmt::format("a {} (RDB type {}) is not supported yet", type.name,
                                                         static_cast<int>(type.type)));
}

// --- DUMP and RESTORE ------------------------------------------------------------------------------------------------

std::string DumpPayload(const EntryView& entry, RdbCompression compression) {
  const StringView text = entry.String();
  std::string payload;
  payload.resize(1 + StringValueBytesMax(text) + kRdbDumpFooterBytes);
  char* to = payload.data();
  *to++ = static_cast<char>(RdbType::kString);
  to = PutStringValue(to, text, compression);
  StoreLittleEndian(to, kDumpVersionForStrings);
  to += sizeof(kDumpVersionForStrings);
  const size_t covered = static_cast<size_t>(to - payload.data());
  StoreLittleEndian(to, Crc64(0, std::string_view(payload).substr(0, covered)));
  payload.resize(covered + kRdbChecksumBytes);
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

Status WriteRdbPayload(const RdbPayload& payload, KeySlot& slot, Expiry expiry) {
  std::string scratch;
  Status status = WriteRdbValue(*payload.type, payload.value, slot, expiry, scratch);
  if (status.ok() || status.code() == Err::kOutOfMemory) return status;
  return Status::Text(std::string(kBadFormat));
}

}  // namespace cachenode
