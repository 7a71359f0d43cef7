#include "server/script/function_library.h"

#include <lua.hpp>
#include <utility>

#include "server/arg_parser.h"
#include "server/script/function_load.h"
#include "server/script/lua_vm.h"
#include "server/script/script_errors.h"
#include "server/script/shebang.h"

namespace cachenode {
namespace {

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

constexpr std::string_view kBadName =
    "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long";

// Runs the compiled code on the stack while it may register functions.
bool RunRegistration(LuaVm& vm, FunctionLoad& load, std::string& error) {
  lua_State* lua = vm.state();
  vm.UseGlobals(LuaVm::Globals::kLoad);
  vm.load = &load;
  lua_pushcfunction(lua, DescribeScriptError);
  lua_insert(lua, -2);
  const int status = lua_pcall(lua, 0, 0, -2);
  vm.load = nullptr;
  vm.UseGlobals(LuaVm::Globals::kRun);
  if (status != 0) error = ScriptErrorText(lua);
  lua_settop(lua, 0);
  return status == 0;
}

}  // namespace

FunctionLibrary::~FunctionLibrary() {
  for (const auto& function : functions) luaL_unref(vm_.state(), LUA_REGISTRYINDEX, function->callback_ref);
}

size_t FunctionLibrary::MemoryBytes() const {
  size_t bytes = sizeof(*this) + name.capacity() + code.capacity();
  for (const auto& function : functions) {
    bytes += sizeof(LibraryFunction) + function->name.capacity() + function->description.capacity();
  }
  return bytes;
}

LibrarySet::Found LibrarySet::FindFunction(std::string_view name) const {
  auto found = functions_.find(std::string(name));
  if (found == functions_.end()) found = functions_.find(LowerCase(name));
  return found == functions_.end() ? Found{} : found->second;
}

Status LibrarySet::Add(std::shared_ptr<const FunctionLibrary> library, OnConflict on_conflict) {
  if (libraries_.contains(library->name)) {
    if (on_conflict == OnConflict::kFail) {
      return Status::Text("ERR Library " + library->name + " already exists");
    }
    Remove(library->name);
  }
  for (const auto& function : library->functions) {
    if (!functions_.emplace(LowerCase(function->name), Found{library.get(), function.get()}).second) {
      return Status::Text("ERR Function " + function->name + " already exists");
    }
  }
  const std::string& name = library->name;
  libraries_.emplace(name, std::move(library));
  return Status::Ok();
}

bool LibrarySet::Remove(const std::string& name) {
  const auto found = libraries_.find(name);
  if (found == libraries_.end()) return false;
  for (const auto& function : found->second->functions) functions_.erase(LowerCase(function->name));
  libraries_.erase(found);
  return true;
}

size_t LibrarySet::MemoryBytes() const {
  constexpr size_t kNodeBytes = 96;  // Of the two maps, roughly.
  size_t bytes = functions_.size() * kNodeBytes;
  for (const auto& [name, library] : libraries_) bytes += kNodeBytes + library->MemoryBytes();
  return bytes;
}

std::vector<std::string> LibrarySet::Sources() const {
  std::vector<std::string> sources;
  sources.reserve(libraries_.size());
  for (const auto& [name, library] : libraries_) sources.push_back(library->code);
  return sources;
}

Result<std::shared_ptr<const FunctionLibrary>> LoadLibrary(LuaVm& vm, std::string_view code,
                                                           FunctionRef<Status(const std::string& name)> check_name) {
  Result<LibraryHead> head = ParseLibraryHead(code);
  if (!head) return head.error();
  if (!IsValidLibraryName(head->name)) return Status::Text(std::string(kBadName));
  if (!EqualsIgnoreCase(head->engine, "lua")) return Status::Text("ERR Engine '" + head->engine + "' not found");
  if (Status status = check_name(head->name); !status.ok()) return status;
  auto library = std::make_shared<FunctionLibrary>(vm, head->name, std::string(code));
  std::string error;
  if (!vm.Compile(head->body, "@user_function", error)) {
    return Status::Text("ERR Error compiling function: " + error);
  }
  FunctionLoad load(*library);
  if (!RunRegistration(vm, load, error)) return Status::Text("ERR Error registering functions: " + error);
  if (library->functions.empty()) return Status::Text("ERR No functions registered");
  return std::shared_ptr<const FunctionLibrary>(std::move(library));
}

}  // namespace cachenode
