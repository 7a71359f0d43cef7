// RequestRunner and the script slot: who waits for it and how, and a worker's holding it from one script to the next.
#include "server/request_runner.h"
#include "server/script/script_engine.h"
#include "server/transaction/transaction_state.h"
#include "storage/base/cycle_clock.h"

namespace cachenode {

bool RequestRunner::RunsScript(const Session& session, const Command& command) const {
  if (command.Is(kRunsScript)) return parts_.scripts != nullptr;
  if (!command.Is(kRunsQueue) || session.transaction == nullptr) return false;
  return (session.transaction->queue.any_flags() & kRunsScript) != 0 && parts_.scripts != nullptr;
}

// One script at a time: a client whose turn it is not is parked, and told when it is.
RequestRunner::Outcome RequestRunner::CallScript(Session& session, const Command& command, Args args,
                                                 const Prepared& prepared) {
  if (holds_scripts_) {
    parts_.scripts->Forget(session);
  } else if (!EnterScripts(session)) {
    return Outcome::kMustWait;
  }
  const Outcome outcome = Call(session, command, args, prepared);
  if (!holds_scripts_) {
    parts_.scripts->Leave(ScriptSlot::With::kKeys);
  } else if (outcome != Outcome::kDone ||
             ticks_ - scripts_held_since_ >= CycleClock::FromMicroseconds(kScriptsHoldUs)) {
    ReleaseScripts();
  }
  return outcome;
}

// While whoever has the slot has the world as well, or is about to take it, nothing else of this worker could go on
// either, and to wait here costs less than to park one client after the other.
bool RequestRunner::EnterScripts(Session& session) {
  if (parts_.scripts->TryEnter(session)) return true;
  if (!keeps_scripts_ || !(parts_.world->WriterWaits() || parts_.scripts->HolderHadWorld())) return false;
  parts_.world->Leave(*seat_);
  parts_.scripts->WaitForTurn(session);
  parts_.world->Enter(*seat_);
  BeginTurn(context_.now_ms());
  StartClock();  // As for a client that was parked meanwhile.
  return parts_.scripts->TryEnter(session);
}

// The slot is this request's, and so is the world from now on.
void RequestRunner::HoldScripts() {
  parts_.world->LockExclusive(*seat_);
  holds_scripts_ = true;
  scripts_held_since_ = CycleClock::Ticks();
}

void RequestRunner::ReleaseScripts() {
  if (!holds_scripts_) return;
  holds_scripts_ = false;
  parts_.world->UnlockExclusive(*seat_);
  parts_.scripts->Leave(ScriptSlot::With::kWorld);
}

}  // namespace cachenode
