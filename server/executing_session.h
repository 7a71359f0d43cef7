// Which client the current thread works for: what a crash report names. Set around each batch of requests.
//
// Thread-safety: a variable of each thread; a signal handler reads that of the thread it interrupted. It is not a
//   parameter because a handler has none.
#pragma once

namespace cachenode {

struct Session;

inline constinit thread_local const Session* executing_session = nullptr;

// Names `session` as long as it lives.
class ExecutingSession {
 public:
  explicit ExecutingSession(const Session& session) { executing_session = &session; }
  ~ExecutingSession() { executing_session = nullptr; }
  ExecutingSession(const ExecutingSession&) = delete;
  ExecutingSession& operator=(const ExecutingSession&) = delete;
};

}  // namespace cachenode
