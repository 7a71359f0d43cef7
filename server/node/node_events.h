// What happened to this node, as a managed cache service tells its users: snapshots, scaling, reboots. The newest
// events are kept for NODE EVENTS, each is one line of the log, and a listener may pass them on.
//
// Thread-safety: any thread may record and read; one leaf mutex inside, held for no longer than a copy takes. Neither
//   may be called by the listener.
// Limits: kEventsMax events, kMessageBytesMax bytes of message each; the oldest goes first.
// Errors: none. What cannot be shown in one line (control characters) is shown as '?'.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/base/clock.h"
#include "storage/base/log.h"

namespace cachenode {

enum class NodeEventKind : uint8_t {
  kNote,  // For the log and NODE EVENTS only; nobody is notified.
  kProvisioningComplete,
  kProvisioningFailed,
  kParametersChanged,
  kScalingComplete,
  kScalingFailed,
  kSecurityGroupModified,
  kRebooted,
  kCertificateRenewed,
  kDeleted,
  kSnapshotComplete,
  kSnapshotFailed,
  kRestoreFailed,
  kExportComplete,
  kExportFailed,
};

// The name a notification of that kind bears: "ElastiCache:SnapshotComplete" where the service has one, else a name of
// ours with the prefix "Cachenode:". Empty for kNote.
[[nodiscard]] std::string_view TopicNameOf(NodeEventKind kind);
// The kind of that name, "" being kNote's; false when there is none.
[[nodiscard]] bool KindOfTopicName(std::string_view name, NodeEventKind& kind);
// Whether the event tells that something went wrong.
[[nodiscard]] bool IsFailure(NodeEventKind kind);

// What produces events; the same for all of this process.
inline constexpr std::string_view kEventSourceType = "cache-cluster";

struct NodeEvent {
  uint64_t id = 0;      // From 1, without gaps; a restart in place goes on.
  int64_t time_ms = 0;  // Unix milliseconds.
  NodeEventKind kind = NodeEventKind::kNote;
  std::string message;  // A sentence without a full stop: "Cache node 0001 restarted".
};

// "2016-06-27T03:15:00.123Z".
[[nodiscard]] std::string EventDate(int64_t time_ms);

class NodeEvents {
 public:
  static constexpr size_t kEventsMax = 1000;
  static constexpr size_t kMessageBytesMax = 1024;

  // Called on the thread that records, after the event is kept, in no order between threads. Must not wait.
  using Listener = std::function<void(const NodeEvent& event)>;

  // `source_identifier` is the cluster's id. Log and clock outlive this.
  NodeEvents(Log& log, Clock& clock, std::string source_identifier);
  NodeEvents(const NodeEvents&) = delete;
  NodeEvents& operator=(const NodeEvents&) = delete;

  // Before other threads know the events, or after they have ended.
  void SetListener(Listener listener);

  // What an earlier image of this process recorded, oldest first: ids go on behind it. Nobody is told. Before anything
  // is recorded.
  void GoOnWith(std::vector<NodeEvent> events);

  void Record(NodeEventKind kind, std::string_view message);

  // At most `count` events since `since_ms` (Unix milliseconds), newest first.
  [[nodiscard]] std::vector<NodeEvent> Newest(size_t count, int64_t since_ms) const;
  // All that were ever recorded, kept or not.
  [[nodiscard]] uint64_t RecordedCount() const;
  [[nodiscard]] size_t Size() const;
  [[nodiscard]] const std::string& source_identifier() const { return source_identifier_; }

 private:
  Log& log_;
  Clock& clock_;
  const std::string source_identifier_;
  Listener listener_;  // Constant once the node runs.
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::deque<NodeEvent> events_;  // Oldest first.
  uint64_t recorded_ = 0;
};

}  // namespace cachenode
