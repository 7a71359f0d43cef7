#include "server/migrate/migrate_table.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "server/session.h"

namespace cachenode {

namespace {

void AppendRequest(std::string& to, std::initializer_list<std::string_view> words) {
  to.append("*").append(std::to_string(words.size())).append("\r\n");
  for (const std::string_view word : words) {
    to.append("$").append(std::to_string(word.size())).append("\r\n").append(word).append("\r\n");
  }
}

void AppendRestore(std::string& to, const MigrateOrder& order, const MigrateItem& item) {
  const std::string ttl = std::to_string(item.ttl_ms);
  if (order.replaces) {
    AppendRequest(to, {"RESTORE", item.key, ttl, item.payload, "REPLACE"});
  } else {
    AppendRequest(to, {"RESTORE", item.key, ttl, item.payload});
  }
}

}  // namespace

bool TransferItems(MigrateTarget& target, MigrateOrder& order, bool& is_writing) {
  is_writing = true;
  const bool selects = target.database != order.database;
  std::string request;
  if (order.has_password && !order.user.empty()) AppendRequest(request, {"AUTH", order.user, order.password});
  if (order.has_password && order.user.empty()) AppendRequest(request, {"AUTH", order.password});
  if (selects) AppendRequest(request, {"SELECT", std::to_string(order.database)});
  for (const MigrateItem& item : order.items) AppendRestore(request, order, item);
  if (!target.Send(request, order.timeout_ms)) return false;

  is_writing = false;
  std::string refusal;  // Of AUTH or SELECT: then no key counts, whatever the target says to it.
  std::string line;
  const int preambles = (order.has_password ? 1 : 0) + (selects ? 1 : 0);
  for (int i = 0; i < preambles; ++i) {
    if (!target.ReadLine(line, order.timeout_ms)) return false;
    if (line.starts_with('-') && refusal.empty()) refusal = line.substr(1);
  }
  std::string first_error = refusal;
  for (MigrateItem& item : order.items) {
    if (!target.ReadLine(line, order.timeout_ms)) return false;
    item.accepted = refusal.empty() && line == "+OK";
    if (!item.accepted && first_error.empty()) first_error = line.starts_with('-') ? line.substr(1) : line;
  }
  target.database = refusal.empty() ? order.database : -1;
  if (!first_error.empty()) order.error = "ERR Target instance replied with error: " + first_error;
  return true;
}

void MigrateTable::CarryOut(MigrateOrder& order) {
  const std::string name = order.host + ":" + order.port;
  MigrateTarget target = TakeTarget(name);
  target.stop = &stopping_;
  bool was_kept = target.is_open();
  for (;;) {
    if (!target.is_open() && !target.Open(order.host, order.port, order.timeout_ms)) {
      order.error = "IOERR error or timeout connecting to the client";
      return;
    }
    bool is_writing = false;
    if (TransferItems(target, order, is_writing)) break;
    const bool nothing_happened =
        std::ranges::none_of(order.items, [](const MigrateItem& item) { return item.accepted; });
    // A kept connection may have been closed by the target long ago.
    if (was_kept && nothing_happened && !target.timed_out()) {
      was_kept = false;
      target.Close();
      continue;
    }
    order.error = is_writing ? "IOERR error or timeout writing to target instance"
                             : "IOERR error or timeout reading from target instance";
    return;
  }
  KeepTarget(name, std::move(target));
}

bool MigrateTable::Blocks(uint64_t client_id, std::optional<uint32_t> database, KeyHash hash) const {
  const std::lock_guard lock(mutex_);
  return std::ranges::any_of(entries_, [&](const auto& entry) {
    return entry.first != client_id && std::ranges::any_of(entry.second.keys, [&](const FencedKey& key) {
             return key.hash.value() == hash.value() && (!database || key.database == *database);
           });
  });
}

std::shared_ptr<MigrateOrder> MigrateTable::Begin(uint64_t client_id, MigrateOrder order, std::vector<FencedKey> keys) {
  auto shared = std::make_shared<MigrateOrder>(std::move(order));
  const std::lock_guard lock(mutex_);
  fence_count_.fetch_add(keys.size());
  entries_[client_id] = {shared, std::move(keys), false, false};
  return shared;
}

MigrateTable::Progress MigrateTable::ProgressOf(uint64_t client_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(client_id);
  if (found == entries_.end()) return Progress::kNone;
  return found->second.done ? Progress::kDone : Progress::kRunning;
}

// With mutex_ held.
void MigrateTable::Remove(uint64_t client_id) {
  const auto found = entries_.find(client_id);
  if (found == entries_.end()) return;
  fence_count_.fetch_sub(found->second.keys.size());
  if (found->second.abandoned) abandoned_count_.fetch_sub(1);
  entries_.erase(found);
}

bool MigrateTable::IsOver(const Entry& entry) {
  if (!entry.abandoned || !entry.done) return false;
  return entry.order->copies ||
         std::ranges::none_of(entry.order->items, [](const MigrateItem& item) { return item.accepted; });
}

bool MigrateTable::NoteDone(uint64_t client_id) {
  {
    const std::lock_guard lock(mutex_);
    Entry& entry = entries_[client_id];
    entry.done = true;
    if (!entry.abandoned) return true;
    if (!IsOver(entry)) return false;
    Remove(client_id);
  }
  resume_parked_();
  return false;
}

std::shared_ptr<MigrateOrder> MigrateTable::End(uint64_t client_id) {
  std::shared_ptr<MigrateOrder> order;
  {
    const std::lock_guard lock(mutex_);
    order = std::move(entries_[client_id].order);
    Remove(client_id);
  }
  resume_parked_();
  return order;
}

void MigrateTable::OnSessionEnd(Session& session) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(session.id);
    if (found == entries_.end()) return;
    found->second.abandoned = true;
    abandoned_count_.fetch_add(1);
    if (!IsOver(found->second)) return;  // The fences stay until the target has answered, and the keys are gone.
    Remove(session.id);
  }
  resume_parked_();
}

std::vector<MigrateTable::Abandoned> MigrateTable::TakeAbandoned() const {
  std::vector<Abandoned> taken;
  if (abandoned_count_.load(std::memory_order_relaxed) == 0) return taken;
  const std::lock_guard lock(mutex_);
  for (const auto& [client_id, entry] : entries_) {
    if (entry.abandoned && entry.done) taken.push_back({client_id, entry.order});
  }
  return taken;
}

void MigrateTable::DropIdleTargets() {
  std::erase_if(targets_, [](const auto& kept) { return SteadyMs() - kept.second.last_use_ms > kTargetIdleMs; });
}

MigrateTarget MigrateTable::TakeTarget(const std::string& name) {
  const std::lock_guard lock(mutex_);
  DropIdleTargets();
  const auto found = targets_.find(name);
  if (found == targets_.end()) return {};
  MigrateTarget target = std::move(found->second);
  targets_.erase(found);
  return target;
}

void MigrateTable::KeepTarget(const std::string& name, MigrateTarget target) {
  target.last_use_ms = SteadyMs();
  const std::lock_guard lock(mutex_);
  if (targets_.size() >= kTargetsMax) targets_.erase(targets_.begin());
  targets_[name] = std::move(target);
}

void MigrateTable::CloseIdleTargets() {
  const std::lock_guard lock(mutex_);
  DropIdleTargets();
}

size_t MigrateTable::kept_target_count() const {
  const std::lock_guard lock(mutex_);
  return targets_.size();
}

}  // namespace cachenode
