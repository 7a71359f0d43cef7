// Signals that end the server: SIGTERM and SIGINT become a call on worker 0's loop, a second SIGINT leaves at once,
// with the unfinished file (unfinished_file.h).
//
// Thread-safety: made and destroyed on the main thread while no worker runs; at most one exists, as handlers are
//   process-wide. SIGPIPE, SIGHUP and SIGXFSZ are ignored.
#pragma once

#include <functional>

#include "server/net/event_loop.h"

namespace cachenode {

class SignalHandlers {
 public:
  // `on_stop` gets the signal's number, on the thread of `loop`.
  SignalHandlers(EventLoop& loop, std::function<void(int)> on_stop);
  ~SignalHandlers();
  SignalHandlers(const SignalHandlers&) = delete;
  SignalHandlers& operator=(const SignalHandlers&) = delete;

  // The shutdown a signal asked for was refused: the next SIGINT is a first one again.
  static void Rearm();

 private:
  AsyncSignal wake_;
};

}  // namespace cachenode
