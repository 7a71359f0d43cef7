// The bytes of one entry of the keyspace.
//
//   u8 meta (type:3 encoding:3 has_ttl:1 long_key:1) | u8 access[3] | u8 key_size | [u32 key_size if that is 255] |
//   [u8 expire_at_ms[6] if has_ttl] | key bytes, or if long_key an 8-byte pointer to them | value
//
// Integers are little-endian and unaligned. The size of the whole is not stored: it follows from the value.
// Thread-safety: guarded by the shard's lock. Prefetchers use addresses only.
// Invariants: keys above kInlineKeyBytesMax lie outside, in a block of exactly their size from the memory facade.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "storage/entry_view.h"
#include "storage/value/value.h"

namespace cachenode::entry {

inline constexpr size_t kInlineKeyBytesMax = 1024;
inline constexpr size_t kAccessOffset = 1;
inline constexpr size_t kKeySizeOffset = 4;
inline constexpr size_t kFixedBytes = 5;
inline constexpr size_t kTtlBytes = 6;
inline constexpr uint8_t kSizeFollows = 255;

inline constexpr uint8_t kHasTtl = 1U << 6;
inline constexpr uint8_t kLongKey = 1U << 7;

[[nodiscard]] inline uint8_t Meta(const char* at) noexcept { return static_cast<uint8_t>(*at); }
[[nodiscard]] inline ValueType TypeOf(const char* at) noexcept { return static_cast<ValueType>(Meta(at) & 7U); }
[[nodiscard]] inline Encoding EncodingOf(const char* at) noexcept { return static_cast<Encoding>(Meta(at) >> 3 & 7U); }
inline void SetEncoding(char* at, Encoding encoding) noexcept {
  *at = static_cast<char>((Meta(at) & ~(7U << 3)) | unsigned{encoding} << 3);
}
[[nodiscard]] inline bool HasTtl(const char* at) noexcept { return (Meta(at) & kHasTtl) != 0; }
[[nodiscard]] inline bool HasLongKey(const char* at) noexcept { return (Meta(at) & kLongKey) != 0; }

[[nodiscard]] inline uint32_t Access(const char* at) noexcept {
  uint32_t word;
  std::memcpy(&word, at, sizeof(word));  // Meta in the low byte.
  return word >> 8;
}
// Writes only when the value differs: reading a hot key then dirties no cache line.
inline void SetAccess(char* at, uint32_t access) noexcept {
  uint32_t word;
  std::memcpy(&word, at, sizeof(word));
  const uint32_t updated = (word & 0xFFU) | access << 8;
  if (updated != word) std::memcpy(at, &updated, sizeof(updated));
}

// Offset of the deadline, or of the key when there is none.
[[nodiscard]] inline size_t TtlOffset(const char* at) noexcept {
  return static_cast<uint8_t>(at[kKeySizeOffset]) == kSizeFollows ? kFixedBytes + sizeof(uint32_t) : kFixedBytes;
}
[[nodiscard]] inline size_t KeyOffset(const char* at) noexcept { return TtlOffset(at) + (HasTtl(at) ? kTtlBytes : 0); }
[[nodiscard]] inline size_t KeySize(const char* at) noexcept {
  const auto size = static_cast<uint8_t>(at[kKeySizeOffset]);
  if (size != kSizeFollows) [[likely]]
    return size;
  uint32_t long_size;
  std::memcpy(&long_size, at + kFixedBytes, sizeof(long_size));
  return long_size;
}
[[nodiscard]] inline char* LongKey(const char* at) noexcept {
  char* key;
  std::memcpy(&key, at + KeyOffset(at), sizeof(key));
  return key;
}
[[nodiscard]] inline std::string_view Key(const char* at) noexcept {
  if (HasLongKey(at)) [[unlikely]]
    return {LongKey(at), KeySize(at)};
  return {at + KeyOffset(at), KeySize(at)};
}
// Bytes of everything before the value.
[[nodiscard]] inline size_t ValueOffset(const char* at) noexcept {
  return KeyOffset(at) + (HasLongKey(at) ? sizeof(char*) : KeySize(at));
}
[[nodiscard]] inline size_t HeaderBytesFor(size_t key_size, bool has_ttl) noexcept {
  return kFixedBytes + (key_size >= kSizeFollows ? sizeof(uint32_t) : 0) + (has_ttl ? kTtlBytes : 0) +
         (key_size > kInlineKeyBytesMax ? sizeof(char*) : key_size);
}

// -1 when there is none.
[[nodiscard]] inline int64_t ExpireAt(const char* at) noexcept {
  if (!HasTtl(at)) return -1;
  int64_t ms = 0;
  std::memcpy(&ms, at + TtlOffset(at), kTtlBytes);
  return ms;
}
// Requires HasTtl.
inline void SetExpireAt(char* at, int64_t ms) noexcept { std::memcpy(at + TtlOffset(at), &ms, kTtlBytes); }

// Compares without a call: keys are short, and the tag has already excluded all but one in 255 of the others.
[[nodiscard]] inline bool BytesEqual(const char* a, const char* b, size_t size_bytes) noexcept {
  const auto load8 = [](const char* from) noexcept {
    uint64_t word;
    std::memcpy(&word, from, sizeof(word));
    return word;
  };
  const auto load4 = [](const char* from) noexcept {
    uint32_t word;
    std::memcpy(&word, from, sizeof(word));
    return word;
  };
  if (size_bytes >= 8) [[likely]] {
    size_t i = 0;
    for (; i + 8 < size_bytes; i += 8) {
      if (load8(a + i) != load8(b + i)) return false;
    }
    return load8(a + size_bytes - 8) == load8(b + size_bytes - 8);  // Overlaps what was compared.
  }
  if (size_bytes >= 4) return ((load4(a) ^ load4(b)) | (load4(a + size_bytes - 4) ^ load4(b + size_bytes - 4))) == 0;
  for (size_t i = 0; i < size_bytes; ++i) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

[[nodiscard]] inline bool KeyEquals(const char* at, std::string_view key) noexcept {
  if (key.size() < kSizeFollows) [[likely]] {
    if (static_cast<uint8_t>(at[kKeySizeOffset]) != key.size()) return false;
    const char* own = at + kFixedBytes + ((Meta(at) & kHasTtl) != 0 ? kTtlBytes : 0);
    return BytesEqual(own, key.data(), key.size());
  }
  return Key(at) == key;
}

[[nodiscard]] inline EntryView View(const char* at) noexcept {
  return {Key(at), TypeOf(at), EncodingOf(at), ExpireAt(at), Access(at), at + ValueOffset(at)};
}

// Bytes of the whole entry.
[[nodiscard]] inline size_t SizeBytes(const char* at) noexcept {
  const size_t offset = ValueOffset(at);
  return offset + OpsOf(TypeOf(at)).inline_bytes(EncodingOf(at), at + offset);
}

// Writes header and key; `long_key` is taken over when the key is long (null otherwise). Returns where the value goes.
inline char* WriteHeader(char* at, ValueType type, Encoding encoding, uint32_t access, int64_t expire_at_ms,
                         std::string_view key, char* long_key) noexcept {
  const bool has_ttl = expire_at_ms >= 0;
  const auto meta = static_cast<uint8_t>(static_cast<unsigned>(type) | unsigned{encoding} << 3 |
                                         (has_ttl ? kHasTtl : 0U) | (long_key != nullptr ? kLongKey : 0U));
  const uint32_t word = meta | access << 8;
  std::memcpy(at, &word, sizeof(word));
  char* out = at + kFixedBytes;
  if (key.size() >= kSizeFollows) {
    at[kKeySizeOffset] = static_cast<char>(kSizeFollows);
    const auto size = static_cast<uint32_t>(key.size());
    std::memcpy(out, &size, sizeof(size));
    out += sizeof(size);
  } else {
    at[kKeySizeOffset] = static_cast<char>(key.size());
  }
  if (has_ttl) {
    std::memcpy(out, &expire_at_ms, kTtlBytes);
    out += kTtlBytes;
  }
  if (long_key != nullptr) {
    std::memcpy(out, &long_key, sizeof(long_key));
    return out + sizeof(long_key);
  }
  if (!key.empty()) std::memcpy(out, key.data(), key.size());
  return out + key.size();
}

}  // namespace cachenode::entry
