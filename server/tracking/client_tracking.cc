#include "server/tracking/client_tracking.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "server/client_registry.h"
#include "server/command_table.h"
#include "server/mailbox.h"
#include "server/node_state.h"
#include "server/server_parts.h"
#include "server/session.h"
#include "server/worker.h"
#include "storage/base/bytes.h"
#include "storage/keyspace.h"

namespace cachenode {
namespace {

bool Overlap(std::string_view first, std::string_view second) {
  const size_t shorter = std::min(first.size(), second.size());
  return first.substr(0, shorter) == second.substr(0, shorter);
}

Status OverlapError(std::string_view prefix, std::string_view kind, std::string_view other) {
  std::string text("ERR Prefix '");
  text.append(prefix).append("' overlaps with ").append(kind).append(" prefix '").append(other);
  return Status::Text(text.append("'. Prefixes for a single client must not overlap."));
}

Status CheckPrefixes(const TrackingState* state, std::span<const std::string_view> prefixes) {
  for (size_t i = 0; i < prefixes.size(); ++i) {
    if (state != nullptr) {
      for (const std::string& known : state->prefixes) {
        if (Overlap(known, prefixes[i])) return OverlapError(prefixes[i], "an existing", known);
      }
    }
    for (const std::string_view other : prefixes.subspan(i + 1)) {
      if (Overlap(prefixes[i], other)) return OverlapError(prefixes[i], "another provided", other);
    }
  }
  return Status::Ok();
}

// The keys, without those `left_out` changed last; null when none is left.
EncodedKeys EncodeKeys(const ChangedKeys::Keys& keys, uint64_t left_out) {
  const auto is_told = [left_out](const auto& entry) { return left_out == 0 || entry.second != left_out; };
  const auto count = std::count_if(keys.begin(), keys.end(), is_told);
  if (count == 0) return nullptr;
  auto encoded = std::make_shared<std::string>();
  AppendArrayHeader(*encoded, static_cast<size_t>(count));
  for (const auto& entry : keys) {
    if (is_told(entry)) AppendBulk(*encoded, entry.first);
  }
  return encoded;
}

}  // namespace

ClientTracking::ClientTracking(const ServerParts& parts)
    : parts_(parts),
      keys_(parts.keyspace->shard_count()),
      stripes_(parts.clients->worker_count()),
      workers_(parts.clients->worker_count()) {
  for (PerWorker& worker : workers_) worker.letters.resize(workers_.size());
}

ClientTracking::~ClientTracking() = default;

// --- The client's commands -------------------------------------------------------------------------------------------

Status ClientTracking::CheckOptions(const Session& client, const TrackingOptions& options,
                                    std::span<const std::string_view> prefixes) const {
  const TrackingState* state = client.tracking.get();
  if (!options.broadcast && !prefixes.empty()) {
    return Status::Text("ERR PREFIX option requires BCAST mode to be enabled");
  }
  if (state != nullptr && state->options.broadcast != options.broadcast) {
    return Status::Text(
        "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it "
        "with a different mode.");
  }
  if (options.broadcast && (options.opt_in || options.opt_out)) {
    return Status::Text("ERR OPTIN and OPTOUT are not compatible with BCAST");
  }
  if (options.opt_in && options.opt_out) {
    return Status::Text("ERR You can't specify both OPTIN mode and OPTOUT mode");
  }
  if (state != nullptr && ((options.opt_in && state->options.opt_out) || (options.opt_out && state->options.opt_in))) {
    return Status::Text(
        "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it "
        "with a different mode.");
  }
  return options.broadcast ? CheckPrefixes(state, prefixes) : Status::Ok();
}

Status ClientTracking::Enable(Session& client, const TrackingOptions& options,
                              std::span<const std::string_view> prefixes) {
  Status error = CheckOptions(client, options, prefixes);
  if (!error.ok()) return error;
  if (client.tracking == nullptr) {
    client.tracking = std::make_unique<TrackingState>();
    client.conditions |= kTracksKeys;
    client_count_.fetch_add(1, std::memory_order_relaxed);
    parts_.state->key_interest.Add(1);
  }
  TrackingState& state = *client.tracking;
  state.options = options;
  state.redirect_broken = false;
  constexpr std::string_view kEveryKey[] = {""};
  if (options.broadcast) {
    for (const std::string_view prefix : prefixes.empty() ? std::span(kEveryKey) : prefixes) {
      const auto [place, is_new] = state.prefixes.emplace(prefix);
      if (is_new) prefixes_.Add(*place, client.id);
    }
  }
  Stripe& stripe = stripes_[client.worker_index];
  const std::lock_guard<std::mutex> guard(stripe.mutex);
  stripe.clients[client.id] = options;
  return Status::Ok();
}

void ClientTracking::Disable(Session& client) {
  if (client.tracking == nullptr) return;
  for (const std::string& prefix : client.tracking->prefixes) prefixes_.Remove(prefix, client.id);
  client.tracking.reset();
  client.conditions &= ~uint32_t{kTracksKeys};
  client_count_.fetch_sub(1, std::memory_order_relaxed);
  parts_.state->key_interest.Remove(1);
  Stripe& stripe = stripes_[client.worker_index];
  const std::lock_guard<std::mutex> guard(stripe.mutex);
  stripe.clients.erase(client.id);
}

std::optional<TrackingOptions> ClientTracking::OptionsOf(uint64_t client) const {
  const Stripe& stripe = stripes_[parts_.clients->WorkerOf(client)];
  const std::lock_guard<std::mutex> guard(stripe.mutex);
  const auto found = stripe.clients.find(client);
  if (found == stripe.clients.end()) return std::nullopt;
  return found->second;
}

// --- The way of a request --------------------------------------------------------------------------------------------

void ClientTracking::BeginRequest(Session& client) { workers_[client.worker_index].running = &client; }

void ClientTracking::EndRequest(Session& client, std::string_view name) {
  const bool is_queueing = (client.conditions & kInTransaction) != 0;
  if (client.tracking != nullptr && !is_queueing && !EqualsIgnoreCase(name, "client")) {
    client.tracking->caching_said = false;
  }
  PerWorker& worker = workers_[client.worker_index];
  if (worker.everything_changed) TellEverythingChanged(client.worker_index);
  worker.running = nullptr;
  for (const Invalidation& notice : std::exchange(worker.behind_reply, {})) Send(client.worker_index, notice);
}

void ClientTracking::RememberReads(const Session& reader, const Command& command, Args args) {
  // Shard channels are keys to clusters, but nothing that can be cached. A script reads by what it calls.
  if (!command.Is(kReadOnly) || command.Is(kPubSub) || command.Is(kRunsScript)) return;
  if (!reader.tracking->RemembersReads()) return;
  std::vector<KeyPosition> positions;
  if (FindKeysOf(command, args, positions) == KeySearch::kInvalid) return;
  for (const KeyPosition& position : positions) {
    const std::string_view key = args[position.index];
    keys_.Add(parts_.keyspace->ShardIndexOf(Keyspace::Hash(key)), key, reader.id);
  }
}

void ClientTracking::RememberDeclaredKeys(const Session& reader, Args declared) {
  if (reader.tracking == nullptr || !reader.tracking->RemembersReads()) return;
  for (const std::string_view key : declared) {
    keys_.Add(parts_.keyspace->ShardIndexOf(Keyspace::Hash(key)), key, reader.id);
  }
}

// --- Changes ---------------------------------------------------------------------------------------------------------

void ClientTracking::BeforeKeyChange(const KeyPlace& place) {
  if (place.is_unwatched) return;
  if (prefixes_.Count() != 0) {
    PerWorker& worker = workers_[place.worker_index];
    prefixes_.Note(place.key, place.client == nullptr ? 0 : place.client->id, worker.changed);
    worker.has_work = worker.has_work || !worker.changed.empty();
    if (worker.changed.full()) TellPrefixes(place.worker_index);
  }
  if (keys_.KeyCount() == 0) return;
  const uint32_t shard = parts_.keyspace->ShardIndexOf(Keyspace::Hash(place.key));
  PerWorker& worker = workers_[place.worker_index];
  if (worker.is_evicting) {
    if (auto taken = keys_.TakeEntry(shard, place.key)) worker.evicted.push_back(*std::move(taken));
    return;
  }
  TellReaders(place.worker_index, keys_.Take(shard, place.key), place.key, place.client);
}

// The node took the keys away: no client counts as the one that changed them.
void ClientTracking::EndEviction(uint32_t worker_index) {
  PerWorker& worker = workers_[worker_index];
  worker.is_evicting = false;
  for (const auto& [key, readers] : std::exchange(worker.evicted, {})) {
    TellReaders(worker_index, readers, key, nullptr);
  }
}

// The node took the key away, not the client whose request came upon it: that one is told too.
void ClientTracking::KeyEvent(NotifyFlag event_class, std::string_view /*event*/, const KeyPlace& place) {
  if ((event_class != kNotifyExpired && event_class != kNotifyEvicted) || prefixes_.Count() == 0) return;
  PerWorker& worker = workers_[place.worker_index];
  prefixes_.Note(place.key, 0, worker.changed);
  worker.has_work = worker.has_work || !worker.changed.empty();
}

void ClientTracking::BeforeDatabaseChange(DatabaseChange change, const KeyPlace& place, uint32_t /*other_db*/) {
  if (change == DatabaseChange::kSwapped) return;
  keys_.Clear();
  PerWorker& worker = workers_[place.worker_index];
  worker.everything_changed = worker.has_work = true;
}

void ClientTracking::TellReaders(uint32_t worker_index, const TrackedKeys::Clients& readers, std::string_view key,
                                 const Session* changer) {
  EncodedKeys encoded;
  for (const uint64_t reader : readers) {
    const std::optional<TrackingOptions> options = OptionsOf(reader);
    if (!options || options->broadcast) continue;
    if (options->no_loop && changer != nullptr && changer->id == reader) continue;
    if (encoded == nullptr) encoded = std::make_shared<const std::string>(EncodeKey(key));
    Send(worker_index, {reader, options->redirect_to, Invalidation::Kind::kKeys, encoded});
  }
}

void ClientTracking::TellEverythingChanged(uint32_t worker_index) {
  workers_[worker_index].everything_changed = false;
  std::vector<std::pair<uint64_t, uint64_t>> clients;
  for (const Stripe& stripe : stripes_) {
    const std::lock_guard<std::mutex> guard(stripe.mutex);
    for (const auto& [client, options] : stripe.clients) clients.emplace_back(client, options.redirect_to);
  }
  std::sort(clients.begin(), clients.end());
  for (const auto& [client, redirect_to] : clients) {
    Send(worker_index, {client, redirect_to, Invalidation::Kind::kEverything, nullptr});
  }
}

void ClientTracking::TellPrefixes(uint32_t worker_index) {
  for (const auto& [prefix, keys] : workers_[worker_index].changed.TakeAll()) {
    EncodedKeys all;
    for (const uint64_t client : prefixes_.ClientsOf(prefix)) {
      const std::optional<TrackingOptions> options = OptionsOf(client);
      if (!options) continue;
      if (!options->no_loop && all == nullptr) all = EncodeKeys(keys, 0);
      const EncodedKeys told = options->no_loop ? EncodeKeys(keys, client) : all;
      if (told != nullptr) Send(worker_index, {client, options->redirect_to, Invalidation::Kind::kKeys, told});
    }
  }
}

// --- Telling ---------------------------------------------------------------------------------------------------------

void ClientTracking::Send(uint32_t worker_index, Invalidation notice) {
  PerWorker& worker = workers_[worker_index];
  const uint64_t receiver = notice.Receiver();
  const uint32_t target = parts_.clients->WorkerOf(receiver);
  if (target == worker_index) {
    const Session* session = parts_.clients->FindOwn(worker_index, receiver);
    const bool is_running = session != nullptr && session == worker.running;
    // What a blocked client waits for is on its way by mail, and goes first. What a silent one gets besides replies
    // must not be taken back with the reply.
    const bool goes_by_mail =
        session != nullptr && (session->blocked != nullptr || session->reply_mode != ReplyMode::kOn);
    if (is_running) {
      worker.behind_reply.push_back(std::move(notice));
      return;
    }
    if (!goes_by_mail) {
      Deliver(worker_index, notice);
      return;
    }
  }
  worker.letters[target].push_back(std::move(notice));
  worker.has_work = true;
}

// On the receiver's worker.
void ClientTracking::Deliver(uint32_t worker_index, const Invalidation& notice) {
  Session* receiver = parts_.clients->FindOwn(worker_index, notice.Receiver());
  if (receiver != nullptr && receiver->closing == Closing::kNo) {
    DeliverInvalidation(*receiver, notice);
  } else if (notice.Receiver() != notice.client) {
    Send(worker_index, {notice.client, notice.redirect_to, Invalidation::Kind::kRedirectBroken, nullptr});
  }
}

void ClientTracking::PostLetters(uint32_t worker_index) {
  PerWorker& worker = workers_[worker_index];
  for (uint32_t target = 0; target < workers_.size(); ++target) {
    if (worker.letters[target].empty()) continue;
    Notices notices = std::exchange(worker.letters[target], {});
    Mailbox* mailbox = parts_.clients->MailboxOf(target);
    if (mailbox == nullptr) continue;
    size_t size_bytes = 0;
    std::vector<std::pair<uint64_t, uint64_t>> clients;
    for (const Invalidation& notice : notices) {
      size_bytes += notice.SizeBytes();
      clients.emplace_back(notice.client, notice.redirect_to);
    }
    const auto letter = [this](Notices told) {
      return MakeLetter([this, told = std::move(told)](Worker& there) {
        for (const Invalidation& notice : told) Deliver(there.index(), notice);
      });
    };
    if (mailbox->TryPost(letter(std::move(notices)), size_bytes)) continue;
    // The receiver is far behind: one short notice a client says it all.
    std::sort(clients.begin(), clients.end());
    clients.erase(std::unique(clients.begin(), clients.end()), clients.end());
    Notices short_ones;
    for (const auto& [client, redirect_to] : clients) {
      short_ones.push_back({client, redirect_to, Invalidation::Kind::kEverything, nullptr});
    }
    mailbox->Post(letter(std::move(short_ones)));
  }
}

// --- The turn of a worker --------------------------------------------------------------------------------------------

void ClientTracking::FinishTurn(uint32_t worker_index) {
  PerWorker& worker = workers_[worker_index];
  if (worker.everything_changed) TellEverythingChanged(worker_index);
  TellPrefixes(worker_index);
  PostLetters(worker_index);
  worker.has_work = false;
}

void ClientTracking::TrimKeys(uint32_t worker_index, uint64_t keys_max) {
  PerWorker& worker = workers_[worker_index];
  uint64_t effort = worker.trim_effort;
  // Each worker begins at another shard.
  uint32_t shard_index = worker_index * keys_.shard_count() / static_cast<uint32_t>(workers_.size());
  for (uint32_t visited = 0; visited < keys_.shard_count(); ++visited) {
    Shard& shard = parts_.keyspace->shard(shard_index);
    if (shard.TryLock()) {
      while (effort != 0 && keys_.KeyCount() > keys_max) {
        const auto taken = keys_.TakeAny(shard_index);
        if (!taken) break;
        TellReaders(worker_index, taken->second, taken->first, nullptr);
        --effort;
      }
      shard.Unlock();
    }
    if (effort == 0 || keys_.KeyCount() <= keys_max) break;
    shard_index = shard_index + 1 == keys_.shard_count() ? 0 : shard_index + 1;
  }
  worker.trim_effort = keys_.KeyCount() <= keys_max ? kTrimEffort : worker.trim_effort + kTrimEffort;
}

}  // namespace cachenode
