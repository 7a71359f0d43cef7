#include "server/client_line.h"

#include <algorithm>
#include <string_view>

#include "server/blocking/blocked_client.h"
#include "server/command_table.h"
#include "server/pubsub/subscriptions.h"
#include "server/tracking/tracking_state.h"
#include "server/transaction/transaction_state.h"
#include "storage/base/numbers.h"

namespace cachenode {
namespace {

struct Source {
  const Session& session;
  const EngineVersion& engine;
  const ConnectionUsage usage;
  const RunningRequest running;
  int64_t now_ms;
};

// The version a field came with. A Valkey counts as Redis 7.2 unless it has a version of its own.
struct Since {
  int major = 0;
  int minor = 0;
  int valkey_major = 0;
  int valkey_minor = 0;

  [[nodiscard]] bool ReachedBy(const EngineVersion& engine) const {
    if (valkey_major != 0 && engine.AtLeastValkey(valkey_major, valkey_minor)) return true;
    return engine.AtLeast(major, minor);
  }
};

constexpr Since kAlways{};
constexpr int kNotInRedis = 1000;

struct Field {
  std::string_view name;
  Since since;
  void (*append)(std::string& to, const Source& from);
};

uint64_t Seconds(int64_t from_ms, int64_t to_ms) {
  return static_cast<uint64_t>(std::max<int64_t>(to_ms - from_ms, 0) / 1000);
}

// The first chunk takes the place of Redis' fixed reply buffer, those behind it that of its list.
uint64_t FirstChunkBytes(const ReplyBuffer& replies) {
  return std::min<uint64_t>(replies.MemoryBytes(), ChunkPool::kChunkBytes);
}

// --- What the fields say ---------------------------------------------------------------------------------------------

uint64_t Id(const Source& from) { return from.session.id; }
uint64_t Age(const Source& from) { return Seconds(from.session.created_ms, from.now_ms); }
uint64_t Idle(const Source& from) { return Seconds(from.session.last_interaction_ms, from.now_ms); }
uint64_t Database(const Source& from) { return from.session.database; }
uint64_t InputUsed(const Source& from) { return std::max(from.usage.query_buffer_used, from.running.wire_bytes); }
uint64_t InputFree(const Source& from) { return from.usage.query_buffer_free; }
uint64_t ArgumentBytes(const Source& from) { return from.running.argument_bytes; }
uint64_t QueueBytes(const Source& from) { return from.usage.multi_buffer; }
uint64_t ChunkBytes(const Source& from) { return FirstChunkBytes(from.session.replies); }
uint64_t ChunkBytesPeak(const Source& from) {
  return from.usage.output_total == 0 ? ChunkBytes(from) : ChunkPool::kChunkBytes;
}
uint64_t OutputInChunk(const Source& from) {
  return std::min<uint64_t>(from.session.replies.SizeBytes(), ChunkPool::kChunkBytes);
}
uint64_t OutputListLength(const Source& from) { return std::max<size_t>(from.session.replies.SegmentCount(), 1) - 1; }
uint64_t OutputListBytes(const Source& from) { return from.session.replies.MemoryBytes() - ChunkBytes(from); }
uint64_t MemoryBytes(const Source& from) { return from.usage.memory_bytes; }
uint64_t RespVersionOf(const Source& from) { return from.session.resp_version; }
uint64_t InputTotal(const Source& from) { return from.usage.input_total; }
uint64_t OutputTotal(const Source& from) { return from.usage.output_total; }
uint64_t CommandsTotal(const Source& from) { return from.usage.commands_total; }
uint64_t WatchedKeys(const Source& from) {
  return from.session.transaction == nullptr ? 0 : from.session.transaction->watched.size();
}

template <ChannelKind kKind>
uint64_t SubscriptionsOf(const Source& from) {
  return from.session.subscriptions == nullptr ? 0 : from.session.subscriptions->Count(kKind);
}

std::string Address(const Source& from) { return from.session.peer_address; }
std::string LocalAddress(const Source& from) { return from.session.local_address; }
std::string Name(const Source& from) { return from.session.name; }
std::string Flags(const Source& from) { return ClientFlagsOf(from.session); }
std::string Capabilities(const Source& from) { return from.session.understands_redirect ? "r" : ""; }
std::string User(const Source& from) { return from.session.user; }
std::string LibraryName(const Source& from) { return from.session.library_name; }
std::string LibraryVersion(const Source& from) { return from.session.library_version; }
std::string Redirection(const Source& from) {
  return from.session.tracking == nullptr ? "-1" : std::to_string(from.session.tracking->options.redirect_to);
}

std::string QueuedCommands(const Source& from) {
  const TransactionState* state = from.session.transaction.get();
  return state == nullptr || !state->queueing ? "-1" : std::to_string(state->queue.size());
}

std::string Descriptor(const Source& from) {
  return std::to_string(from.session.connection == nullptr ? -1 : from.session.connection->FileDescriptor());
}

std::string CommandName(const Source& from) {
  const Command* command = from.session.last_command;
  if (command == nullptr) return "NULL";
  const bool names_subcommand = from.engine.AtLeast(7, 0) || command->parent == nullptr;
  return names_subcommand ? command->full_name : command->parent->full_name;
}

std::string Events(const Source& from) {
  std::string events;
  if (from.usage.readable_watched) events.push_back('r');
  if (from.usage.writable_watched) events.push_back('w');
  return events;
}

template <uint64_t (*Get)(const Source&)>
void Number(std::string& to, const Source& from) {
  AppendUint64(to, Get(from));
}

template <std::string (*Get)(const Source&)>
void Text(std::string& to, const Source& from) {
  to.append(Get(from));
}

constexpr Field kFields[] = {
    {"id", kAlways, Number<Id>},
    {"addr", kAlways, Text<Address>},
    {"laddr", {6, 2}, Text<LocalAddress>},
    {"fd", kAlways, Text<Descriptor>},
    {"name", kAlways, Text<Name>},
    {"age", kAlways, Number<Age>},
    {"idle", kAlways, Number<Idle>},
    {"flags", kAlways, Text<Flags>},
    {"capa", {kNotInRedis, 0, 8, 1}, Text<Capabilities>},
    {"db", kAlways, Number<Database>},
    {"sub", kAlways, Number<SubscriptionsOf<ChannelKind::kChannel>>},
    {"psub", kAlways, Number<SubscriptionsOf<ChannelKind::kPattern>>},
    {"ssub", {7, 0}, Number<SubscriptionsOf<ChannelKind::kShard>>},
    {"multi", kAlways, Text<QueuedCommands>},
    {"watch", {7, 4, 8, 0}, Number<WatchedKeys>},
    {"qbuf", kAlways, Number<InputUsed>},
    {"qbuf-free", kAlways, Number<InputFree>},
    {"argv-mem", {6, 2}, Number<ArgumentBytes>},
    {"multi-mem", {7, 0}, Number<QueueBytes>},
    {"rbs", {7, 0}, Number<ChunkBytes>},
    {"rbp", {7, 0}, Number<ChunkBytesPeak>},
    {"obl", kAlways, Number<OutputInChunk>},
    {"oll", kAlways, Number<OutputListLength>},
    {"omem", kAlways, Number<OutputListBytes>},
    {"tot-mem", {6, 2}, Number<MemoryBytes>},
    {"events", kAlways, Text<Events>},
    {"cmd", kAlways, Text<CommandName>},
    {"user", {6, 0}, Text<User>},
    {"redir", {6, 2}, Text<Redirection>},
    {"resp", {7, 0}, Number<RespVersionOf>},
    {"lib-name", {7, 2}, Text<LibraryName>},
    {"lib-ver", {7, 2}, Text<LibraryVersion>},
    {"tot-net-in", {kNotInRedis, 0, 8, 0}, Number<InputTotal>},
    {"tot-net-out", {kNotInRedis, 0, 8, 0}, Number<OutputTotal>},
    {"tot-cmds", {kNotInRedis, 0, 8, 0}, Number<CommandsTotal>},
};

// Who was served waits no more, although its worker may not have heard of it yet.
bool IsWaiting(const Session& session) { return session.blocked != nullptr && !session.blocked->IsClaimed(); }

}  // namespace

std::string ClientFlagsOf(const Session& session) {
  std::string flags;
  if ((session.conditions & kIsMonitor) != 0) flags.push_back('O');
  if (session.client_class == ClientClass::kReplica) flags.push_back('S');
  if (session.client_class == ClientClass::kPrimary) flags.push_back('M');
  if (session.client_class == ClientClass::kPubSub) flags.push_back('P');
  if ((session.conditions & kInTransaction) != 0) flags.push_back('x');
  if (session.paused || IsWaiting(session)) flags.push_back('b');
  if (session.tracking != nullptr) {
    flags.push_back('t');
    if (session.tracking->redirect_broken) flags.push_back('R');
    if (session.tracking->options.broadcast) flags.push_back('B');
  }
  if (session.transaction != nullptr && session.transaction->watched_key_changed.load()) flags.push_back('d');
  if (session.closing == Closing::kAfterReply) flags.push_back('c');
  if (session.closing == Closing::kNow) flags.push_back('A');
  if (session.is_unix_socket) flags.push_back('U');
  if (session.no_evict) flags.push_back('e');
  if (session.no_touch) flags.push_back('T');
  return flags.empty() ? "N" : flags;
}

void AppendClientLine(std::string& to, const Session& session, const EngineVersion& engine, int64_t now_ms,
                      RunningRequest running) {
  const ConnectionUsage usage = session.connection == nullptr ? ConnectionUsage() : session.connection->Usage();
  const Source source{session, engine, usage, running, now_ms};
  bool first = true;
  for (const Field& field : kFields) {
    if (!field.since.ReachedBy(engine)) continue;
    if (!first) to.push_back(' ');
    first = false;
    to.append(field.name).push_back('=');
    field.append(to, source);
  }
}

}  // namespace cachenode
