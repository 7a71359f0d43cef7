// The named knobs of the allocator built in (jemalloc's mallctl), for DEBUG.
//
// Thread-safety: any thread. Safety: only names whose value is what the caller says can be read as text, and no knob
//   that takes code or memory addresses can be written, so that a wrong name or value is an error and never a crash.
// Errors: numbers of errno (ENOENT: no such name, EINVAL: another type, EPERM: not readable or not writable).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace cachenode::memory {

// Whether the allocator has knobs at all.
[[nodiscard]] bool HasKnobs() noexcept;

// What a knob answers: an error, a value from before a write, or neither when it can be written only.
template <typename Value>
struct KnobReply {
  int error = 0;
  std::optional<Value> value;
};

// Reads an integer or boolean knob and, with `write`, sets it.
[[nodiscard]] KnobReply<int64_t> UseNumberKnob(const std::string& name, std::optional<int64_t> write) noexcept;
// Reads a text knob and, with `write`, sets it. Writing "VOID" runs a knob that takes no value (arena.0.purge).
[[nodiscard]] KnobReply<std::string> UseTextKnob(const std::string& name, const std::optional<std::string>& write);

}  // namespace cachenode::memory
