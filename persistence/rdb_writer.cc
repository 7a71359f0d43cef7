#include "persistence/rdb_writer.h"

#include <fmt/format.h>

#include "persistence/chunk_index.h"
#include "persistence/rdb_encode.h"
#include "persistence/rdb_format.h"
#include "storage/base/bytes.h"
#include "storage/base/crc64.h"

namespace cachenode {
namespace {

constexpr int kVersionForMost = 10;

}  // namespace

int RdbVersionToWrite(RdbVersionChoice choice, bool has_field_deadlines) noexcept {
  switch (choice) {
    case RdbVersionChoice::kAuto:
      return has_field_deadlines ? kRdbNewestRedisVersion : kVersionForMost;
    case RdbVersionChoice::k10:
      return kVersionForMost;
    case RdbVersionChoice::k9:
      return 9;
    case RdbVersionChoice::k11:
      return 11;
    case RdbVersionChoice::k12:
      return kRdbNewestRedisVersion;
    case RdbVersionChoice::k80:
      return kRdbNewestValkeyVersion;
  }
  return kVersionForMost;
}

Status RdbWriter::WriteHeader(const RdbFileHeader& header) {
  EncodeBuffer out;
  out.Append(header.version >= kRdbFirstValkeyVersion ? fmt::format("{}{:03}", kRdbValkeyMagic, header.version)
                                                      : fmt::format("{}{:04}", kRdbRedisMagic, header.version));
  AppendRdbAux(out, header.server_is_valkey ? "valkey-ver" : "redis-ver", header.server_version);
  AppendRdbAuxInteger(out, "redis-bits", 64);
  AppendRdbAuxInteger(out, "ctime", header.created_s);
  AppendRdbAuxInteger(out, "used-mem", static_cast<int64_t>(header.used_memory_bytes));
  AppendRdbAuxInteger(out, kRdbAuxUsedMemory, static_cast<int64_t>(header.used_memory_bytes));
  AppendRdbAuxInteger(out, "aof-base", 0);
  if (!header.functions.empty() && header.version < kVersionForMost) {
    return Status::WithText(Err::kUnavailable, "function libraries need rdb-version 10 or newer");
  }
  for (const std::string& source : header.functions) {
    AppendRdbOpcode(out, RdbOpcode::kFunction2);
    AppendRdbString(out, source, RdbCompression::kLzf);
  }
  for (const RdbFileHeader::Database& database : header.databases) {
    AppendRdbOpcode(out, RdbOpcode::kSelectDb);
    AppendRdbLength(out, database.db);
    AppendRdbOpcode(out, RdbOpcode::kResizeDb);
    AppendRdbLength(out, database.key_count);
    AppendRdbLength(out, database.expiring_count);
  }
  with_checksum_ = header.checksum;
  const std::lock_guard lock(mutex_);
  return WriteAndCount(out);
}

Status RdbWriter::WriteChunk(std::span<const std::string_view> parts) {
  // Outside of the lock: only combining checksums needs the order in which chunks arrive.
  constexpr size_t kPartsMax = 4;
  uint64_t checksums[kPartsMax] = {};
  uint64_t size_bytes = 0;
  if (parts.size() > kPartsMax) return Err::kOutOfRange;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (with_checksum_) checksums[i] = Crc64(0, parts[i]);
    size_bytes += parts[i].size();
  }
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < parts.size(); ++i) {
    if (Status status = Write(parts[i], checksums[i]); !status.ok()) return status;
  }
  chunk_bytes_.push_back(size_bytes);
  return Status::Ok();
}

RdbWriter::LongChunk::LongChunk(RdbWriter& writer, EncoderHost* host) : writer_(writer) {
  if (host != nullptr) waiting_.emplace(*host, writer.sink_);
}

Status RdbWriter::LongChunk::Take(EncodeBuffer& piece) {
  size_bytes_ += piece.size();
  const uint64_t checksum = writer_.with_checksum_ ? Crc64(0, piece.view()) : 0;
  if (waiting_ && !writer_.failed() && waiting_->Keep(piece, checksum)) return Status::Ok();
  if (Status status = WriteWaiting(); !status.ok()) return status;
  Status status = writer_.Write(piece.view(), checksum);
  piece.Clear();
  return status;
}

Status RdbWriter::LongChunk::End() {
  if (Status status = WriteWaiting(); !status.ok()) return status;
  writer_.chunk_bytes_.push_back(size_bytes_);
  lock_.unlock();
  return Status::Ok();
}

Status RdbWriter::LongChunk::WriteWaiting() {
  if (holds_writer()) return Status::Ok();
  lock_ = std::unique_lock(writer_.mutex_);
  if (!waiting_) return Status::Ok();
  const auto write = [this](std::string_view piece, uint64_t checksum) { return writer_.Write(piece, checksum); };
  Status status = waiting_->TakeAll(write);
  waiting_.reset();
  return status;
}

Status RdbWriter::Write(std::string_view bytes, uint64_t checksum) {
  if (failed()) return Failure();
  if (Status status = sink_.Write(bytes); !status.ok()) return Fail(status);
  if (with_checksum_) checksum_ = Crc64Combine(checksum_, checksum, bytes.size());
  bytes_written_.fetch_add(bytes.size(), std::memory_order_relaxed);
  return Status::Ok();
}

Status RdbWriter::Fail(const Status& why) {
  failure_code_ = why.code();
  failure_text_ = why.text();
  failed_.store(true, std::memory_order_relaxed);
  return Failure();
}

Status RdbWriter::Failure() const {
  return failure_text_.empty() ? Status(failure_code_) : Status::WithText(failure_code_, failure_text_);
}

Status RdbWriter::WriteAndCount(EncodeBuffer& bytes) {
  if (bytes.overflowed()) return failed() ? Failure() : Fail(Err::kOutOfMemory);
  return Write(bytes.view(), with_checksum_ ? Crc64(0, bytes.view()) : 0);
}

Status RdbWriter::Finish() {
  const std::lock_guard lock(mutex_);
  EncodeBuffer out;
  AppendChunkIndex(out, bytes_written(), chunk_bytes_);
  AppendRdbOpcode(out, RdbOpcode::kEof);
  if (Status status = WriteAndCount(out); !status.ok()) return status;
  char checksum[kRdbChecksumBytes];
  StoreLittleEndian(checksum, with_checksum_ ? checksum_ : 0);
  return Write(std::string_view(checksum, sizeof(checksum)), 0);
}

}  // namespace cachenode
