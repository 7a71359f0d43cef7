#include "server/acl/acl_log.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <utility>

namespace cachenode {

std::string_view AclLogReasonName(AclLogReason reason) noexcept {
  constexpr std::string_view kNames[] = {"command", "key", "channel", "auth"};
  return kNames[static_cast<size_t>(reason)];
}

std::string_view AclContextName(AclContext context) noexcept {
  constexpr std::string_view kNames[] = {"toplevel", "multi", "lua"};
  return kNames[static_cast<size_t>(context)];
}

void AclLog::Add(AclEvent event, int64_t now_ms, size_t length_max) {
  counts_[static_cast<size_t>(event.reason)].fetch_add(1, std::memory_order_relaxed);
  const std::string_view object = event.object.substr(0, kObjectBytesMax);
  const std::lock_guard lock(mutex_);
  const auto is_alike = [&](const AclLogEntry& entry) {
    return entry.reason == event.reason && entry.context == event.context &&
           std::llabs(now_ms - entry.updated_ms) <= kGroupingMs && entry.object == object && entry.user == event.user;
  };
  const auto end = std::next(entries_.begin(), static_cast<long>(std::min(entries_.size(), kGroupedEntriesMax)));
  const auto alike = std::find_if(entries_.begin(), end, is_alike);
  if (alike != end) {
    ++alike->count;
    alike->updated_ms = now_ms;
    alike->client_info = std::move(event.client_info);
    entries_.splice(entries_.begin(), entries_, alike);
    return;
  }
  entries_.push_front({next_id_++, 1, event.reason, event.context, std::string(object), std::string(event.user),
                       std::move(event.client_info), now_ms, now_ms});
  while (entries_.size() > length_max) entries_.pop_back();
}

void AclLog::Clear() {
  const std::lock_guard lock(mutex_);
  entries_.clear();
}

std::vector<AclLogEntry> AclLog::Newest(size_t count) const {
  const std::lock_guard lock(mutex_);
  const auto end = std::next(entries_.begin(), static_cast<long>(std::min(entries_.size(), count)));
  return {entries_.begin(), end};
}

void AclLog::ResetCounts() {
  for (std::atomic<uint64_t>& count : counts_) count.store(0, std::memory_order_relaxed);
}

}  // namespace cachenode
