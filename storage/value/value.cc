#include "storage/value/value.h"

#include <cstdio>
#include <cstdlib>

#include "storage/value/hash_value.h"
#include "storage/value/list_value.h"
#include "storage/value/set_value.h"
#include "storage/value/sorted_set_value.h"
#include "storage/value/stream_value.h"
#include "storage/value/string_value.h"
#include "storage/value/value_limits.h"

namespace cachenode {

namespace {

[[noreturn]] void NoSuchType() noexcept {
  std::fputs("cachenode: an entry carries a value type that does not exist\n", stderr);
  std::abort();
}

constexpr ValueOps kMissingOps = {
    [](Encoding, const char*) noexcept -> size_t { NoSuchType(); },
    [](Encoding, const char*) noexcept -> size_t { NoSuchType(); },
    [](Encoding, char*) noexcept { NoSuchType(); },
    [](Encoding, const char*, char*) noexcept -> bool { NoSuchType(); },
    [](Encoding, const char*) noexcept { NoSuchType(); },
    [](Encoding, const char*) noexcept -> size_t { NoSuchType(); },
    [](Encoding, const char*) noexcept -> std::string_view { NoSuchType(); },
};

}  // namespace

constinit ValueLimits value_limits;

std::string_view TypeName(ValueType type) noexcept {
  constexpr std::string_view kNames[kValueTypeCount] = {"string", "list", "set", "zset", "hash", "stream"};
  return kNames[static_cast<unsigned>(type)];
}

// One line per type; a switch, because it costs nothing for the type that is asked for most.
const ValueOps& OpsOf(ValueType type) noexcept {
  switch (type) {
    case ValueType::kString:
      return kStringOps;
    case ValueType::kHash:
      return kHashOps;
    case ValueType::kList:
      return kListOps;
    case ValueType::kSet:
      return kSetOps;
    case ValueType::kSortedSet:
      return kSortedSetOps;
    case ValueType::kStream:
      return kStreamOps;
  }
  return kMissingOps;
}

}  // namespace cachenode
