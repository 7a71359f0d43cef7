// The part of SnapshotService that runs on the background pool: copies, deletions, exports, checks, looks.
#include <fmt/format.h>

#include <utility>

#include "persistence/catalogue/snapshot_name.h"
#include "server/background_pool.h"
#include "server/node/node_events.h"
#include "server/node/snapshot_service.h"
#include "server/persistence_service.h"
#include "server/session.h"
#include "storage/base/clock.h"
#include "storage/base/log.h"

namespace cachenode {
namespace {

constexpr int64_t kLookAgainMs = 1000;

}  // namespace

// --- Jobs ------------------------------------------------------------------------------------------------------------

std::string_view SnapshotService::DoingWith(const std::string& name) const {
  const std::lock_guard<std::mutex> guard(mutex_);
  const auto found = doing_.find(name);
  return found == doing_.end() ? std::string_view() : found->second;
}

Status SnapshotService::SubmitJob(const std::string& name, std::string_view doing, std::function<void()> job,
                                  std::shared_ptr<std::atomic<bool>> stop) {
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    if (jobs_ >= kJobsMax) {
      return Status::Text(fmt::format("ERR {} operations on snapshots run already, try again later", kJobsMax));
    }
    ++jobs_;
    if (!name.empty()) doing_[name] = doing;
    if (stop != nullptr) stops_[name] = std::move(stop);
  }
  const auto forget = [this, name] {
    const std::lock_guard<std::mutex> guard(mutex_);
    --jobs_;
    doing_.erase(name);
    stops_.erase(name);
  };
  const bool submitted = parts_.background->Submit(BackgroundPool::Lane::kTransfer, [job = std::move(job), forget] {
    job();
    forget();
  });
  if (submitted) return Status::Ok();
  forget();
  return Status::Text("ERR no thread is free for operations on snapshots");
}

Status SnapshotService::Delete(std::string_view name) {
  Result<Shown> found = Find(name);
  if (!found) return found.error();
  const std::string& normal = found->entry.metadata.name;
  if (const std::string_view doing = DoingWith(normal); !doing.empty()) {
    return Status::Text(fmt::format("ERR snapshot {} is busy: {}", normal, doing));
  }
  return SubmitJob(normal, "deleting", [this, normal] {
    const Status status = catalogue_->Delete(normal);
    index_.Refresh(normal);
    if (status.ok()) {
      CN_LOG(log_, kNotice, "Deleted snapshot {}", normal);
    } else {
      CN_LOG(log_, kWarning, "Snapshot {} could not be deleted: {}", normal, status.text());
    }
  });
}

Status SnapshotService::Copy(std::string_view from, std::string_view to) {
  Result<Shown> source = Find(from);
  if (!source) return source.error();
  if (!source->entry.fault.empty()) return Status::Text(fmt::format("ERR {}", source->entry.fault));
  Result<std::string> target = NormalizeSnapshotName(to);
  if (!target) return Reply(target.status());
  if (!DoingWith(*target).empty() || index_.Find(*target)) {
    return Status::Text(fmt::format("ERR snapshot {} already exists", *target));
  }
  const std::string from_name = source->entry.metadata.name;
  const auto stop = std::make_shared<std::atomic<bool>>(stopping_.load(std::memory_order_relaxed));
  const auto job = [this, from_name, to_name = *target, stop] {
    const Result<SnapshotMetadata> copy = catalogue_->Copy(from_name, to_name, stop.get());
    index_.Refresh(to_name);
    const std::string reason = copy ? std::string() : Reason(copy.status());
    {
      const std::lock_guard<std::mutex> guard(mutex_);
      ++(copy ? figures_.created : figures_.failed);
      if (!copy) figures_.last_error = fmt::format("{}: {}", to_name, reason);
    }
    if (copy) {
      parts_.events->Record(NodeEventKind::kNote, fmt::format("Snapshot '{}' was copied to '{}'", from_name, to_name));
    } else {
      parts_.events->Record(NodeEventKind::kSnapshotFailed,
                            fmt::format("Copying snapshot '{}' to '{}' failed: {}", from_name, to_name, reason));
    }
  };
  return SubmitJob(*target, "creating", job, stop);
}

Status SnapshotService::Export(std::string_view name, std::string_view target) {
  Result<Shown> found = Find(name);
  if (!found) return found.error();
  const std::string& normal = found->entry.metadata.name;
  if (const std::string_view doing = DoingWith(normal); !doing.empty()) {
    return Status::Text(fmt::format("ERR snapshot {} is busy: {}", normal, doing));
  }
  if (!found->entry.fault.empty()) return Status::Text(fmt::format("ERR {}", found->entry.fault));
  Result<std::function<void()>> work = exporter_.Prepare(normal, target);
  if (!work) return work.error();
  Status status = SubmitJob(normal, "exporting", *std::move(work));
  if (!status.ok()) exporter_.Drop();
  return status;
}

Status SnapshotService::Cancel(std::string_view name) {
  Result<std::string> normal = ResolveSnapshotName(name);
  if (!normal) return Reply(normal.status());
  bool is_created = false;
  bool is_stopped = false;
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    is_created = figures_.running == *normal;
    const auto job = stops_.find(*normal);
    is_stopped = job != stops_.end();
    if (is_stopped) job->second->store(true, std::memory_order_relaxed);
  }
  if (is_created) {
    Result<Snapshotter::Cancelled> cancelled = parts_.persistence->CancelBackgroundSave();
    return cancelled ? Status::Ok() : cancelled.error();
  }
  if (is_stopped || exporter_.Cancel(*normal)) return Status::Ok();
  return Status::Text(fmt::format("ERR snapshot {} is neither created nor copied nor exported at the moment", *normal));
}

Status SnapshotService::StartCheck(uint64_t client_id, std::string_view name, std::function<void()> on_done) {
  Result<Shown> found = Find(name);
  if (!found) return found.error();
  auto check = std::make_shared<Check>();
  check->name = found->entry.metadata.name;
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    checks_[client_id] = check;
  }
  Status status = SubmitJob({}, {}, [this, check, on_done = std::move(on_done)] {
    check->outcome = catalogue_->Verify(check->name, &stopping_);
    check->done.store(true, std::memory_order_release);
    on_done();
  });
  if (!status.ok()) EndCheck(client_id);
  return status;
}

std::shared_ptr<SnapshotService::Check> SnapshotService::CheckOf(uint64_t client_id) const {
  const std::lock_guard<std::mutex> guard(mutex_);
  const auto found = checks_.find(client_id);
  return found == checks_.end() ? nullptr : found->second;
}

void SnapshotService::EndCheck(uint64_t client_id) {
  const std::lock_guard<std::mutex> guard(mutex_);
  checks_.erase(client_id);
}

void SnapshotService::OnSessionEnd(Session& session) { EndCheck(session.id); }

// --- Looking again ---------------------------------------------------------------------------------------------------

void SnapshotService::LookAgain() {
  const int64_t now_ms = parts_.clock->MonotonicUs() / 1000;
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    if (is_looking_ || (looked_ms_ != 0 && now_ms - looked_ms_ < kLookAgainMs)) return;
    is_looking_ = true;
    looked_ms_ = now_ms;
  }
  const auto look = [this] {
    Look();
    const std::lock_guard<std::mutex> guard(mutex_);
    is_looking_ = false;
  };
  if (parts_.background->Submit(BackgroundPool::Lane::kTransfer, look)) return;
  const std::lock_guard<std::mutex> guard(mutex_);  // No thread is free: the next one who asks begins it.
  is_looking_ = false;
}

}  // namespace cachenode
