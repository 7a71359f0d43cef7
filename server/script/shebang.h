// The first line of a script or a library ("#!lua name=lib flags=no-writes"): what it declares about the code.
//
// Thread-safety: pure functions. Errors are whole replies.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "storage/base/result.h"

namespace cachenode {

enum ScriptFlag : uint32_t {
  kScriptNoWrites = 1 << 0,
  kScriptAllowOom = 1 << 1,
  kScriptAllowStale = 1 << 2,
  kScriptNoCluster = 1 << 3,
  kScriptAllowCrossSlot = 1 << 4,
  // Not a flag that can be written: a script without a first line, judged by what it calls and not by what it declares.
  kScriptCompatible = 1 << 8,
};

struct ScriptFlagName {
  std::string_view name;
  uint32_t flag;
};
inline constexpr ScriptFlagName kScriptFlagNames[] = {{"no-writes", kScriptNoWrites},
                                                      {"allow-oom", kScriptAllowOom},
                                                      {"allow-stale", kScriptAllowStale},
                                                      {"no-cluster", kScriptNoCluster},
                                                      {"allow-cross-slot-keys", kScriptAllowCrossSlot}};
[[nodiscard]] std::optional<uint32_t> FindScriptFlag(std::string_view name);

struct ScriptHead {
  uint32_t flags = kScriptCompatible;
  std::string_view body;  // What is compiled: the code without its first line but with that line's end.
};
// How an engine that is not Lua is refused: Valkey 9.1 has a text of its own.
enum class ShebangErrors : uint8_t { kRedis, kValkey };
[[nodiscard]] Result<ScriptHead> ParseScriptHead(std::string_view code, ShebangErrors errors = ShebangErrors::kRedis);

struct LibraryHead {
  std::string engine;
  std::string name;
  std::string_view body;
};
[[nodiscard]] Result<LibraryHead> ParseLibraryHead(std::string_view code);

// Names of libraries and functions: letters, digits and underscores, at least one.
[[nodiscard]] bool IsValidLibraryName(std::string_view name);

}  // namespace cachenode
