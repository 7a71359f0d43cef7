#include "server/wait_accounting.h"

#include "server/blocking/blocked_client.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/config/config.h"
#include "server/config/config_store.h"
#include "server/stats/latency_monitor.h"
#include "server/stats/slowlog.h"
#include "server/stats/stats_hub.h"
#include "storage/base/cycle_clock.h"

namespace cachenode {
namespace {

bool CountsAtTheEnd(const Config& config) { return config.engine_version.AtLeast(7, 2); }

void CountCall(WorkerStats& stats, const Command& command, uint64_t ticks) {
  CommandStats& counters = stats.command(command.id);
  counters.calls.Increment();
  counters.ticks.Add(ticks);
  stats.commands_processed.Increment();
}

void LogIfSlow(CommandContext& context, const BlockedClient& client, uint64_t ticks) {
  const Config& config = context.config();
  const ServerParts& parts = context.parts();
  const uint64_t duration_us = CycleClock::ToMicroseconds(ticks);
  const int64_t slower_than = config.slowlog_log_slower_than;
  if (slower_than < 0 || duration_us < static_cast<uint64_t>(slower_than) || parts.slowlog == nullptr) return;
  parts.slowlog->Add({.args = client.arguments.args(),
                      .amount = duration_us,
                      .time_s = context.now_ms() / 1000,
                      .peer_address = client.session->peer_address,
                      .client_name = client.session->name},
                     static_cast<size_t>(config.slowlog_max_len));
}

}  // namespace

void CountWaitBegun(CommandContext& context, BlockedClient& client, uint64_t ticks) {
  client.ticks_spent.store(ticks, std::memory_order_relaxed);
  if (!CountsAtTheEnd(context.config())) CountCall(context.stats(), *client.command, ticks);
}

void CountWaitServed(CommandContext& context, const BlockedClient& client, uint64_t ticks, std::string_view error) {
  WorkerStats& stats = context.stats();
  const Config& config = context.config();
  const uint64_t total = client.ticks_spent.load(std::memory_order_relaxed) + ticks;
  if (CountsAtTheEnd(config)) {
    CountCall(stats, *client.command, total);
  } else {
    stats.command(client.command->id).ticks.Add(ticks);
  }
  if (!error.empty()) {
    stats.command(client.command->id).failed.Increment();
    stats.CountError(error);
  }
  if (config.latency_tracking) stats.RecordLatency(stats.command(client.command->id), CycleClock::ToNanoseconds(total));
  LogIfSlow(context, client, total);
  const uint64_t reply_ms = CycleClock::ToMicroseconds(ticks) / 1000;
  const int64_t threshold_ms = config.latency_monitor_threshold;
  if (threshold_ms <= 0 || reply_ms < static_cast<uint64_t>(threshold_ms) || context.parts().latency == nullptr) return;
  context.parts().latency->Add("command-unblocking", context.now_ms() / 1000, static_cast<uint32_t>(reply_ms));
}

void CountWaitEnded(const ServerParts& parts, const BlockedClient& client, WaitEnd end, std::string_view error) {
  WorkerStats& stats = parts.stats->worker(client.worker_index);
  const Config& config = parts.config->Current();
  const uint64_t ticks = client.ticks_spent.load(std::memory_order_relaxed);
  const bool counts_now = CountsAtTheEnd(config);
  if (counts_now) CountCall(stats, *client.command, ticks);
  // The older engines call each wait that CLIENT UNBLOCK ends a failure.
  const bool failed = !error.empty() || (!counts_now && end == WaitEnd::kUnblocked);
  if (failed) stats.command(client.command->id).failed.Increment();
  if (!error.empty()) stats.CountError(error);
  if (config.latency_tracking && (counts_now || end == WaitEnd::kUnblocked)) {
    stats.RecordLatency(stats.command(client.command->id), CycleClock::ToNanoseconds(ticks));
  }
}

}  // namespace cachenode
