// Which arguments of a command are keys, and what the command does with them: the declarative part of a table row
// and the search that applies it to one request.
//
// Thread-safety: constant data and pure functions.
// Source: the semantics of COMMAND INFO's key specifications (begin_search, find_keys, flags).
// Limits: kKeySpecsMax specifications per command; a request yields at most as many keys as it has arguments.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace cachenode {

// The words of a request. No two begin at the same byte, empty ones neither: by where it begins a key is known again
// (CommandContext::SetKeys). Who packs words puts a byte between them.
using Args = std::span<const std::string_view>;

// What a command does with a key; the names follow COMMAND INFO.
enum KeyFlag : uint16_t {
  kKeyReadOnly = 1 << 0,   // RO
  kKeyReadWrite = 1 << 1,  // RW
  kKeyOverwrite = 1 << 2,  // OW
  kKeyRemove = 1 << 3,     // RM
  kKeyAccess = 1 << 4,
  kKeyUpdate = 1 << 5,
  kKeyInsert = 1 << 6,
  kKeyDelete = 1 << 7,
  kKeyNotKey = 1 << 8,
  kKeyIncomplete = 1 << 9,
  kKeyVariableFlags = 1 << 10,
};

struct KeySpec {
  enum class Begin : uint8_t { kUnknown, kIndex, kKeyword };
  enum class Find : uint8_t { kUnknown, kRange, kKeyNumber };

  uint16_t flags = 0;
  Begin begin = Begin::kUnknown;
  int16_t begin_index = 0;  // kIndex: argument position. kKeyword: where to start looking, negative from the end.
  std::string_view keyword = {};
  Find find = Find::kUnknown;
  int16_t last_key = 0;  // kRange: relative to the first; negative from the end. kKeyNumber: first key.
  int16_t step = 1;
  int16_t limit = 0;  // kRange: divides the rest when last_key is -1. kKeyNumber: position of the count.

  static constexpr KeySpec Range(int16_t index, int16_t last, int16_t step, uint16_t flags, int16_t limit = 0) {
    return {flags, Begin::kIndex, index, {}, Find::kRange, last, step, limit};
  }
  static constexpr KeySpec One(int16_t index, uint16_t flags) { return Range(index, 0, 1, flags); }
  static constexpr KeySpec Counted(int16_t index, int16_t first, int16_t step, uint16_t flags) {
    return {flags, Begin::kIndex, index, {}, Find::kKeyNumber, first, step, 0};
  }
  static constexpr KeySpec AfterKeyword(std::string_view word, int16_t start_from, int16_t last, int16_t step,
                                        uint16_t flags, int16_t limit = 0) {
    return {flags, Begin::kKeyword, start_from, word, Find::kRange, last, step, limit};
  }
  static constexpr KeySpec Unknown(uint16_t flags) { return {.flags = flags}; }
};

inline constexpr size_t kKeySpecsMax = 4;

// The key specifications of one command.
struct KeySpecs {
  std::array<KeySpec, kKeySpecsMax> items{};
  uint8_t count = 0;

  constexpr KeySpecs() = default;
  template <typename... Specs>
  constexpr explicit KeySpecs(KeySpec first, Specs... rest) : items{first, rest...}, count(1 + sizeof...(rest)) {}
  [[nodiscard]] constexpr std::span<const KeySpec> all() const { return {items.data(), count}; }
  [[nodiscard]] constexpr bool empty() const { return count == 0; }
};

struct KeyPosition {
  uint32_t index;  // Position in the arguments.
  uint16_t flags;
};

// How a search ended.
enum class KeySearch : uint8_t {
  kFound,       // All keys are listed.
  kPartly,      // The same, and a specification has none (a count of 0, nothing behind a destination).
  kInvalid,     // The arguments do not fit the specification (a count is no number, larger than the rest, or 0 behind
                // a destination).
  kIncomplete,  // A specification is unknown or marked incomplete: there may be further keys.
};

// Appends the key positions of `args` to `positions` (which it clears first). O(keys).
KeySearch FindKeys(const KeySpecs& specs, Args args, std::vector<KeyPosition>& positions);

}  // namespace cachenode
