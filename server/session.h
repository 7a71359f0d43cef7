// The state of one client that commands see: identity, selected database, protocol version, flags and its replies.
// The connection (server/net/connection.h) owns a Session and moves its bytes.
//
// Thread-safety: owned by the worker that runs the client's loop. Another thread may read or change a Session only
//   while it holds the world lock exclusively (CLIENT LIST, CLIENT KILL, INFO); `id` and `worker_index` never change.
// Invariants: `replies` is only appended to by the owner; a closing session executes no further command.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "protocol/reply_buffer.h"

namespace cachenode {

class AclUser;
struct BlockedClient;
struct Command;
struct Subscriptions;
struct TrackingState;
struct TransactionState;

// Which replies reach the client (CLIENT REPLY).
enum class ReplyMode : uint8_t { kOn, kOff, kSkipNext, kSkipping };

// How far a session is on its way out.
enum class Closing : uint8_t {
  kNo,
  kAfterReply,  // The replies written so far leave first, nothing more is read.
  kNow,         // Nothing more leaves.
};

enum class ClientClass : uint8_t { kNormal, kReplica, kPubSub, kPrimary };

// What sets a client apart from one that may do everything and does nothing special. A request of a client with any of
// these takes a closer look on its way.
enum SessionCondition : uint32_t {
  kInTransaction = 1U << 0,   // MULTI came: requests are queued.
  kRestrictedUser = 1U << 1,  // Its ACL user may not do everything.
  kSubscribed = 1U << 2,      // Has subscriptions, which in RESP2 leave it few commands.
  kTracksKeys = 1U << 3,      // CLIENT TRACKING is on.
  kIsMonitor = 1U << 4,       // MONITOR: sees requests, makes none.
};

// Byte counts a connection keeps for CLIENT LIST and INFO; bytes, current unless named peak or total.
struct ConnectionUsage {
  uint64_t query_buffer_used = 0;
  uint64_t query_buffer_free = 0;
  uint64_t query_buffer_peak = 0;
  uint64_t multi_buffer = 0;
  uint64_t memory_bytes = 0;  // Everything the client holds.
  uint64_t input_total = 0;
  uint64_t output_total = 0;
  uint64_t commands_total = 0;
  bool readable_watched = true;   // The loop waits for input (events r).
  bool writable_watched = false;  // The loop waits to flush output (events w).
};

// What a command may ask of the connection below; implemented by server/net/connection and by the test harness.
// Owner worker only.
class ClientConnection {
 public:
  virtual ~ClientConnection() = default;
  // The replies in session.replies should leave at the end of this loop turn.
  virtual void ScheduleFlush() = 0;
  // Stops executing this client's commands until Resume. Input stays where it is.
  virtual void Park() = 0;
  virtual void Resume() = 0;
  // Ends the connection: after its pending replies, or at once when session.closing is kNow.
  virtual void ScheduleClose() = 0;
  [[nodiscard]] virtual ConnectionUsage Usage() const = 0;
  // Its bytes no longer count among the worker's clients'. Also another thread under the exclusive world lock.
  virtual void ForgetMemory() {}
  [[nodiscard]] virtual int FileDescriptor() const = 0;
};

struct Session {
  Session(uint64_t client_id, uint32_t owner, ChunkPool& pool);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Constant after construction.
  const uint64_t id;
  const uint32_t worker_index;
  std::string peer_address;  // "127.0.0.1:52814", "/path/to/socket:0"
  std::string local_address;
  bool is_unix_socket = false;
  bool is_tls = false;
  int64_t created_ms = 0;  // Unix ms.

  // Owner worker only (others: exclusive world lock).
  ClientConnection* connection = nullptr;  // Null in a harness without one.
  Session* caller = nullptr;               // Of a script's own session: the client whose request runs the script.
  bool tracks_declared_keys = false;       // Of such a session: its reads count as reads of the script's keys.
  ReplyBuffer replies;
  uint32_t database = 0;
  uint32_t conditions = 0;  // SessionCondition bits.
  uint8_t resp_version = 2;
  bool authenticated = false;
  bool no_evict = false;
  bool no_touch = false;
  bool is_internal = false;       // Not a network client: restore, tests, scripts.
  bool paused = false;            // Parked by CLIENT PAUSE.
  bool awaits_scripts = false;    // Was refused the script slot, and has neither had it since nor been forgotten there.
  bool counts_as_blocked = true;  // Once parked; false when who served it has taken it off already.
  ReplyMode reply_mode = ReplyMode::kOn;
  Closing closing = Closing::kNo;
  ClientClass client_class = ClientClass::kNormal;
  bool understands_redirect = false;  // CLIENT CAPA REDIRECT.
  std::string user = "default";
  std::string name;
  std::string library_name;
  std::string library_version;
  std::shared_ptr<const AclUser> acl_user;  // Null: may do everything.
  // What only some clients have; null for the others.
  std::unique_ptr<TransactionState> transaction;
  std::unique_ptr<Subscriptions> subscriptions;
  std::unique_ptr<TrackingState> tracking;
  std::unique_ptr<BlockedClient> blocked;
  const Command* last_command = nullptr;
  int64_t last_interaction_ms = 0;  // Unix ms of the last request.
  uint64_t argument_bytes = 0;      // Of the request being executed or received.
  uint32_t go_on_at = 0;  // Where a command that gave its turn back goes on, as it understands it; 0 at its beginning.
};

}  // namespace cachenode
