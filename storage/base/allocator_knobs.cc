#include "storage/base/allocator_knobs.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#if defined(CACHENODE_ALLOCATOR_JEMALLOC)
#include <jemalloc/jemalloc.h>
#endif

namespace cachenode::memory {

#if defined(CACHENODE_ALLOCATOR_JEMALLOC)
namespace {

// Text among names whose type nothing else tells. Reading another knob as text would follow a number as an address.
constexpr std::array<std::string_view, 11> kTextKnobs = {
    "config.malloc_conf",   "opt.dss", "opt.junk",         "opt.metadata_thp", "opt.percpu_arena", "opt.prof_prefix",
    "opt.stats_print_opts", "opt.thp", "opt.zero_realloc", "thread.prof.name", "version"};

bool IsText(std::string_view name) {
  const bool is_arena_dss = name.starts_with("arena.") && name.ends_with(".dss");
  return is_arena_dss || std::find(kTextKnobs.begin(), kTextKnobs.end(), name) != kTextKnobs.end();
}

// Knobs that take functions or addresses, and those that throw live allocations away.
bool IsDangerous(std::string_view name) {
  return name.find("hooks") != std::string_view::npos || name.starts_with("experimental.") ||
         name.starts_with("prof.") || name.ends_with(".reset") || name.ends_with(".destroy") ||
         name == "arenas.create" || name == "arenas.lookup";
}

}  // namespace

bool HasKnobs() noexcept { return true; }

KnobReply<int64_t> UseNumberKnob(const std::string& name, std::optional<int64_t> write) noexcept {
  if (write && (IsDangerous(name) || IsText(name))) return {EPERM, {}};
  // The width is found by trying; values are little endian, so that the front of a wider one is the narrower.
  for (const size_t width : {sizeof(int64_t), sizeof(int32_t), sizeof(bool)}) {
    int64_t before = 0;
    int64_t after = write.value_or(0);
    size_t size = width;
    int error = ::mallctl(name.c_str(), &before, &size, write ? &after : nullptr, write ? width : 0);
    if (error == EPERM && write && ::mallctl(name.c_str(), nullptr, nullptr, &after, width) == 0) return {};
    if (error == 0) return {0, before};
    if (error != EINVAL) return {error, {}};
  }
  return {EINVAL, {}};
}

KnobReply<std::string> UseTextKnob(const std::string& name, const std::optional<std::string>& write) {
  const bool is_void = write == "VOID";
  KnobReply<std::string> reply;
  if (IsText(name)) {
    const char* before = nullptr;
    size_t size = sizeof before;
    reply.error = ::mallctl(name.c_str(), &before, &size, nullptr, 0);
    if (reply.error == 0) reply.value = before == nullptr ? std::string() : std::string(before);
  } else {
    // Only what takes no value at all goes on from here.
    int64_t ignored = 0;
    size_t size = sizeof ignored;
    reply.error = ::mallctl(name.c_str(), &ignored, &size, nullptr, 0);
    if (reply.error == 0) reply.error = EINVAL;
  }
  if (!write || (reply.error != 0 && !(reply.error == EPERM && is_void))) return reply;
  if (IsDangerous(name)) return {EPERM, {}};
  const char* text = write->c_str();
  const int error = ::mallctl(name.c_str(), nullptr, nullptr, is_void ? nullptr : &text, is_void ? 0 : sizeof text);
  if (!reply.value) reply.error = error;
  return reply;
}
#else
bool HasKnobs() noexcept { return false; }

KnobReply<int64_t> UseNumberKnob(const std::string&, std::optional<int64_t>) noexcept { return {ENOENT, {}}; }

KnobReply<std::string> UseTextKnob(const std::string&, const std::optional<std::string>&) { return {ENOENT, {}}; }
#endif

}  // namespace cachenode::memory
