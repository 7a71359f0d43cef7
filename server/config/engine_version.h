// The engine this node stands in for: which version it reports, and which rules differ between versions.
//
// Thread-safety: a value, any thread. Invariant: always one of the known lines (2.8 to 7.4, valkey-7.2 to
//   valkey-9.1); a line may carry a patch number, as in "5.0.6".
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "storage/base/numbers.h"

namespace cachenode {

enum class EngineFamily : uint8_t { kRedis, kValkey };

class EngineVersion {
 public:
  // Redis 7.4.
  constexpr EngineVersion() noexcept = default;

  // Reads "7.0", "5.0.6", "valkey-8.1" or "valkey-8.1.2". Empty for anything that is not a known line.
  static std::optional<EngineVersion> Parse(std::string_view text);
  // "2.8, 3.0, ... valkey-9.1": the known lines, for an error text.
  static std::string KnownLines();

  [[nodiscard]] constexpr EngineFamily family() const noexcept { return family_; }
  // The canonical spelling, which Parse reads back.
  [[nodiscard]] std::string Text() const;
  // What INFO and HELLO call redis_version: "7.4.0"; every Valkey says "7.2.4".
  [[nodiscard]] std::string RedisVersionText() const;
  // What INFO calls valkey_version, empty for a Redis line.
  [[nodiscard]] std::string ValkeyVersionText() const;

  // Whether commands, encodings and texts that came with Redis `major`.`minor` are there. A Valkey of any number
  // counts as Redis 7.2, where the families parted; ask AtLeastValkey for what came after.
  [[nodiscard]] constexpr bool AtLeast(int major, int minor) const noexcept {
    const Number base = family_ == EngineFamily::kValkey ? Number{7, 2, 0} : number_;
    return base >= Number{major, minor, 0};
  }
  // Whether this is a Valkey and not older than `major`.`minor`.
  [[nodiscard]] constexpr bool AtLeastValkey(int major, int minor) const noexcept {
    return family_ == EngineFamily::kValkey && number_ >= Number{major, minor, 0};
  }

  // How the doubles of sorted sets, ZADD INCR and scripts become text.
  [[nodiscard]] constexpr DoubleRule double_rule() const noexcept {
    return AtLeast(7, 2) ? DoubleRule::kShortest : DoubleRule::kSeventeenDigits;
  }
  // OBJECT ENCODING of a small hash or sorted set: "ziplist" before 7.0.
  [[nodiscard]] constexpr bool says_ziplist() const noexcept { return !AtLeast(7, 0); }
  // Whether a small list is a listpack; before 7.2 every list is a quicklist.
  [[nodiscard]] constexpr bool has_listpack_lists() const noexcept { return AtLeast(7, 2); }
  // Whether a small set of strings is a listpack; before 7.2 it is a hash table.
  [[nodiscard]] constexpr bool has_listpack_sets() const noexcept { return AtLeast(7, 2); }
  // The newest RDB version the engine reads: 6 to 12, and 80 for Valkey 9.
  [[nodiscard]] int rdb_version_max() const noexcept;

  friend constexpr bool operator==(const EngineVersion&, const EngineVersion&) noexcept = default;

 private:
  struct Number {
    int major = 7;
    int minor = 4;
    int patch = 0;
    friend constexpr auto operator<=>(const Number&, const Number&) noexcept = default;
  };

  EngineFamily family_ = EngineFamily::kRedis;
  Number number_;
};

}  // namespace cachenode
