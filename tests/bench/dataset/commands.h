// The data sets of the benchmarks, as a stream of RESP commands.
//
// Thread-safety: none; one generator belongs to one thread.
// A data set is a function of its Plan: the same plan gives the same bytes on every machine and in every run.
// Values are random base64 text that starts with a letter, so no server can store them as numbers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cachenode::bench {

enum class Kind { kString, kSmallHash, kMixed, kDelete };

struct Plan {
  Kind kind = Kind::kString;
  uint64_t first = 0;               // First key number.
  uint64_t key_count = 1'000'000;   // The key numbers are first ... first + key_count - 1, shuffled; not for mixed.
  uint64_t key_limit = UINT64_MAX;  // Stops after so many of them.
  uint64_t payload_bytes = 0;       // Mixed only: keys are made until keys and values together reach this.
  uint64_t value_bytes = 64;        // Strings only.
  uint64_t ttl_seconds = 0;         // Strings only: 0 is none.
  uint64_t seed = 1;
};

// xoshiro256**, seeded by splitmix64.
class Random {
 public:
  explicit Random(uint64_t seed);
  uint64_t Next();
  uint64_t Below(uint64_t limit);  // `limit` must not be 0. Biased by less than 2^-32 for limits below 2^32.

 private:
  uint64_t state_[4];
};

// Appends commands of a plan to a caller's buffer, a batch at a time.
class Generator {
 public:
  explicit Generator(const Plan& plan);

  // Appends whole commands until `out` has at least `goal_bytes`. Returns false when the plan is exhausted; `out` may
  // hold the last commands then.
  bool Append(std::string* out, size_t goal_bytes);

  uint64_t command_count() const { return command_count_; }
  uint64_t key_count() const { return key_count_; }

 private:
  // The types of the mixed data set, in the order of kShares.
  enum class Type { kString, kHash, kSortedSet, kSet, kList, kStream };
  struct Produced {
    uint64_t small_bytes = 0;
    uint64_t large_bytes = 0;
  };

  void AppendString(std::string* out, uint64_t number, uint64_t value_bytes);
  void AppendDelete(std::string* out, uint64_t number);
  void AppendUserHash(std::string* out, uint64_t number);
  void AppendMixedKey(std::string* out);
  void AppendAggregate(std::string* out, Type type, bool large, uint64_t number);
  void AppendElement(std::string* out, Type type, uint64_t index);
  void BeginCommand(std::string* out, uint64_t argument_count, std::string_view name);
  uint64_t TakeNumber();
  Type FurthestBehind() const;

  const Plan plan_;
  Random random_;
  std::vector<uint32_t> block_;  // Shuffled offsets of the block of key numbers in work.
  uint64_t block_start_ = 0;
  size_t block_used_ = 0;
  uint64_t command_count_ = 0;
  uint64_t key_count_ = 0;
  std::vector<Produced> produced_;  // By Type: payload of the mixed data set so far.
  uint64_t produced_bytes_ = 0;
};

}  // namespace cachenode::bench
