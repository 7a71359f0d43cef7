#include "persistence/raw_chunk.h"

#include <cstring>
#include <new>

#include "storage/base/bytes.h"
#include "storage/base/memory.h"
#include "storage/base/memory_pages.h"
#include "storage/value/value_reclaimer.h"

namespace cachenode {
namespace {

// Some milliseconds of encoding.
constexpr size_t kLongValueBytes = size_t{512} << 10;

// What precedes the bytes of key and value. Read and written by memcpy: chunks are packed.
struct RawHeader {
  int64_t expire_at_ms;
  uint32_t access;
  uint32_t db;
  uint32_t key_bytes;
  uint16_t value_bytes;
  ValueType type;
  Encoding encoding;
};
static_assert(sizeof(RawHeader) == 24);

// As most values are: there is nothing to share then, and nothing to pin.
bool IsAllInEntry(const EntryView& entry) noexcept {
  return entry.type == ValueType::kString ? !entry.String().IsBlock() : IsPackedInline(entry.encoding);
}

size_t ValueBytes(const EntryView& entry) noexcept {
  return OpsOf(entry.type).inline_bytes(entry.encoding, entry.value);
}

}  // namespace

size_t RawChunk::BytesFor(const EntryView& entry) noexcept {
  return sizeof(RawHeader) + entry.key.size() + ValueBytes(entry);
}

std::unique_ptr<RawChunk> RawChunk::Create(size_t capacity) noexcept {
  char* bytes = static_cast<char*>(memory::Allocate(capacity));
  if (bytes == nullptr) return nullptr;
  return std::unique_ptr<RawChunk>(new (std::nothrow) RawChunk(bytes, capacity));
}

RawChunk::~RawChunk() {
  Clear();
  memory::Free(bytes_, capacity_);
}

void RawChunk::Clear() noexcept {
  ForEach([](uint32_t, const EntryView& entry) {
    if (IsAllInEntry(entry)) return;
    RemovedValue held{.type = entry.type, .encoding = entry.encoding};
    std::memcpy(held.value, entry.value, sizeof(held.value));
    held.Free();
  });
  size_ = 0;
  pinned_bytes_ = 0;
  long_value_bytes_ = 0;
}

void RawChunk::MakePresent() noexcept { MakePagesPresent(bytes_, capacity_); }

void RawChunk::Append(uint32_t db, const EntryView& entry, size_t bytes) noexcept {
  const size_t value_bytes = bytes - sizeof(RawHeader) - entry.key.size();
  const RawHeader header{entry.expire_at_ms,
                         entry.access,
                         db,
                         static_cast<uint32_t>(entry.key.size()),
                         static_cast<uint16_t>(value_bytes),
                         entry.type,
                         entry.encoding};
  char* to = bytes_ + size_;
  std::memcpy(to, &header, sizeof(header));
  to += sizeof(header);
  CopyShort(to, entry.key.data(), entry.key.size());
  to += entry.key.size();
  CopyShort(to, entry.value, value_bytes);
  size_ += bytes;
  if (IsAllInEntry(entry)) return;
  OpsOf(entry.type).share(entry.encoding, entry.value);
  const size_t value_bytes_outside = OpsOf(entry.type).external_bytes(entry.encoding, entry.value);
  if (IsLargeAggregate(entry)) {
    // Keeps nothing from being freed: what its key changes while it is held is copied node by node, and that is memory
    // of the key.
    if (value_bytes_outside >= kLongValueBytes) long_value_bytes_ += value_bytes_outside;
  } else {
    pinned_bytes_ += value_bytes_outside;
  }
}

void RawChunk::ForEach(FunctionRef<void(uint32_t, const EntryView&)> visit) const {
  const char* at = bytes_;
  const char* end = bytes_ + size_;
  while (at < end) {
    RawHeader header;
    std::memcpy(&header, at, sizeof(header));
    at += sizeof(header);
    EntryView entry;
    entry.key = std::string_view(at, header.key_bytes);
    at += header.key_bytes;
    entry.type = header.type;
    entry.encoding = header.encoding;
    entry.expire_at_ms = header.expire_at_ms;
    entry.access = header.access;
    entry.value = at;
    at += header.value_bytes;
    visit(header.db, entry);
  }
}

}  // namespace cachenode
