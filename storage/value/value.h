// What a key can hold: data types, the encodings of each, and the table of functions through which the keyspace
// handles a value it does not understand.
//
// Thread-safety: constants and pure functions; a value's bytes belong to its shard's lock.
// Invariants: ValueType fits three bits and its numbers are ours alone (RDB type bytes are persistence's). An encoding
//   number fits three bits and is meaningful only together with the type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cachenode {

enum class ValueType : uint8_t { kString = 0, kList = 1, kSet = 2, kSortedSet = 3, kHash = 4, kStream = 5 };
inline constexpr unsigned kValueTypeCount = 8;  // Three bits; the last two are free.

// TYPE's answer: "string", "list", "set", "zset", "hash", "stream".
[[nodiscard]] std::string_view TypeName(ValueType type) noexcept;

// Number of the encoding within its type, 0-7. Strings use StringEncoding.
using Encoding = uint8_t;

enum class StringEncoding : Encoding {
  kInline = 0,     // Length as a varint, then the bytes, in the entry.
  kInlineRaw = 1,  // The same after APPEND, SETRANGE or SETBIT: OBJECT ENCODING says raw whatever the length.
  kBlock = 2,      // 8 bytes: a counted reference to a ByteBlock.
  kInt8 = 3,       // The canonical decimal of a 1, 2, 4 or 8 byte two's complement integer, little-endian.
  kInt16 = 4,
  kInt32 = 5,
  kInt64 = 6,
};

// The encodings of lists, sets, sorted sets, hashes and streams. Packed values are the bytes that RDB stores; they lie
// in the entry when they are short and in a ByteBlock when they are not. Large ones are a SharedRoot and its nodes.
enum class AggregateEncoding : Encoding {
  kPacked = 0,       // A listpack in the entry. For KeySlot: its bytes say how long they are.
  kPackedBlock = 1,  // 8 bytes: a counted reference to a ByteBlock of those bytes.
  kPackedOther = 2,  // The type's second packed form: an intset (set), a listpack with deadlines (hash).
  kPackedOtherBlock = 3,
  kLarge = 4,  // 8 bytes: a counted reference to a SharedRoot.
};
[[nodiscard]] constexpr bool IsPackedInline(Encoding encoding) noexcept { return encoding == 0 || encoding == 2; }
[[nodiscard]] constexpr bool IsPackedBlock(Encoding encoding) noexcept { return encoding == 1 || encoding == 3; }
[[nodiscard]] constexpr bool IsLarge(Encoding encoding) noexcept {
  return encoding == static_cast<Encoding>(AggregateEncoding::kLarge);
}

// How the keyspace frees, sizes and copies the values of one type. `value` points at the value's bytes in the entry,
// which may be unaligned. Every function is given the type's own encoding number.
struct ValueOps {
  // Bytes the value takes in the entry.
  size_t (*inline_bytes)(Encoding encoding, const char* value) noexcept;
  // Heap bytes owned by the value outside of the entry; 0 for a value that is all in the entry.
  size_t (*external_bytes)(Encoding encoding, const char* value) noexcept;
  // Frees what the value owns outside of the entry. The entry's bytes are dead afterwards.
  void (*free_external)(Encoding encoding, char* value) noexcept;
  // Writes a value equal to `value` and independent of it to `out`, which has room for inline_bytes. False, with
  // nothing written that is owned, when there is no memory.
  bool (*clone)(Encoding encoding, const char* value, char* out) noexcept;
  // Takes one more reference to what the value owns outside of the entry, for a copy of its bytes somewhere else, which
  // any thread may read; free_external gives it back. What is shared is immutable until it is not.
  void (*share)(Encoding encoding, const char* value) noexcept;
  // About how many heap blocks free_external would free: what decides whether it may be done under a lock. O(1).
  size_t (*external_blocks)(Encoding encoding, const char* value) noexcept;
  // OBJECT ENCODING's answer.
  std::string_view (*encoding_name)(Encoding encoding, const char* value) noexcept;
};

// The functions of `type`. A type that is not built in answers a table whose functions stop the process: no entry can
// carry it.
[[nodiscard]] const ValueOps& OpsOf(ValueType type) noexcept;

}  // namespace cachenode
