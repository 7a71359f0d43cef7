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

// What precedes the bytes of key and value: three words. Each is put together in a register: a structure filled field
// by field and then copied waits until its fields have left the store buffer, behind all that was copied before.
constexpr size_t kHeaderBytes = 3 * sizeof(uint64_t);
constexpr unsigned kDbShift = 32;  // In the second word, above the 24 bits of the access time.
// In the third one, above the key's size.
constexpr unsigned kValueBytesShift = 32;
constexpr unsigned kTypeShift = 48;
constexpr unsigned kEncodingShift = 56;

// As most values are: there is nothing to share then, and nothing to pin.
bool IsAllInEntry(const EntryView& entry) noexcept {
  return entry.type == ValueType::kString ? !entry.String().IsBlock() : IsPackedInline(entry.encoding);
}

size_t ValueBytes(const EntryView& entry) noexcept {
  return OpsOf(entry.type).inline_bytes(entry.encoding, entry.value);
}

}  // namespace

size_t RawChunk::BytesFor(const EntryView& entry) noexcept {
  return kHeaderBytes + entry.key.size() + ValueBytes(entry);
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
  const uint64_t value_bytes = bytes - kHeaderBytes - entry.key.size();
  const uint64_t words[] = {static_cast<uint64_t>(entry.expire_at_ms), entry.access | uint64_t{db} << kDbShift,
                            entry.key.size() | value_bytes << kValueBytesShift |
                                static_cast<uint64_t>(entry.type) << kTypeShift |
                                uint64_t{entry.encoding} << kEncodingShift};
  char* to = bytes_ + size_;
  for (const uint64_t word : words) {
    StoreLittleEndian(to, word);
    to += sizeof(word);
  }
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
    const auto access_and_db = LoadLittleEndian<uint64_t>(at + sizeof(uint64_t));
    const auto sizes = LoadLittleEndian<uint64_t>(at + 2 * sizeof(uint64_t));
    EntryView entry;
    entry.key = std::string_view(at + kHeaderBytes, static_cast<uint32_t>(sizes));
    entry.type = static_cast<ValueType>(sizes >> kTypeShift & UINT8_MAX);
    entry.encoding = static_cast<Encoding>(sizes >> kEncodingShift);
    entry.expire_at_ms = static_cast<int64_t>(LoadLittleEndian<uint64_t>(at));
    entry.access = static_cast<uint32_t>(access_and_db);
    entry.value = entry.key.data() + entry.key.size();
    at = entry.value + static_cast<uint16_t>(sizes >> kValueBytesShift);
    visit(static_cast<uint32_t>(access_and_db >> kDbShift), entry);
  }
}

}  // namespace cachenode
