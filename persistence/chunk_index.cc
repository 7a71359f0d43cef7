#include "persistence/chunk_index.h"

#include <fmt/format.h>

#include <charconv>
#include <string>

#include "persistence/rdb_cursor.h"
#include "persistence/rdb_encode.h"
#include "persistence/rdb_format.h"
#include "persistence/rdb_writer.h"

namespace cachenode {
namespace {

constexpr std::string_view kVersionMark = "v1 ";
constexpr size_t kPlaceBytes = 1 + 16;  // "@" and the offset in 16 hexadecimal digits.
constexpr size_t kAfterIndexBytes = 1 + kRdbChecksumBytes;

bool ParseHex(std::string_view text, uint64_t& value) noexcept {
  const auto [end, error] = std::from_chars(text.begin(), text.end(), value, 16);
  return error == std::errc() && end == text.end();
}

// Fills `index` from the sizes in `text`, "3ffa2 40011 ... ". False when they do not tile the file.
bool ParseSizes(std::string_view text, ChunkIndex& index) {
  uint64_t total_bytes = 0;
  while (!text.empty()) {
    const size_t blank = text.find(' ');
    uint64_t size_bytes = 0;
    if (blank == std::string_view::npos || !ParseHex(text.substr(0, blank), size_bytes)) return false;
    if (size_bytes == 0 || size_bytes > index.tail_offset - total_bytes) return false;
    index.chunks.push_back({total_bytes, size_bytes});
    total_bytes += size_bytes;
    text.remove_prefix(blank + 1);
  }
  index.head_bytes = index.tail_offset - total_bytes;
  for (ChunkIndex::Chunk& chunk : index.chunks) chunk.offset += index.head_bytes;
  return index.head_bytes >= kRdbMagicBytes;
}

// The value of the AUX field that fills `bytes` exactly; empty when it is not ours.
std::string_view IndexValue(std::string_view bytes) noexcept {
  RdbCursor cursor(bytes);
  uint8_t opcode = 0;
  RdbString name;
  RdbString value;
  if (!cursor.ReadByte(opcode) || opcode != static_cast<uint8_t>(RdbOpcode::kAux)) return {};
  if (!cursor.ReadString(name) || name.bytes != kRdbAuxChunkIndex) return {};
  if (!cursor.ReadString(value) || value.form != RdbString::Form::kRaw || cursor.Left() != 0) return {};
  return value.bytes;
}

}  // namespace

void AppendChunkIndex(EncodeBuffer& out, uint64_t field_offset, std::span<const uint64_t> chunk_bytes) noexcept {
  std::string text(kVersionMark);
  for (const uint64_t size_bytes : chunk_bytes) fmt::format_to(std::back_inserter(text), "{:x} ", size_bytes);
  fmt::format_to(std::back_inserter(text), "@{:016x}", field_offset);
  AppendRdbAux(out, kRdbAuxChunkIndex, text);
}

Result<ChunkIndex> ReadChunkIndex(const FileSource& file) {
  const int64_t file_size = file.SizeBytes();
  if (file_size < static_cast<int64_t>(kRdbMagicBytes + kPlaceBytes + kAfterIndexBytes)) return ChunkIndex();
  const uint64_t index_end = static_cast<uint64_t>(file_size) - kAfterIndexBytes;
  char place[kPlaceBytes];
  if (Status status = file.ReadAt(index_end - sizeof(place), place); !status.ok()) return status;
  uint64_t begin = 0;
  if (place[0] != '@' || !ParseHex(std::string_view(place + 1, kPlaceBytes - 1), begin)) return ChunkIndex();
  if (begin >= index_end || index_end - begin > kChunkIndexBytesMax) return ChunkIndex();

  std::string bytes(index_end - begin, '\0');
  if (Status status = file.ReadAt(begin, bytes); !status.ok()) return status;
  std::string_view value = IndexValue(bytes);
  if (!value.starts_with(kVersionMark) || value.size() < kVersionMark.size() + kPlaceBytes) return ChunkIndex();
  value.remove_prefix(kVersionMark.size());
  value.remove_suffix(kPlaceBytes);
  ChunkIndex index;
  index.tail_offset = begin;
  if (!ParseSizes(value, index)) return ChunkIndex();
  return index;
}

}  // namespace cachenode
