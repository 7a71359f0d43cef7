// The libraries of functions that FUNCTION LOAD made, and the functions by name.
//
// Thread-safety: guarded by the world: changed while it is held exclusively, read inside it.
// Invariants: function names are unique over all libraries, without regard to case; library names with it. A change
//   works on a copy of the set and replaces it whole, so that a failure leaves everything as it was.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "storage/base/function_ref.h"
#include "storage/base/result.h"

namespace cachenode {

class LuaVm;

// What happens to the libraries that are there when others come: they go, stay, or make way for namesakes.
enum class LibraryPolicy : uint8_t { kFlush, kAppend, kReplace };

struct LibraryFunction {
  std::string name;
  std::string description;
  bool has_description = false;
  uint32_t flags = 0;     // ScriptFlag bits.
  int callback_ref = -1;  // In the registry of the interpreter.
};

class FunctionLibrary {
 public:
  FunctionLibrary(LuaVm& vm, std::string library_name, std::string source)
      : name(std::move(library_name)), code(std::move(source)), vm_(vm) {}
  ~FunctionLibrary();
  FunctionLibrary(const FunctionLibrary&) = delete;
  FunctionLibrary& operator=(const FunctionLibrary&) = delete;

  [[nodiscard]] size_t MemoryBytes() const;

  const std::string name;
  const std::string code;  // As it was given, first line included.
  std::vector<std::unique_ptr<LibraryFunction>> functions;

 private:
  LuaVm& vm_;
};

// A value: copies share the libraries, whose last owner is whichever set goes last.
class LibrarySet {
 public:
  struct Found {
    const FunctionLibrary* library = nullptr;
    const LibraryFunction* function = nullptr;
  };
  enum class OnConflict : uint8_t { kFail, kReplace };

  [[nodiscard]] Found FindFunction(std::string_view name) const;
  [[nodiscard]] bool HasLibrary(std::string_view name) const { return libraries_.contains(std::string(name)); }
  // An error leaves the set in an unspecified state: work on a copy. Texts are whole replies.
  Status Add(std::shared_ptr<const FunctionLibrary> library, OnConflict on_conflict);
  // False when it is not there.
  bool Remove(const std::string& name);

  // In the order of their names.
  [[nodiscard]] const std::map<std::string, std::shared_ptr<const FunctionLibrary>>& libraries() const {
    return libraries_;
  }
  [[nodiscard]] size_t function_count() const { return functions_.size(); }
  [[nodiscard]] size_t MemoryBytes() const;
  [[nodiscard]] std::vector<std::string> Sources() const;

 private:
  std::map<std::string, std::shared_ptr<const FunctionLibrary>> libraries_;
  std::unordered_map<std::string, Found> functions_;  // By name in lower case.
};

// Runs the code of a library, which registers its functions. `check_name` is asked before anything runs. Texts of
// errors are whole replies.
[[nodiscard]] Result<std::shared_ptr<const FunctionLibrary>> LoadLibrary(
    LuaVm& vm, std::string_view code, FunctionRef<Status(const std::string& name)> check_name);

}  // namespace cachenode
