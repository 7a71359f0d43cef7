// What was refused to whom, for ACL LOG: requests without permission and failed logins, newest first.
//
// Thread-safety: every method from any thread; its mutex is a leaf lock. The counters are atomic.
// Invariants: at most `length_max` entries after Add; an event like one of the kGroupedEntriesMax newest within
//   kGroupingMs only counts that entry up and brings it to the front.
// Limits: kObjectBytesMax of a key or channel are kept.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace cachenode {

enum class AclLogReason : uint8_t { kCommand, kKey, kChannel, kAuth };
inline constexpr size_t kAclLogReasonCount = 4;
// "command", "key", ...
[[nodiscard]] std::string_view AclLogReasonName(AclLogReason reason) noexcept;

// Where the request came from.
enum class AclContext : uint8_t { kTopLevel, kMulti, kLua };
// "toplevel", "multi", "lua".
[[nodiscard]] std::string_view AclContextName(AclContext context) noexcept;

// One refusal.
struct AclEvent {
  AclLogReason reason = AclLogReason::kCommand;
  AclContext context = AclContext::kTopLevel;
  std::string_view object;  // The command, key or channel; of a login, the command as it was written.
  std::string_view user;
  std::string client_info;  // The client's line.
};

struct AclLogEntry {
  uint64_t id = 0;
  uint64_t count = 0;
  AclLogReason reason = AclLogReason::kCommand;
  AclContext context = AclContext::kTopLevel;
  std::string object;
  std::string user;
  std::string client_info;  // Of the last such event.
  int64_t created_ms = 0;   // Unix ms.
  int64_t updated_ms = 0;   // Unix ms of the last such event.
};

class AclLog {
 public:
  static constexpr size_t kObjectBytesMax = 4096;
  static constexpr size_t kGroupedEntriesMax = 10;
  static constexpr int64_t kGroupingMs = 60'000;

  // Notes and counts `event`. `length_max`: acllog-max-len.
  void Add(AclEvent event, int64_t now_ms, size_t length_max);
  void Clear();
  // Up to `count` entries, newest first.
  [[nodiscard]] std::vector<AclLogEntry> Newest(size_t count) const;

  // Events since the start or the last reset, for INFO.
  [[nodiscard]] uint64_t CountOf(AclLogReason reason) const {
    return counts_[static_cast<size_t>(reason)].load(std::memory_order_relaxed);
  }
  void ResetCounts();

 private:
  std::array<std::atomic<uint64_t>, kAclLogReasonCount> counts_{};
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::list<AclLogEntry> entries_;
  uint64_t next_id_ = 0;
};

}  // namespace cachenode
