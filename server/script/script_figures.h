// What scripts and functions hold, for INFO and FUNCTION STATS. Bytes, unless named otherwise.
//
// Thread-safety: a value.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cachenode {

struct ScriptFigures {
  size_t eval_vm_bytes = 0;
  size_t function_vm_bytes = 0;
  size_t script_bytes = 0;    // Of cached EVAL scripts, without the interpreter.
  size_t function_bytes = 0;  // Of libraries, without the interpreter.
  size_t scripts = 0;         // Counts from here on.
  size_t functions = 0;
  size_t libraries = 0;
  uint64_t evicted = 0;

  [[nodiscard]] size_t VmBytes() const { return eval_vm_bytes + function_vm_bytes; }
  [[nodiscard]] size_t CacheBytes() const { return script_bytes + function_bytes; }
};

}  // namespace cachenode
