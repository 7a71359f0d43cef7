#include "server/script/script_cache.h"

#include <lua.hpp>
#include <utility>

#include "server/script/lua_vm.h"
#include "server/script/shebang.h"
#include "storage/base/hash.h"

namespace cachenode {
namespace {

// What an entry takes beside its text: itself, two index nodes and a place in the order of use.
constexpr size_t kEntryBytes = sizeof(CachedScript) + 160;

}  // namespace

size_t ScriptCache::HashOfName::operator()(std::string_view text) const { return HashKey(text); }

CachedScript* ScriptCache::FindCode(std::string_view code) {
  const auto found = by_code_.find(code);
  return found == by_code_.end() ? nullptr : found->second.get();
}

CachedScript* ScriptCache::FindHash(std::string_view hash) {
  const std::optional<ScriptHash> wanted = ParseScriptHash(hash);
  if (!wanted) return nullptr;
  const auto found = by_hash_.find(wanted->text());
  return found == by_hash_.end() ? nullptr : found->second;
}

Result<CachedScript*> ScriptCache::Add(LuaVm& vm, std::string_view code, Origin origin) {
  Result<ScriptHead> head = ParseScriptHead(code, errors_);
  if (!head) return head.error();
  std::string error;
  if (!vm.Compile(head->body, "@user_script", error)) {
    return Status::Text("ERR Error compiling script (new function): " + error);
  }
  auto script = std::make_unique<CachedScript>();
  script->hash = Sha1Of(code);
  script->code = code;
  script->flags = head->flags;
  script->function_ref = luaL_ref(vm.state(), LUA_REGISTRYINDEX);
  script->kept = origin == Origin::kLoad || !evicts_;
  if (!script->kept) {
    if (recency_.size() >= kEvalScriptsMax) EvictOldest(vm);
    script->recency = recency_.insert(recency_.end(), script.get());
  }
  CachedScript* added = script.get();
  by_hash_.emplace(added->hash.text(), added);
  by_code_.emplace(added->code, std::move(script));
  count_.store(by_code_.size(), std::memory_order_relaxed);
  memory_bytes_.fetch_add(kEntryBytes + added->code.capacity(), std::memory_order_relaxed);
  return added;
}

void ScriptCache::Touch(CachedScript& script, Origin origin) {
  if (script.kept) return;
  if (origin == Origin::kLoad) {
    recency_.erase(script.recency);
    script.kept = true;
    return;
  }
  recency_.splice(recency_.end(), recency_, script.recency);
}

void ScriptCache::EvictOldest(LuaVm& vm) {
  CachedScript& oldest = *recency_.front();
  recency_.pop_front();
  Erase(vm, oldest);
  evicted_.fetch_add(1, std::memory_order_relaxed);
}

void ScriptCache::Erase(LuaVm& vm, CachedScript& script) {
  luaL_unref(vm.state(), LUA_REGISTRYINDEX, script.function_ref);
  memory_bytes_.fetch_sub(kEntryBytes + script.code.capacity(), std::memory_order_relaxed);
  by_hash_.erase(script.hash.text());
  by_code_.erase(by_code_.find(script.code));
  count_.store(by_code_.size(), std::memory_order_relaxed);
}

void ScriptCache::Clear() {
  by_hash_.clear();
  recency_.clear();
  by_code_.clear();
  count_.store(0, std::memory_order_relaxed);
  memory_bytes_.store(0, std::memory_order_relaxed);
}

}  // namespace cachenode
