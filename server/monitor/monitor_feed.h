// MONITOR: every request of the node as a line for the clients that watch.
//
// Thread-safety: Feed on the worker that ran the request; Any from any thread.
// Invariants: a client's requests come in the order they ran, each behind what it did. Secrets are left out, and so are
//   administrative commands. Cost: one load while nobody watches.
#pragma once

#include "server/key_spec.h"
#include "server/pubsub/pubsub.h"

namespace cachenode {

struct Command;
struct ServerParts;
struct Session;

class MonitorFeed {
 public:
  // `parts` and `pubsub`, which carries the lines, outlive this.
  MonitorFeed(const ServerParts& parts, PubSub& pubsub) : parts_(parts), pubsub_(pubsub) {}

  [[nodiscard]] bool Any() const { return pubsub_.HasMonitors(); }
  // A request that ran for `session`; nothing when its row says that it is not shown.
  void FeedAfter(const Session& session, const Command& command, Args args);
  // For commands whose row hides them because they show themselves before they run others (EVAL, FCALL).
  void Feed(const Session& session, const Command& command, Args args);

 private:
  const ServerParts& parts_;
  PubSub& pubsub_;
};

}  // namespace cachenode
