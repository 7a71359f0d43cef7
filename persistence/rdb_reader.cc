#include "persistence/rdb_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "storage/base/bytes.h"
#include "storage/base/crc64.h"

namespace cachenode {
namespace {

// The least bytes a key takes in a file: type, length of the key, value.
constexpr uint64_t kRecordBytesMin = 3;
// What a size hint may ask for when the length of the file is not known.
constexpr uint64_t kHintKeysWithoutSize = uint64_t{1} << 20;
constexpr int64_t kMsPerSecond = 1000;

// Nine letters of six bits each, above ten bits of a version.
std::string ModuleTypeName(std::string_view value) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  constexpr int kVersionBits = 10;
  constexpr size_t kNameLetters = 9;
  uint64_t number = 0;
  RdbCursor cursor(value);
  if (!cursor.ReadLength(number)) return {};
  number >>= kVersionBits;
  std::string name(kNameLetters, ' ');
  for (size_t i = kNameLetters; i-- > 0; number >>= 6) name[i] = kLetters[number & 0x3F];
  return name;
}

// Values of one string are decoded from that string as a whole.
bool CanStream(RdbShape shape) noexcept {
  switch (shape) {
    case RdbShape::kString:
    case RdbShape::kTtlString:
    case RdbShape::kModule2:
    case RdbShape::kRefused:
      return false;
    default:
      return true;
  }
}

}  // namespace

RdbReader::RdbReader(ByteSource& source, RdbObserver& observer, const RdbReaderOptions& options)
    : source_(source), observer_(observer), options_(options) {}

Status RdbReader::CorruptAt(uint64_t offset, std::string_view reason) const {
  return Status::WithText(Err::kCorrupt, fmt::format("offset {}: {}", offset, reason));
}

Status RdbReader::UnknownAt(uint64_t offset, std::string_view what) {
  return Status::WithText(Err::kUnavailable, fmt::format("offset {}: {}", offset, what));
}

uint64_t RdbReader::SourceBytesLeft() const noexcept {
  const int64_t size = source_.SizeBytes();
  if (size < 0) return 0;
  const uint64_t total = static_cast<uint64_t>(size);
  return total > source_bytes_read_ ? total - source_bytes_read_ : 0;
}

Status RdbReader::ReadHeader() {
  char magic[kRdbMagicBytes];
  size_t have = 0;
  while (have < sizeof(magic)) {
    Result<size_t> got = source_.Read(std::span(magic).subspan(have));
    if (!got) return got.error();
    if (*got == 0) return CorruptAt(have, "the file ends inside its header");
    have += *got;
  }
  source_bytes_read_ = block_offset_ = sizeof(magic);
  checksum_ = Crc64(0, magic);
  const std::string_view text(magic, sizeof(magic));
  const bool valkey = text.starts_with(kRdbValkeyMagic);
  if (!valkey && !text.starts_with(kRdbRedisMagic)) {
    return CorruptAt(0, "wrong signature, this is not an RDB file");
  }
  dialect_ = valkey ? RdbDialect::kValkey : RdbDialect::kRedis;
  const std::string_view digits = text.substr(valkey ? kRdbValkeyMagic.size() : kRdbRedisMagic.size());
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), version_);
  if (error != std::errc() || end != digits.end() || version_ < 1) {
    return CorruptAt(0, "no RDB version after the signature");
  }
  const int newest = valkey ? kRdbNewestValkeyVersion : kRdbNewestRedisVersion;
  if (options_.version_check == RdbVersionCheck::kStrict && version_ > newest) {
    return UnknownAt(0, fmt::format("RDB version {} is newer than {}, the newest one known", version_, newest));
  }
  return Status::Ok();
}

void RdbReader::StartFragment(int version, RdbDialect dialect, uint64_t offset) {
  version_ = version;
  dialect_ = dialect;
  fragment_ = true;
  block_offset_ = offset;
}

