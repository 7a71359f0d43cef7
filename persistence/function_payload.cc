#include "persistence/function_payload.h"

#include <cstdint>
#include <utility>

#include "persistence/encode_buffer.h"
#include "persistence/rdb_cursor.h"
#include "persistence/rdb_format.h"
#include "storage/base/bytes.h"
#include "storage/base/crc64.h"

namespace cachenode {
namespace {

constexpr int kFirstVersionWithFunctions = 10;

Status WrongFooter() { return Status::Text("ERR DUMP payload version or checksum are wrong"); }

// One library behind its opcode.
Status TakeLibrary(RdbCursor& cursor, std::vector<std::string>& sources) {
  uint8_t opcode = 0;
  if (!cursor.ReadByte(opcode)) return Status::Text("ERR can not read data type");
  if (opcode == static_cast<uint8_t>(RdbOpcode::kFunctionPreGa)) {
    return Status::Text("ERR Pre-GA function format not supported");
  }
  if (opcode != static_cast<uint8_t>(RdbOpcode::kFunction2)) return Status::Text("ERR given type is not a function");
  RdbString stored;
  std::string source;
  if (!cursor.ReadString(stored) || !stored.CopyTo(source)) {
    return Status::Text("ERR failed loading the given functions payload");
  }
  sources.push_back(std::move(source));
  return Status::Ok();
}

}  // namespace

std::string DumpFunctions(const std::vector<std::string>& sources, RdbCompression compression) {
  EncodeBuffer out;
  for (const std::string& source : sources) {
    AppendRdbOpcode(out, RdbOpcode::kFunction2);
    AppendRdbString(out, source, compression);
  }
  char footer[kRdbDumpFooterBytes];
  StoreLittleEndian<uint16_t>(footer, kFirstVersionWithFunctions);
  out.Append({footer, sizeof(uint16_t)});
  StoreLittleEndian<uint64_t>(footer, Crc64(0, out.view()));
  out.Append({footer, sizeof(uint64_t)});
  return out.overflowed() ? std::string() : std::string(out.view());
}

Result<std::vector<std::string>> ParseFunctionPayload(std::string_view payload, PayloadChecksum rule) {
  if (payload.size() < kRdbDumpFooterBytes) return WrongFooter();
  const size_t body_bytes = payload.size() - kRdbDumpFooterBytes;
  const char* footer = payload.data() + body_bytes;
  const int version = LoadLittleEndian<uint16_t>(footer);
  if (version > kRdbNewestRedisVersion && version != kRdbFirstValkeyVersion) return WrongFooter();
  const uint64_t stored = LoadLittleEndian<uint64_t>(footer + sizeof(uint16_t));
  const uint64_t computed = Crc64(0, payload.substr(0, payload.size() - kRdbChecksumBytes));
  if (rule == PayloadChecksum::kVerify && stored != computed) return WrongFooter();
  std::vector<std::string> sources;
  RdbCursor cursor(payload.substr(0, body_bytes));
  while (cursor.Left() != 0) {
    if (Status status = TakeLibrary(cursor, sources); !status.ok()) return status;
  }
  return sources;
}

}  // namespace cachenode
