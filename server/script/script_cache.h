// The scripts that EVAL and SCRIPT LOAD have seen, compiled, by their text and by their SHA-1.
//
// Thread-safety: guarded by the world: changed and read by the holder of the script slot inside it, or by whoever holds
//   it exclusively. The figures are atomics for INFO.
// Invariant: both indexes hold the same scripts; the text is looked up first, so that EVAL of a known script computes
//   no SHA-1.
// Limits: of the scripts that only EVAL has seen the newest used kEvalScriptsMax stay (newer engines than 7.2).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "server/script/sha1.h"
#include "server/script/shebang.h"
#include "storage/base/result.h"

namespace cachenode {

class LuaVm;

struct CachedScript {
  ScriptHash hash{};
  std::string code;
  uint32_t flags = 0;                          // ScriptFlag bits.
  int function_ref = -1;                       // In the interpreter's registry.
  bool needs_world = false;                    // Touched a key it had not declared: runs exclusively from now on.
  bool kept = false;                           // By SCRIPT LOAD: never evicted.
  std::list<CachedScript*>::iterator recency;  // Of those not kept.
};

class ScriptCache {
 public:
  static constexpr size_t kEvalScriptsMax = 500;
  enum class Origin : uint8_t { kEval, kLoad };

  explicit ScriptCache(bool evicts, ShebangErrors errors = ShebangErrors::kRedis) : evicts_(evicts), errors_(errors) {}

  [[nodiscard]] CachedScript* FindCode(std::string_view code);
  [[nodiscard]] CachedScript* FindHash(std::string_view hash);
  // Compiles `code`, which is not there yet. Errors are whole replies.
  [[nodiscard]] Result<CachedScript*> Add(LuaVm& vm, std::string_view code, Origin origin);
  // Marks a script as used, or as kept for good.
  void Touch(CachedScript& script, Origin origin);
  // Forgets everything; the interpreter goes with it.
  void Clear();

  // Any thread.
  [[nodiscard]] size_t count() const { return count_.load(std::memory_order_relaxed); }
  [[nodiscard]] size_t memory_bytes() const { return memory_bytes_.load(std::memory_order_relaxed); }
  [[nodiscard]] uint64_t evicted() const { return evicted_.load(std::memory_order_relaxed); }
  void ResetEvicted() { evicted_.store(0, std::memory_order_relaxed); }

 private:
  struct HashOfName {
    size_t operator()(std::string_view text) const;
  };
  void EvictOldest(LuaVm& vm);
  void Erase(LuaVm& vm, CachedScript& script);

  const bool evicts_;
  const ShebangErrors errors_;
  std::unordered_map<std::string_view, std::unique_ptr<CachedScript>, HashOfName> by_code_;  // Keys lie in the scripts.
  std::unordered_map<std::string_view, CachedScript*, HashOfName> by_hash_;
  std::list<CachedScript*> recency_;  // Oldest first.
  std::atomic<size_t> count_{0};
  std::atomic<size_t> memory_bytes_{0};
  std::atomic<uint64_t> evicted_{0};
};

}  // namespace cachenode