Result<bool> RdbReader::ReadBatch(RdbBatch& batch) {
  batch.Clear(options_.block_bytes);
  batch.version = version_;
  batch.dialect = dialect_;
  if (finished_) return false;
  if (!batch.block.Reserve(std::max(options_.block_bytes, carry_.size()))) return Err::kOutOfMemory;
  CopyShort(batch.block.data(), carry_.data(), carry_.size());
  batch.block.SetSize(carry_.size());
  carry_.clear();

  size_t consumed = 0;
  if (Status status = Fill(batch, batch.block.capacity()); !status.ok()) return status;
  if (Status status = CutItems(batch, consumed); !status.ok()) {
    finished_ = true;
    return status;
  }
  const std::string_view bytes = batch.block.view();
  if (batch.streamed) return true;
  if (!finished_) {
    checksum_ = Crc64(checksum_, bytes.substr(0, consumed));
    carry_.assign(bytes.substr(consumed));
  }
  block_offset_ += consumed;
  return !finished_ || !batch.records.empty();
}

Status RdbReader::Fill(RdbBatch& batch, size_t size_wanted) {
  RdbBlock& block = batch.block;
  while (!source_ended_ && block.size() < size_wanted) {
    Result<size_t> got = source_.Read({block.data() + block.size(), size_wanted - block.size()});
    if (!got) return got.error();
    if (*got == 0) source_ended_ = true;
    block.SetSize(block.size() + *got);
    source_bytes_read_ += *got;
  }
  return Status::Ok();
}

// Cuts as many whole items as the block holds, growing it when it does not even hold one.
Status RdbReader::CutItems(RdbBatch& batch, size_t& consumed) {
  for (;;) {
    RdbCursor cursor(batch.block.view(), consumed);
    partial_type_ = nullptr;
    if (fragment_ && source_ended_ && cursor.Left() == 0) {
      finished_ = true;
      checksum_ = Crc64(checksum_, batch.block.view());
      return Status::Ok();
    }
    const Item item = ReadItem(cursor, batch, consumed);
    if (item == Item::kDone) {
      consumed = cursor.Position();
      continue;
    }
    if (item == Item::kEnd) {
      consumed = cursor.Position();
      finished_ = true;
      return Status::Ok();
    }
    if (!failure_.ok()) return std::move(failure_);
    if (item == Item::kFailed) return CorruptAt(block_offset_ + cursor.Position(), cursor.reason());
    if (source_ended_) {
      return CorruptAt(block_offset_ + batch.block.size(),
                       fmt::format("the file ends inside the item that begins at offset {}", block_offset_ + consumed));
    }
    if (consumed > 0 || BeginStreaming(batch)) return Status::Ok();
    if (Status status = GrowFor(batch, cursor.bytes_missing()); !status.ok()) return status;
  }
}

Status RdbReader::GrowFor(RdbBatch& batch, uint64_t bytes_missing) {
  if (BytesLeftKnown() && bytes_missing > SourceBytesLeft()) {
    return CorruptAt(block_offset_, fmt::format("a length of the item here asks for {} bytes more than the file has",
                                                bytes_missing - SourceBytesLeft()));
  }
  const size_t have = batch.block.size();
  const size_t wanted = have + std::max<size_t>(std::min<uint64_t>(bytes_missing, have), options_.block_bytes);
  if (!batch.block.Reserve(wanted)) return Err::kOutOfMemory;
  return Fill(batch, wanted);
}

bool RdbReader::BeginStreaming(RdbBatch& batch) {
  if (partial_type_ == nullptr || batch.block.size() < options_.streamed_value_bytes) return false;
  RdbRecord record = pending_;
  // The window moves over the block, so that the key needs a place of its own.
  std::string& key = batch.decoded_keys.emplace_back();
  if (!partial_key_.CopyTo(key)) return false;
  record.key = key;
  record.value = batch.block.view().substr(partial_value_at_);
  record.type = partial_type_;
  record.offset = block_offset_ + partial_start_;
  record.db = db_;
  batch.records.push_back(record);
  batch.streamed = true;
  pending_ = RdbRecord();
  return true;
}

Result<std::string_view> RdbReader::SlideValue(RdbBatch& batch, size_t consumed, uint64_t wanted) {
  RdbBlock& block = batch.block;
  const size_t dropped = partial_value_at_ + consumed;
  checksum_ = Crc64(checksum_, block.view().substr(0, dropped));
  block_offset_ += dropped;
  partial_value_at_ = 0;
  std::memmove(block.data(), block.data() + dropped, block.size() - dropped);
  block.SetSize(block.size() - dropped);
  const size_t have = block.size();
  // A length that lies must not allocate: at most twice what is there is asked for at once.
  const size_t wanted_now = std::min<uint64_t>(wanted, std::max(have * 2, block.capacity()));
  if (!block.Reserve(wanted_now)) return Err::kOutOfMemory;
  if (Status status = Fill(batch, block.capacity()); !status.ok()) return status;
  if (block.size() > have) return block.view();
  return CorruptAt(block_offset_ + have, "the file ends inside the value");
}

