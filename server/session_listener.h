// Parts that keep something for a client (subscriptions, watched keys, places in queues) hear when it ends.
//
// Thread-safety: called on the client's own worker, inside the world lock and holding no shard lock, so that an
//   implementation may lock shards one after the other. With the world held by the caller (RESET never is) it would not
//   need to.
#pragma once

namespace cachenode {

struct Session;

class SessionListener {
 public:
  virtual ~SessionListener() = default;
  // The client is gone; `session` dies after this.
  virtual void OnSessionEnd(Session& session) = 0;
  // RESET: the client is as if it had just connected.
  virtual void OnSessionReset(Session& session) { OnSessionEnd(session); }
};

}  // namespace cachenode
