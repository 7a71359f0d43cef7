// What the node is doing, in the words a managed cache service has for it: creating, restoring, available,
// snapshotting, modifying, rebooting, restore-failed.
//
// Thread-safety: any thread; one mutex inside, nothing is waited for.
// Who may set it: the phase belongs to the assembly (server.cc), on the main thread, and only along the edges MoveTo
//   knows. Work that a serving node does besides is begun by whoever does it and ends when its token does.
// Invariant: work shows only while the node serves; of several kinds the later one in NodeWork shows.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

namespace cachenode {

enum class NodePhase : uint8_t {
  kCreating,       // Parts are being made; no data set yet.
  kRestoring,      // A data set is being loaded.
  kServing,        // "available", or what the node does besides.
  kRebooting,      // The process is about to start itself again.
  kRestoreFailed,  // The end: nothing is served.
};

enum class NodeWork : uint8_t {
  kSnapshotting,  // A snapshot is taken or exported.
  kModifying,
};
inline constexpr size_t kNodeWorkCount = 2;

class NodeStatus {
 public:
  // Is told the new name whenever the name changes, in order, on the thread that changed it and while the status is
  // locked: it must not ask or change the status.
  using OnChange = std::function<void(std::string_view name)>;

  NodeStatus() = default;
  NodeStatus(const NodeStatus&) = delete;
  NodeStatus& operator=(const NodeStatus&) = delete;

  // Before other threads know the node.
  void AddListener(OnChange on_change);

  // False, and nothing changes, when no edge leads there.
  bool MoveTo(NodePhase phase);

  // Something the node does for as long as this lives. Movable; an empty one does nothing.
  class Work {
   public:
    Work() = default;
    Work(Work&& other) noexcept : status_(std::exchange(other.status_, nullptr)), kind_(other.kind_) {}
    Work& operator=(Work&& other) noexcept {
      std::swap(status_, other.status_);
      std::swap(kind_, other.kind_);
      return *this;
    }
    Work(const Work&) = delete;
    Work& operator=(const Work&) = delete;
    ~Work() {
      if (status_ != nullptr) status_->End(kind_);
    }

   private:
    friend class NodeStatus;
    Work(NodeStatus& status, NodeWork kind) : status_(&status), kind_(kind) {}
    NodeStatus* status_ = nullptr;
    NodeWork kind_ = NodeWork::kSnapshotting;
  };
  // Begins work; the status outlives it.
  [[nodiscard]] Work Begin(NodeWork kind);

  [[nodiscard]] NodePhase phase() const;
  // "available". The view lives for ever.
  [[nodiscard]] std::string_view name() const;
  // Whether a status of that name means that clients are answered with data.
  [[nodiscard]] static bool IsServing(std::string_view name);

 private:
  void End(NodeWork kind);
  void Tell(std::string_view before);
  [[nodiscard]] std::string_view NameNow() const;

  mutable std::mutex mutex_;
  // Guarded by mutex_, the listeners constant once the node runs.
  NodePhase phase_ = NodePhase::kCreating;
  std::array<uint32_t, kNodeWorkCount> running_{};
  std::vector<OnChange> listeners_;
};

}  // namespace cachenode
