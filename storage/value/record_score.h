// The payload of a record in the table of a sorted set: a score, and which of the records with its hash it is.
//
// A byte, twin << 1 | whether a double follows, then an int32 or a double in the machine's order. A score takes fewer
// bytes where an int32 can hold it; a payload may have more than its score needs.
// Thread-safety: pure functions over borrowed bytes.
#pragma once

#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "storage/value/packed_block.h"

namespace cachenode {

inline constexpr size_t kRecordScoreBytesMin = 1 + sizeof(int32_t);
inline constexpr size_t kRecordScoreBytesMax = 1 + sizeof(double);
inline constexpr uint8_t kRecordTwinMax = 127;

[[nodiscard]] inline size_t RecordScoreBytes(double score) noexcept {
  if (!(score >= INT32_MIN && score <= INT32_MAX)) return kRecordScoreBytesMax;
  const auto whole = static_cast<double>(static_cast<int32_t>(score));  // Of a negative zero it forgets the sign.
  const bool fits = std::bit_cast<uint64_t>(whole) == std::bit_cast<uint64_t>(score);
  return fits ? kRecordScoreBytesMin : kRecordScoreBytesMax;
}
// The bytes that a payload has.
[[nodiscard]] inline size_t RecordScoreRoom(const char* payload) noexcept {
  assert(payload != nullptr);
  return (static_cast<uint8_t>(*payload) & 1U) != 0 ? kRecordScoreBytesMax : kRecordScoreBytesMin;
}
[[nodiscard]] inline double RecordScore(const PackedRecord& record) noexcept {
  if (RecordScoreRoom(record.payload) == kRecordScoreBytesMin) {
    int32_t whole;
    std::memcpy(&whole, record.payload + 1, sizeof(whole));
    return whole;
  }
  double score;
  std::memcpy(&score, record.payload + 1, sizeof(score));
  return score;
}
// Which of the records with this hash it is; see large_sorted_set.h.
[[nodiscard]] inline uint8_t RecordTwin(const PackedRecord& record) noexcept {
  return static_cast<uint8_t>(static_cast<uint8_t>(*record.payload) >> 1);
}
// Writes a whole payload of `room` bytes: RecordScoreBytes(score), or kRecordScoreBytesMax. twin <= kRecordTwinMax.
inline void PutRecordScore(char* payload, size_t room, double score, uint8_t twin) noexcept {
  const bool is_double = room == kRecordScoreBytesMax;
  *payload = static_cast<char>(static_cast<unsigned>(twin) << 1 | static_cast<unsigned>(is_double));
  if (is_double) {
    std::memcpy(payload + 1, &score, sizeof(score));
    return;
  }
  const auto whole = static_cast<int32_t>(score);
  std::memcpy(payload + 1, &whole, sizeof(whole));
}

}  // namespace cachenode
