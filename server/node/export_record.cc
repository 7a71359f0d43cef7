#include "server/node/export_record.h"

#include <fmt/format.h>

#include <utility>

#include "server/node/node_events.h"
#include "server/node_state.h"

namespace cachenode {
namespace {

std::string_view ReasonOf(const Status& status) {
  if (status.code() == Err::kCancelled) return "cancelled";
  return status.text().empty() ? "out of memory" : status.text();
}

}  // namespace

bool ExportRecord::Begin(Export what) {
  NodeStatus::Work work = parts_.state->status.Begin(NodeWork::kSnapshotting);
  const std::lock_guard<std::mutex> guard(mutex_);
  if (running_) return false;
  running_.emplace(Running{std::move(what), std::move(work)});
  return true;
}

void ExportRecord::Drop() {
  std::optional<Running> dropped;  // Ends its work without the mutex.
  const std::lock_guard<std::mutex> guard(mutex_);
  std::swap(dropped, running_);
}

void ExportRecord::End(const Status& status, const Exported& exported) {
  std::optional<Running> ended;
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    std::swap(ended, running_);
    if (!ended) return;
    figures_.last_name = ended->what.name;
    figures_.last_location = ended->what.location;
    last_progress_ = ended->what.progress;
    if (status.ok()) {
      ++figures_.completed;
      figures_.last_status = "ok";
    } else if (status.code() == Err::kCancelled) {
      figures_.last_status = "cancelled";
    } else {
      ++figures_.failed;
      figures_.last_status = "err";
    }
  }
  const Export& what = ended->what;
  if (status.ok()) {
    parts_.events->Record(NodeEventKind::kExportComplete,
                          fmt::format("Snapshot export succeeded for snapshot with ID '{}' to {}: {} keys, {} bytes",
                                      what.name, what.location, exported.keys, exported.bytes));
  } else {
    parts_.events->Record(NodeEventKind::kExportFailed,
                          fmt::format("Snapshot export failed for snapshot with ID '{}' to {}: {}", what.name,
                                      what.location, ReasonOf(status)));
  }
}

void ExportRecord::Cancel() {
  const std::lock_guard<std::mutex> guard(mutex_);
  if (running_) running_->what.progress->RequestCancel();
}

bool ExportRecord::Cancel(const std::string& name) {
  const std::lock_guard<std::mutex> guard(mutex_);
  if (!running_ || running_->what.name != name) return false;
  running_->what.progress->RequestCancel();
  return true;
}

ExportFigures ExportRecord::Figures() const {
  const std::lock_guard<std::mutex> guard(mutex_);
  ExportFigures figures = figures_;
  figures.in_progress = running_.has_value();
  if (running_) {
    figures.last_name = running_->what.name;
    figures.last_location = running_->what.location;
  }
  const std::shared_ptr<S3Progress>& progress = running_ ? running_->what.progress : last_progress_;
  if (progress != nullptr) {
    figures.bytes_sent = static_cast<uint64_t>(progress->bytes_sent.load(std::memory_order_relaxed));
  }
  return figures;
}

}  // namespace cachenode
