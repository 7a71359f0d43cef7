// CRC-64 as RDB files and DUMP payloads carry it: polynomial ad93d23594c935a9, bits reflected, start 0, no final xor.
// "123456789" gives e9c6d914c4b8d9ca.
//
// Thread-safety: pure functions. Carry-less multiplication is used where the processor has it, tables elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace cachenode {

// The checksum of what `crc` covers followed by `bytes`. Start with 0.
[[nodiscard]] uint64_t Crc64(uint64_t crc, std::span<const char> bytes) noexcept;

// The checksum of A followed by B from their separate checksums and B's length. O(log length).
[[nodiscard]] uint64_t Crc64Combine(uint64_t crc_a, uint64_t crc_b, uint64_t size_b_bytes) noexcept;

// The portable form, whatever the processor can do; tests compare the two.
[[nodiscard]] uint64_t Crc64Portable(uint64_t crc, std::span<const char> bytes) noexcept;

}  // namespace cachenode
