// The latest requests beyond a threshold: of time (SLOWLOG), or of size (server/stats/command_log.h).
//
// Thread-safety: any thread; guarded by one leaf mutex, taken only by requests over the threshold and by SLOWLOG.
// Limits: `max_length` entries (slowlog-max-len), kArgumentsMax arguments of kArgumentBytesMax bytes each per entry.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "server/key_spec.h"

namespace cachenode {

struct SlowlogEntry {
  uint64_t id = 0;
  int64_t time_s = 0;                  // Unix seconds.
  uint64_t amount = 0;                 // Microseconds, or bytes.
  std::vector<std::string> arguments;  // Shortened, with notes in the place of what was left out.
  std::string peer_address;
  std::string client_name;
};

class SlowLog {
 public:
  static constexpr size_t kArgumentsMax = 32;
  static constexpr size_t kArgumentBytesMax = 128;

  struct Request {
    Args args;
    uint64_t amount;
    int64_t time_s;
    std::string_view peer_address;
    std::string_view client_name;
  };

  // Keeps `request`, dropping the oldest beyond `max_length`.
  void Add(const Request& request, size_t max_length);
  // The newest `count` entries, newest first; all of them when `count` is negative.
  [[nodiscard]] std::vector<SlowlogEntry> Newest(int64_t count) const;
  [[nodiscard]] size_t Size() const;
  void Clear();

 private:
  mutable std::mutex mutex_;
  std::deque<SlowlogEntry> entries_;  // Newest first.
  uint64_t next_id_ = 0;
};

}  // namespace cachenode