void RdbReader::EndValue(RdbBatch& batch, size_t consumed) {
  const std::string_view bytes = batch.block.view();
  const size_t dropped = partial_value_at_ + consumed;
  checksum_ = Crc64(checksum_, bytes.substr(0, dropped));
  block_offset_ += dropped;
  carry_.assign(bytes.substr(dropped));
}

RdbReader::Item RdbReader::ReadItem(RdbCursor& cursor, RdbBatch& batch, size_t start) {
  uint8_t byte = 0;
  bool read = cursor.ReadByte(byte);
  if (read) {
    const RdbOpcode opcode = static_cast<RdbOpcode>(byte);
    if (opcode == RdbOpcode::kEof) return ReadEnd(cursor, batch, start);
    read = byte < kRdbFirstOpcode ? ReadRecord(byte, cursor, batch, start) : ReadOpcode(opcode, cursor);
  }
  if (read) return Item::kDone;
  return cursor.fault() == RdbCursor::Fault::kShort ? Item::kShort : Item::kFailed;
}

bool RdbReader::ReadRecord(uint8_t type_byte, RdbCursor& cursor, RdbBatch& batch, size_t start) {
  const RdbTypeInfo* type = FindRdbType(type_byte, dialect_);
  if (type == nullptr || type->shape == RdbShape::kRefused) return RefuseType(type_byte, start);
  RdbString key;
  if (!cursor.ReadString(key)) return false;
  const char* value = cursor.Here();
  const size_t value_at = cursor.Position();
  if (!cursor.SkipValue(type->shape)) {
    if (cursor.fault() == RdbCursor::Fault::kShort && CanStream(type->shape)) {
      partial_type_ = type;
      partial_key_ = key;
      partial_start_ = start;
      partial_value_at_ = value_at;
    }
    return false;
  }

  if (type->shape == RdbShape::kModule2 && options_.unsupported == UnsupportedTypes::kSkip) {
    observer_.OnSkippedKey(ModuleTypeName(std::string_view(value, static_cast<size_t>(cursor.Here() - value))));
    pending_ = RdbRecord();
    return true;
  }
  RdbRecord record = pending_;
  if (key.form == RdbString::Form::kRaw) {
    record.key = key.bytes;
  } else {
    std::string& text = batch.decoded_keys.emplace_back();
    if (!key.CopyTo(text)) return cursor.Corrupt("the compressed key cannot be decompressed");
    record.key = text;
  }
  record.value = std::string_view(value, static_cast<size_t>(cursor.Here() - value));
  record.type = type;
  record.offset = block_offset_ + start;
  record.db = db_;
  batch.records.push_back(record);
  pending_ = RdbRecord();
  return true;
}

bool RdbReader::RefuseType(uint8_t type_byte, size_t start) {
  failure_ = UnknownAt(block_offset_ + start,
                       fmt::format("unknown value type {} in an RDB file of version {}", type_byte, version_));
  return false;
}

