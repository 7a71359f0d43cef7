// Runs commands inside another one: the queue of EXEC, the calls of a script. The dispatcher of the worker implements
// it.
//
// Thread-safety: the worker's thread, while a handler runs.
// Invariants: nothing is locked here. The outer request holds the locks of all keys its nested commands reach, or the
//   world; a script asks Covers first and may go on alone with RunAlone.
// Limits: kNestingMax commands inside each other (EXEC, script, its call).
#pragma once

#include <cstddef>
#include <functional>

#include "server/key_spec.h"

namespace cachenode {

struct Command;
struct Session;

class NestedRunner {
 public:
  static constexpr size_t kNestingMax = 4;

  virtual ~NestedRunner() = default;
  // Runs `command` for `session`, which gets the reply or the error. No check is made that a request from outside would
  // pass (authentication, memory, arity): the caller has made those that apply. False when the reply is an error.
  virtual bool RunNested(Session& session, const Command& command, Args args) = 0;
  // Whether the locks held reach all keys of the command.
  [[nodiscard]] virtual bool Covers(const Command& command, Args args) = 0;
  // From now until the outer request ends this thread has the node to itself; the locks held are given up then. For
  // the one script that runs (WorldLock::Upgrade). Nothing when it has the node already.
  virtual void RunAlone() = 0;
  // Whether the locks of the outer request's keys are held. A script that is busy may have them, and then a request
  // that runs beside it (WATCH) goes without.
  [[nodiscard]] virtual bool HoldsKeys() const = 0;
  // Whether memory is within its limit, as of the beginning of the outer request.
  [[nodiscard]] virtual bool MemoryFits() const = 0;
  // The error the handler is about to return is in the statistics already.
  virtual void NoteErrorIsCounted() = 0;
  // Serves the worker's other clients from inside a call that lasts long; nothing where there is no worker.
  virtual void Pump(int wait_ms) = 0;
  // How Pump is done. Called once, by the worker.
  virtual void SetPump(std::function<void(int wait_ms)> pump) = 0;
};

}  // namespace cachenode
