#include "server/server_control.h"

#include "server/config/option_types.h"

namespace cachenode {

ShutdownRequest ShutdownRequest::FromFlags(uint32_t flags) {
  ShutdownRequest request;
  if ((flags & kShutdownSave) != 0) request.save = Save::kYes;
  if ((flags & kShutdownNoSave) != 0) request.save = Save::kNo;
  request.now = (flags & kShutdownNow) != 0;
  request.force = (flags & kShutdownForce) != 0;
  return request;
}

void ServerControl::Pause(PauseMode mode, int64_t until_ms) {
  const PauseMode before = pause_mode_.load(std::memory_order_relaxed);
  if (before == PauseMode::kAll) mode = PauseMode::kAll;
  if (until_ms > pause_until_ms_.load(std::memory_order_relaxed)) {
    pause_until_ms_.store(until_ms, std::memory_order_relaxed);
  }
  pause_mode_.store(mode, std::memory_order_relaxed);
}

void ServerControl::Unpause() {
  pause_mode_.store(PauseMode::kOff, std::memory_order_relaxed);
  pause_until_ms_.store(0, std::memory_order_relaxed);
  if (hooks_.resume_parked) hooks_.resume_parked();
}

void ServerControl::EndPauseIfDue(int64_t now_ms) {
  if (pause_mode_.load(std::memory_order_relaxed) == PauseMode::kOff) return;
  if (now_ms >= pause_until_ms_.load(std::memory_order_relaxed)) Unpause();
}

Status ServerControl::Shutdown(const ShutdownRequest& request) {
  if (hooks_.save) {
    Status failed = hooks_.save(request);
    if (!failed.ok() && !request.force) return Status::Text("ERR Errors trying to SHUTDOWN. Check logs.");
  }
  stopping_.store(true, std::memory_order_relaxed);
  if (hooks_.stop) hooks_.stop(0);
  return Status::Ok();
}

void ServerControl::Leave() {
  stopping_.store(true, std::memory_order_relaxed);
  if (hooks_.stop) hooks_.stop(0);
}

Status ServerControl::AbortShutdown() {
  // A shutdown is waited for only while replicas lag; without replication it is over when the command returns.
  return Status::Text("ERR No shutdown in progress.");
}

}  // namespace cachenode
