// The id of a stream's entry: milliseconds of its birth and a number within that millisecond.
//
// Thread-safety: values and pure functions.
// Text: "<ms>-<seq>", both unsigned 64-bit decimals. 0-0 is no entry's id.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "storage/base/numbers.h"

namespace cachenode {

struct StreamId {
  uint64_t ms = 0;
  uint64_t seq = 0;

  friend constexpr auto operator<=>(const StreamId&, const StreamId&) noexcept = default;
  [[nodiscard]] constexpr bool IsZero() const noexcept { return ms == 0 && seq == 0; }
};

inline constexpr StreamId kStreamIdMin{0, 0};
inline constexpr StreamId kStreamIdMax{UINT64_MAX, UINT64_MAX};

// The next higher and the next lower id; empty when there is none.
[[nodiscard]] constexpr std::optional<StreamId> NextStreamId(StreamId id) noexcept {
  if (id == kStreamIdMax) return std::nullopt;
  return id.seq == UINT64_MAX ? StreamId{id.ms + 1, 0} : StreamId{id.ms, id.seq + 1};
}
[[nodiscard]] constexpr std::optional<StreamId> PreviousStreamId(StreamId id) noexcept {
  if (id.IsZero()) return std::nullopt;
  return id.seq == 0 ? StreamId{id.ms - 1, UINT64_MAX} : StreamId{id.ms, id.seq - 1};
}

// Reads "<ms>-<seq>", or "<ms>", which means `<ms>-<missing_seq>`; numbers as TryParseLooseUint64 reads them. Empty for
// anything else.
[[nodiscard]] std::optional<StreamId> ParseStreamId(std::string_view text, uint64_t missing_seq) noexcept;

// Writes the text of an id and returns it, borrowing `scratch`.
using StreamIdScratch = std::array<char, 2 * kIntegerCharsMax + 1>;
[[nodiscard]] std::string_view FormatStreamId(StreamId id, StreamIdScratch& scratch) noexcept;

// The 16 bytes RDB stores: both numbers big-endian.
inline constexpr size_t kStreamIdBytes = 16;
void StoreStreamId(StreamId id, char* to) noexcept;
[[nodiscard]] StreamId LoadStreamId(const char* from) noexcept;

}  // namespace cachenode