bool RdbReader::ReadOpcode(RdbOpcode opcode, RdbCursor& cursor) {
  uint64_t length = 0;
  switch (opcode) {
    case RdbOpcode::kExpireTimeMs:
      return cursor.ReadInt64(pending_.expire_at_ms);
    case RdbOpcode::kExpireTime: {
      int32_t seconds = 0;
      if (!cursor.ReadInt32(seconds)) return false;
      pending_.expire_at_ms = seconds * kMsPerSecond;
      return true;
    }
    case RdbOpcode::kIdle:
      if (!cursor.ReadLength(length)) return false;
      pending_.idle_seconds = static_cast<int64_t>(std::min<uint64_t>(length, INT64_MAX));
      return true;
    case RdbOpcode::kFreq: {
      uint8_t counter = 0;
      if (!cursor.ReadByte(counter)) return false;
      pending_.lfu_counter = counter;
      return true;
    }
    case RdbOpcode::kSelectDb:
      return ReadSelectDb(cursor);
    case RdbOpcode::kAux:
      return ReadAux(cursor);
    case RdbOpcode::kResizeDb:
      return ReadResizeDb(cursor);
    case RdbOpcode::kFunction2:
      return ReadFunction(cursor);
    case RdbOpcode::kModuleAux:
      return cursor.ReadLength(length) && cursor.SkipModuleItems();
    case RdbOpcode::kSlotInfo:
      return cursor.ReadLength(length) && cursor.ReadLength(length) && cursor.ReadLength(length);
    case RdbOpcode::kSlotImport: {
      uint64_t range_count = 0;
      if (!cursor.SkipString() || !cursor.ReadLength(range_count)) return false;
      for (uint64_t i = 0; i < range_count; ++i) {
        if (!cursor.ReadLength(length) || !cursor.ReadLength(length)) return false;
      }
      return true;
    }
    case RdbOpcode::kFunctionPreGa:
      return cursor.Corrupt("function libraries of a release candidate of Redis 7.0 cannot be loaded");
    case RdbOpcode::kEof:
      break;
  }
  return cursor.Corrupt("unknown opcode");
}

bool RdbReader::ReadSelectDb(RdbCursor& cursor) {
  uint64_t db = 0;
  if (!cursor.ReadLength(db)) return false;
  if (db >= options_.database_count) {
    failure_ = CorruptAt(block_offset_ + cursor.Position(),
                         fmt::format("database {} does not exist here, there are {}", db, options_.database_count));
    return false;
  }
  db_ = static_cast<uint32_t>(db);
  return true;
}

bool RdbReader::ReadAux(RdbCursor& cursor) {
  RdbString name;
  RdbString value;
  if (!cursor.ReadString(name) || !cursor.ReadString(value)) return false;
  std::string name_scratch;
  std::string value_scratch;
  std::string_view name_text;
  std::string_view value_text;
  if (!name.View(name_scratch, name_text) || !value.View(value_scratch, value_text)) {
    return cursor.Corrupt("a compressed AUX field cannot be decompressed");
  }
  observer_.OnAux(name_text, value_text);
  return true;
}

bool RdbReader::ReadResizeDb(RdbCursor& cursor) {
  uint64_t key_count = 0;
  uint64_t expiring_count = 0;
  if (!cursor.ReadLength(key_count) || !cursor.ReadLength(expiring_count)) return false;
  const uint64_t bytes_left = std::max(SourceBytesLeft() + cursor.Left(), options_.whole_file_bytes);
  key_count = std::min(key_count, BytesLeftKnown() ? bytes_left / kRecordBytesMin : kHintKeysWithoutSize);
  observer_.OnResizeDb(db_, key_count, std::min(expiring_count, key_count));
  return true;
}

bool RdbReader::ReadFunction(RdbCursor& cursor) {
  RdbString source;
  if (!cursor.ReadString(source)) return false;
  std::string scratch;
  std::string_view text;
  if (!source.View(scratch, text)) return cursor.Corrupt("a compressed function library cannot be decompressed");
  failure_ = observer_.OnFunction(text);
  if (failure_.ok()) return true;
  failure_ = std::move(failure_).WithContext(fmt::format("offset {}", block_offset_ + cursor.Position()));
  return false;
}

RdbReader::Item RdbReader::ReadEnd(RdbCursor& cursor, const RdbBatch& batch, size_t start) {
  if (fragment_) return cursor.Corrupt("the end marker stands inside the file"), Item::kFailed;
  if (version_ < kRdbFirstChecksumVersion) return Item::kEnd;
  const std::string_view covered = batch.block.view().substr(0, start + 1);
  int64_t stored = 0;
  if (!cursor.ReadInt64(stored)) return Item::kShort;
  checksum_ = Crc64(checksum_, covered);
  const uint64_t expected = static_cast<uint64_t>(stored);
  if (!options_.verify_checksum || expected == 0 || expected == checksum_) return Item::kEnd;
  failure_ = CorruptAt(
      block_offset_ + start + 1,
      fmt::format("wrong checksum (CRC error): the file says {:016x}, its bytes give {:016x}", expected, checksum_));
  return Item::kFailed;
}

}  // namespace cachenode
