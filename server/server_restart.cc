// The restart in place that brings pending changes: the data set is saved, the process starts itself again with the
// configuration to come, and loads.
#include <fmt/format.h>

#include "server/acl/acl_store.h"
#include "server/config/config.h"
#include "server/node/node_changes.h"
#include "server/process/process_limits.h"
#include "server/server.h"
#include "server/worker.h"
#include "storage/base/quoting.h"

namespace cachenode {

void Server::MaintainNode(Worker& worker, int64_t now_ms) {
  const bool is_busy = state_.loading.load() || persistence_->SnapshotRunning() || control_.stopping();
  if (is_busy || !maintenance_timer_.IsDue(config_.Current(), !config_.Pending().empty(), now_ms)) return;
  const WorldExclusive exclusive(world_, worker.seat());
  NoteModifying(true);
  const bool may_apply = MayApplyPending(now_ms);
  const std::string failure = may_apply ? RestartInPlace() : std::string();
  if (may_apply && failure.empty()) return;
  modifying_.reset();
  if (!may_apply) return;
  CN_LOG(log_, kWarning, "Cannot restart: {}", failure);
  RecordNotApplied(events_, config_.Pending(), failure);
  maintenance_timer_.NoteFailure(now_ms);
}

void Server::NoteModifying(bool is_due) {
  if (!is_due || config_.Pending().empty()) {
    modifying_.reset();
    return;
  }
  if (modifying_) return;
  modifying_.emplace(state_.status.Begin(NodeWork::kModifying));
  RecordApplying(events_, config_.Pending());
}

EventFile Server::KeptEvents() const {
  const Config& config = config_.Current();
  return {config.dir, config.dbfilename + ".events"};
}

void Server::LoadKeptEvents() {
  if (Status failed = LoadEvents(KeptEvents(), events_); !failed.ok()) {
    CN_LOG(log_, kWarning, "The events of before the restart are lost: {}", failed.text());
  }
}

// What was possible when it was asked for may not be any more: the data has grown. A node type that does not fit is
// given up; the others wait on.
bool Server::MayApplyPending(int64_t now_ms) {
  const std::string problem = config_.PendingProblem();
  if (problem.empty()) return true;
  RecordNotApplied(events_, config_.Pending(), problem);
  constexpr std::string_view kNodeType = "cache-node-type";
  if (!config_.PendingProblem(kNodeType).empty()) {  // It is something else.
    maintenance_timer_.NoteFailure(now_ms);
    return false;
  }
  config_.DropPending(kNodeType);
  return !config_.Pending().empty();
}

// Under the exclusive world lock: what is saved is what the next image loads. Answers why not; nothing has changed
// then.
std::string Server::RestartInPlace() {
  std::string changes;
  for (const ConfigPair& change : config_.Pending()) changes += fmt::format(" {}={}", change.name, change.value);
  CN_LOG(log_, kNotice, "Restarting in place to apply pending changes:{}", changes);
  const std::string& executable = state_.identity.executable;
  if (!CanRestart(executable)) return fmt::format("{} is gone or cannot be executed", executable);
  const std::optional<std::string> state_file = KeepTextForRestart(RestartState());
  if (!state_file) return "the system gives no memory for the configuration";
  if (Status failed = persistence_->SaveForRestart(); !failed.ok()) {
    DropKeptText(*state_file);
    return fmt::format("the data set could not be saved: {}", failed.text());
  }
  if (Status failed = SaveEvents(KeptEvents(), events_); !failed.ok()) {
    CN_LOG(log_, kWarning, "The restart will forget the events so far: {}", failed.text());
  }
  state_.status.MoveTo(NodePhase::kRebooting);
  restart_ = RestartPlan{executable, {executable, std::string(kRestartStateOption), *state_file}};
  if (!launch_.file_path.empty()) restart_->arguments.push_back(launch_.file_path);
  control_.Leave();
  return {};
}

// The configuration after the restart, as one text that needs no other file but those it names.
std::string Server::RestartState() const {
  std::string text = AppliedLines(config_.Pending()) + config_.RestartText(acl_.ConfigLines());
  for (const RenamedCommand& renamed : launch_.loaded->renamed_commands) {
    if (renamed.is_of_option) continue;  // rename-commands says them.
    text.append("rename-command ");
    AppendQuoted(text, renamed.old_name);
    text.push_back(' ');
    AppendQuoted(text, renamed.new_name);
    text.push_back('\n');
  }
  return text;
}

std::optional<RestartPlan> Server::TakeRestart() {
  // The next image takes what it finds for the score that was set from outside.
  if (restart_) static_cast<void>(oom_score_.Apply(OomScoreMode::kNo, 0).ok());
  return std::move(restart_);
}

}  // namespace cachenode
