// What a user can choose about RDB files: values that directives and persistence share.
//
// Thread-safety: plain values.
#pragma once

#include <cstdint>

namespace cachenode {

// The version SAVE writes; the numbers are the versions of the file, kAuto the lowest that holds the data.
enum class RdbVersionChoice : uint8_t { kAuto = 0, k9 = 9, k10 = 10, k11 = 11, k12 = 12, k80 = 80 };

enum class RdbVersionCheck : uint8_t {
  kRelaxed,  // Any version loads as long as every type and opcode in the file is known.
  kStrict,   // Versions newer than those this server knows are refused at once.
};

// What a load does with keys whose type needs a module.
enum class UnsupportedTypes : uint8_t {
  kFail,
  kSkip,  // They are left out and counted.
};

// One "save <seconds> <changes>".
struct SavePoint {
  int64_t seconds = 0;
  int64_t changes = 0;
  friend bool operator==(const SavePoint&, const SavePoint&) = default;
};

}  // namespace cachenode
