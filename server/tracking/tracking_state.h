// How one client wants to be told that keys it has read changed (CLIENT TRACKING). A session has one while tracking is
// on.
//
// Thread-safety: the client's own worker; another thread under the exclusive world lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

namespace cachenode {

// What CLIENT TRACKING ON was given, prefixes aside.
struct TrackingOptions {
  uint64_t redirect_to = 0;  // Client id; 0: this client itself.
  bool broadcast = false;    // Told of every key with one of the prefixes, read or not.
  bool opt_in = false;       // Only what is read right after CLIENT CACHING YES is tracked.
  bool opt_out = false;      // All but what is read right after CLIENT CACHING NO.
  bool no_loop = false;      // Not told of its own changes.
};

struct TrackingState {
  TrackingOptions options;
  bool caching_said = false;                    // CLIENT CACHING came, and no command but CLIENT since.
  bool redirect_broken = false;                 // The client redirected to was gone when something was to be told.
  std::set<std::string, std::less<>> prefixes;  // Of a broadcasting client; the empty one stands for all keys.

  // Whether keys the client reads now are to be remembered.
  [[nodiscard]] bool RemembersReads() const {
    if (options.broadcast) return false;
    return options.opt_in ? caching_said : !(options.opt_out && caching_said);
  }
  [[nodiscard]] size_t MemoryBytes() const {
    constexpr size_t kNodeBytes = 4 * sizeof(void*) + sizeof(std::string);
    size_t bytes = sizeof(*this);
    for (const std::string& prefix : prefixes) bytes += kNodeBytes + prefix.capacity();
    return bytes;
  }
};

}  // namespace cachenode
