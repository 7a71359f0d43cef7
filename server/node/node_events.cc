#include "server/node/node_events.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "persistence/catalogue/utc_time.h"

namespace cachenode {
namespace {

struct KindRow {
  NodeEventKind kind;
  std::string_view topic_name;
  bool is_failure;
};

constexpr KindRow kKinds[] = {
    {NodeEventKind::kNote, "", false},
    {NodeEventKind::kProvisioningComplete, "ElastiCache:CacheClusterProvisioningComplete", false},
    {NodeEventKind::kProvisioningFailed, "ElastiCache:CacheClusterProvisioningFailed", true},
    {NodeEventKind::kParametersChanged, "ElastiCache:CacheClusterParametersChanged", false},
    {NodeEventKind::kScalingComplete, "ElastiCache:CacheClusterScalingComplete", false},
    {NodeEventKind::kScalingFailed, "ElastiCache:CacheClusterScalingFailed", true},
    {NodeEventKind::kSecurityGroupModified, "ElastiCache:CacheClusterSecurityGroupModified", false},
    {NodeEventKind::kRebooted, "ElastiCache:CacheNodesRebooted", false},
    {NodeEventKind::kCertificateRenewed, "ElastiCache:CertificateRenewalComplete", false},
    {NodeEventKind::kDeleted, "ElastiCache:DeleteCacheClusterComplete", false},
    {NodeEventKind::kSnapshotComplete, "ElastiCache:SnapshotComplete", false},
    {NodeEventKind::kSnapshotFailed, "ElastiCache:SnapshotFailed", true},
    {NodeEventKind::kRestoreFailed, "Cachenode:RestoreFailed", true},
    {NodeEventKind::kExportComplete, "Cachenode:SnapshotExportComplete", false},
    {NodeEventKind::kExportFailed, "Cachenode:SnapshotExportFailed", true},
};

constexpr bool KindsAreInOrder() {
  for (size_t i = 0; i < std::size(kKinds); ++i) {
    if (static_cast<size_t>(kKinds[i].kind) != i) return false;
  }
  return std::size(kKinds) == static_cast<size_t>(NodeEventKind::kExportFailed) + 1;
}
static_assert(KindsAreInOrder());

const KindRow& RowOf(NodeEventKind kind) { return kKinds[static_cast<size_t>(kind)]; }

// Shortened without cutting an UTF-8 sequence in two.
std::string OnOneLine(std::string_view message) {
  size_t size = std::min(message.size(), NodeEvents::kMessageBytesMax);
  while (size < message.size() && size > 0 && (static_cast<unsigned char>(message[size]) & 0xC0U) == 0x80U) --size;
  std::string text(message.substr(0, size));
  for (char& byte : text) {
    const auto code = static_cast<unsigned char>(byte);
    if (code < 0x20 || code == 0x7F) byte = '?';
  }
  return text;
}

}  // namespace

std::string_view TopicNameOf(NodeEventKind kind) { return RowOf(kind).topic_name; }

bool KindOfTopicName(std::string_view name, NodeEventKind& kind) {
  for (const KindRow& row : kKinds) {
    if (row.topic_name != name) continue;
    kind = row.kind;
    return true;
  }
  return false;
}

bool IsFailure(NodeEventKind kind) { return RowOf(kind).is_failure; }

std::string EventDate(int64_t time_ms) {
  std::string date = FormatUtcTime(time_ms / 1000);
  date.insert(date.size() - 1, fmt::format(".{:03}", time_ms % 1000));
  return date;
}

NodeEvents::NodeEvents(Log& log, Clock& clock, std::string source_identifier)
    : log_(log), clock_(clock), source_identifier_(std::move(source_identifier)) {}

void NodeEvents::SetListener(Listener listener) { listener_ = std::move(listener); }

void NodeEvents::GoOnWith(std::vector<NodeEvent> events) {
  const std::lock_guard<std::mutex> guard(mutex_);
  recorded_ = events.empty() ? 0 : events.back().id;
  events_.assign(std::make_move_iterator(events.begin()), std::make_move_iterator(events.end()));
}

void NodeEvents::Record(NodeEventKind kind, std::string_view message) {
  NodeEvent event{.id = 0, .time_ms = clock_.NowMs(), .kind = kind, .message = OnOneLine(message)};
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    event.id = ++recorded_;
    events_.push_back(event);
    if (events_.size() > kEventsMax) events_.pop_front();
  }
  const std::string_view name = TopicNameOf(kind);
  if (IsFailure(kind)) {
    CN_LOG(log_, kWarning, "Event {}: {}", name, event.message);
  } else {
    CN_LOG(log_, kNotice, "Event{}{}: {}", name.empty() ? "" : " ", name, event.message);
  }
  if (listener_) listener_(event);
}

std::vector<NodeEvent> NodeEvents::Newest(size_t count, int64_t since_ms) const {
  std::vector<NodeEvent> found;
  const std::lock_guard<std::mutex> guard(mutex_);
  // The clock may have been set back between two events, so the order does not end the search.
  for (auto event = events_.rbegin(); event != events_.rend() && found.size() < count; ++event) {
    if (event->time_ms >= since_ms) found.push_back(*event);
  }
  return found;
}

uint64_t NodeEvents::RecordedCount() const {
  const std::lock_guard<std::mutex> guard(mutex_);
  return recorded_;
}

size_t NodeEvents::Size() const {
  const std::lock_guard<std::mutex> guard(mutex_);
  return events_.size();
}

}  // namespace cachenode
