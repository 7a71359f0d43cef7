#include "server/node/node_status.h"

#include <algorithm>

namespace cachenode {
namespace {

struct Edge {
  NodePhase from;
  NodePhase to;
};

constexpr Edge kEdges[] = {
    {NodePhase::kCreating, NodePhase::kRestoring},      {NodePhase::kCreating, NodePhase::kServing},
    {NodePhase::kRestoring, NodePhase::kServing},       {NodePhase::kCreating, NodePhase::kRestoreFailed},
    {NodePhase::kRestoring, NodePhase::kRestoreFailed}, {NodePhase::kServing, NodePhase::kRebooting},
    {NodePhase::kRebooting, NodePhase::kServing},  // It could not restart and goes on.
};

constexpr std::string_view kAvailable = "available";
// By NodeWork.
constexpr std::string_view kWorkNames[kNodeWorkCount] = {"snapshotting", "modifying"};

}  // namespace

void NodeStatus::AddListener(OnChange on_change) {
  const std::lock_guard lock(mutex_);
  listeners_.push_back(std::move(on_change));
}

bool NodeStatus::MoveTo(NodePhase phase) {
  const std::lock_guard lock(mutex_);
  const bool leads_there =
      std::ranges::any_of(kEdges, [this, phase](const Edge& edge) { return edge.from == phase_ && edge.to == phase; });
  if (!leads_there) return false;
  const std::string_view before = NameNow();
  phase_ = phase;
  Tell(before);
  return true;
}

NodeStatus::Work NodeStatus::Begin(NodeWork kind) {
  const std::lock_guard lock(mutex_);
  const std::string_view before = NameNow();
  ++running_[static_cast<size_t>(kind)];
  Tell(before);
  return {*this, kind};
}

void NodeStatus::End(NodeWork kind) {
  const std::lock_guard lock(mutex_);
  const std::string_view before = NameNow();
  --running_[static_cast<size_t>(kind)];
  Tell(before);
}

void NodeStatus::Tell(std::string_view before) {
  const std::string_view now = NameNow();
  if (now == before) return;
  for (const OnChange& listener : listeners_) listener(now);
}

NodePhase NodeStatus::phase() const {
  const std::lock_guard lock(mutex_);
  return phase_;
}

std::string_view NodeStatus::name() const {
  const std::lock_guard lock(mutex_);
  return NameNow();
}

std::string_view NodeStatus::NameNow() const {
  switch (phase_) {
    case NodePhase::kCreating:
      return "creating";
    case NodePhase::kRestoring:
      return "restoring";
    case NodePhase::kRebooting:
      return "rebooting";
    case NodePhase::kRestoreFailed:
      return "restore-failed";
    case NodePhase::kServing:
      break;
  }
  for (size_t kind = kNodeWorkCount; kind > 0; --kind) {
    if (running_[kind - 1] != 0) return kWorkNames[kind - 1];
  }
  return kAvailable;
}

bool NodeStatus::IsServing(std::string_view name) {
  return name == kAvailable || std::ranges::find(kWorkNames, name) != std::end(kWorkNames);
}

}  // namespace cachenode
