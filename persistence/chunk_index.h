// The list of chunk sizes at the end of our RDB files, which lets several threads load one file at once.
//
// It is an AUX field that other servers skip. Its value is text: a version mark, the chunk sizes in hexadecimal, and a
// part of fixed length that tells where the field began, so that it is found from the end of the file:
//   v1 3ffa2 40011 ... @000000001a2b3c4d
// Thread-safety: functions only.
// Invariant: an index is believed only when its chunks tile the bytes between the header and the field exactly. What is
//   inside the chunks is checked when they are read.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "persistence/encode_buffer.h"
#include "persistence/file_stream.h"
#include "storage/base/result.h"

namespace cachenode {

// Appends the AUX field for chunks that end at `field_offset`, where the field itself begins.
void AppendChunkIndex(EncodeBuffer& out, uint64_t field_offset, std::span<const uint64_t> chunk_bytes) noexcept;

struct ChunkIndex {
  struct Chunk {
    uint64_t offset = 0;
    uint64_t size_bytes = 0;
  };
  // Everything before the first chunk and everything from `tail_offset` on is read by the framer.
  std::vector<Chunk> chunks;
  uint64_t head_bytes = 0;
  uint64_t tail_offset = 0;
};

// Longer than any index of a file that fits on one machine: larger ones are not believed.
constexpr uint64_t kChunkIndexBytesMax = uint64_t{256} << 20;

// Reads the index from the end of the file. An index without chunks means that there is none to be believed; errors are
// those of the disk.
Result<ChunkIndex> ReadChunkIndex(const FileSource& file);

}  // namespace cachenode
