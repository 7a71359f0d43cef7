// INFO stats, commandstats, errorstats, latencystats.
#include <array>
#include <string>

#include "server/acl/acl_store.h"
#include "server/command_table.h"
#include "server/migrate/migrate_table.h"
#include "server/node_state.h"
#include "server/pubsub/pubsub.h"
#include "server/stats/info_sections.h"
#include "server/stats/percentile.h"
#include "server/stats/stats_hub.h"
#include "server/tracking/client_tracking.h"
#include "storage/base/clock.h"
#include "storage/base/cycle_clock.h"

namespace cachenode::info {
namespace {

using T = InfoText;
using S = InfoSource;
using N = std::string_view;

uint64_t Sum(const S& source, StatsHub::CounterMember member) { return source.parts.stats->Sum(member); }

double Kilobits(uint64_t bytes_per_second) { return static_cast<double>(bytes_per_second) / 1024; }

int64_t MonotonicUs(const S& source) { return source.parts.clock->MonotonicUs(); }

// Harnesses may be without users.
uint64_t Refusals(const S& source, AclLogReason reason) {
  return source.parts.acl == nullptr ? 0 : source.parts.acl->log().CountOf(reason);
}

void Zero(T& text, N name, const S& /*source*/) { text.Line(name, 0); }
void ZeroRate(T& text, N name, const S& /*source*/) { text.Fixed(name, 0, 2); }

template <ChannelKind kKind>
void Channels(T& text, N name, const S& source) {
  text.Line(name, source.parts.pubsub->ChannelCount(kKind));
}

// Fields of parts that do not exist in this node (replication, forks) are zero because nothing can count
// there.
constexpr InfoField kStats[] = {
    {"total_connections_received",
     [](T& text, N name, const S& source) { text.Line(name, Sum(source, &WorkerStats::connections_received)); }},
    {"total_commands_processed",
     [](T& text, N name, const S& source) { text.Line(name, Sum(source, &WorkerStats::commands_processed)); }},
    {"instantaneous_ops_per_sec",
     [](T& text, N name, const S& source) { text.Line(name, source.parts.stats->operations_rate.PerSecond()); }},
    {"total_net_input_bytes",
     [](T& text, N name, const S& source) { text.Line(name, Sum(source, &WorkerStats::input_bytes)); }},
    {"total_net_output_bytes",
     [](T& text, N name, const S& source) { text.Line(name, Sum(source, &WorkerStats::output_bytes)); }},
    {"total_net_repl_input_bytes", Zero},
    {"total_net_repl_output_bytes", Zero},
    {"instantaneous_input_kbps",
     [](T& text, N name, const S& source) {
       text.Fixed(name, Kilobits(source.parts.stats->input_rate.PerSecond()), 2);
     }},
    {"instantaneous_output_kbps",
     [](T& text, N name, const S& source) {
       text.Fixed(name, Kilobits(source.parts.stats->output_rate.PerSecond()), 2);
     }},
    {"instantaneous_input_repl_kbps", ZeroRate},
    {"instantaneous_output_repl_kbps", ZeroRate},
    {"rejected_connections",
     [](T& text, N name, const S& source) { text.Line(name, source.parts.stats->rejected_connections.load()); }},
    {"rejected_by_allow_cidr",
     [](T& text, N name, const S& source) { text.Line(name, source.parts.stats->rejected_by_allow_cidr.load()); }},
    {"sync_full", Zero},
    {"sync_partial_ok", Zero},
    {"sync_partial_err", Zero},
    {"expired_keys",
     [](T& text, N name, const S& source) { text.Line(name, Sum(source, &WorkerStats::expired_keys)); }},
    {"expired_subkeys",
     [](T& text, N name, const S& source) { text.Line(name, Sum(source, &WorkerStats::expired_fields)); }},
    {"expired_stale_perc",
     [](T& text, N name, const S& source) {
       // Each worker looks after an equal share of the shards.
       const uint64_t mean_ppm = Sum(source, &WorkerStats::stale_keys_ppm) / source.parts.stats->worker_count();
       text.Fixed(name, static_cast<double>(mean_ppm) / 10000, 2);
     }},
    {"expired_time_cap_reached_count",
     [](T& text, N name, const S& source) { text.Line(name, Sum(source, &WorkerStats::expire_time_caps_reached)); }},
    {"expire_cycle_cpu_milliseconds",
     [](T& text, N name, const S& source) {
       text.Line(name, CycleClock::ToMicroseconds(Sum(source, &WorkerStats::expire_ticks)) / 1000);
     }},
    {"evicted_keys",
     [](T& text, N name, const S& source) { text.Line(name, Sum(source, &WorkerStats::evicted_keys)); }},
    {"evicted_clients",
     [](T& text, N name, const S& source) { text.Line(name, source.parts.stats->evicted_clients.load()); }},
    {"evicted_scripts", [](T& text, N name, const S& source) { text.Line(name, source.scripts.evicted); }},
    {"total_eviction_exceeded_time",
     [](T& text, N name, const S& source) {
       text.Line(name, source.parts.stats->over_limit.TotalUs(MonotonicUs(source)) / 1000);
     }},
    {"current_eviction_exceeded_time",
     [](T& text, N name, const S& source) {
       text.Line(name, source.parts.stats->over_limit.CurrentUs(MonotonicUs(source)) / 1000);
     }},
    {"keyspace_hits",
     [](T& text, N name, const S& source) { text.Line(name, Sum(source, &WorkerStats::keyspace_hits)); }},
    {"keyspace_misses",
     [](T& text, N name, const S& source) { text.Line(name, Sum(source, &WorkerStats::keyspace_misses)); }},
    {"pubsub_channels", Channels<ChannelKind::kChannel>},
    {"pubsub_patterns", Channels<ChannelKind::kPattern>},
    {"pubsubshard_channels", Channels<ChannelKind::kShard>},
    {"latest_fork_usec", Zero},
    {"total_forks", Zero},
    {"migrate_cached_sockets",
     [](T& text, N name, const S& source) {
       const MigrateTable* table = source.parts.state->migrations.get();
       text.Line(name, table == nullptr ? 0U : table->kept_target_count());
     }},
    {"slave_expires_tracked_keys", Zero},
    {"active_defrag_hits",
     [](T& text, N name, const S& source) { text.Line(name, source.parts.state->defrag_moved.load()); }},
    {"active_defrag_misses", Zero},
    {"active_defrag_key_hits",
     [](T& text, N name, const S& source) { text.Line(name, source.parts.state->defrag_moved.load()); }},
    {"active_defrag_key_misses", Zero},
    {"total_active_defrag_time",
     [](T& text, N name, const S& source) { text.Line(name, source.parts.state->defrag_us.load() / 1000); }},
    {"current_active_defrag_time", Zero},
    {"tracking_total_keys",
     [](T& text, N name, const S& source) { text.Line(name, source.parts.tracking->KeyCount()); }},
    {"tracking_total_items",
     [](T& text, N name, const S& source) { text.Line(name, source.parts.tracking->ItemCount()); }},
    {"tracking_total_prefixes",
     [](T& text, N name, const S& source) { text.Line(name, source.parts.tracking->PrefixCount()); }},
    {"unexpected_error_replies",
     [](T& text, N name, const S& source) { text.Line(name, Sum(source, &WorkerStats::unexpected_error_replies)); }},
    {"total_error_replies",
     [](T& text, N name, const S& source) { text.Line(name, Sum(source, &WorkerStats::error_replies)); }},
    {"dump_payload_sanitizations", Zero},
    {"total_reads_processed",
     [](T& text, N name, const S& source) { text.Line(name, Sum(source, &WorkerStats::reads_processed)); }},
    {"total_writes_processed",
     [](T& text, N name, const S& source) { text.Line(name, Sum(source, &WorkerStats::writes_processed)); }},
    {"io_threaded_reads_processed", Zero},
    {"io_threaded_writes_processed", Zero},
    {"client_query_buffer_limit_disconnections",
     [](T& text, N name, const S& source) {
       text.Line(name, Sum(source, &WorkerStats::query_buffer_limit_disconnections));
     }},
    {"client_output_buffer_limit_disconnections",
     [](T& text, N name, const S& source) {
       text.Line(name, Sum(source, &WorkerStats::output_buffer_limit_disconnections));
     }},
    {"reply_buffer_shrinks", Zero},
    {"reply_buffer_expands", Zero},
    {"eventloop_cycles",
     [](T& text, N name, const S& source) { text.Line(name, Sum(source, &WorkerStats::loop_iterations)); }},
    {"eventloop_duration_sum",
     [](T& text, N name, const S& source) { text.Line(name, Sum(source, &WorkerStats::loop_us_total)); }},
    {"loop_cpu_usec_max",
     [](T& text, N name, const S& source) {
       text.Line(name, source.parts.stats->Largest(&WorkerStats::loop_cpu_us_max));
     }},
    {"acl_access_denied_auth",
     [](T& text, N name, const S& source) { text.Line(name, Sum(source, &WorkerStats::denied_logins)); }},
    {"acl_access_denied_cmd",
     [](T& text, N name, const S& source) { text.Line(name, Refusals(source, AclLogReason::kCommand)); }},
    {"acl_access_denied_key",
     [](T& text, N name, const S& source) { text.Line(name, Refusals(source, AclLogReason::kKey)); }},
    {"acl_access_denied_channel",
     [](T& text, N name, const S& source) { text.Line(name, Refusals(source, AclLogReason::kChannel)); }},
};

void AppendNumber(std::string& value, std::string_view name, uint64_t number) {
  value.append(name);
  AppendUint64(value, number);
}

}  // namespace

std::span<const InfoField> StatsFields() { return kStats; }

void WriteCommandStats(InfoText& text, const InfoSource& source) {
  const CommandTable& commands = *source.parts.commands;
  for (size_t id = 0; id < commands.count(); ++id) {
    const StatsHub::CommandTotals totals = source.parts.stats->TotalsOf(id);
    if (totals.calls == 0 && totals.rejected == 0 && totals.failed == 0) continue;
    std::string value;
    AppendNumber(value, "calls=", totals.calls);
    AppendNumber(value, ",usec=", totals.microseconds);
    value.append(",usec_per_call=");
    AppendFixed(value, MemoryReport::Ratio(totals.microseconds, totals.calls), 2);
    AppendNumber(value, ",rejected_calls=", totals.rejected);
    AppendNumber(value, ",failed_calls=", totals.failed);
    text.Line("cmdstat_" + commands.by_id(id).full_name, value);
  }
}

void WriteErrorStats(InfoText& text, const InfoSource& source) {
  for (const auto& [code, count] : source.parts.stats->Errors()) {
    std::string value;
    AppendNumber(value, "count=", count);
    text.Line("errorstat_" + code, value);
  }
}

void WriteLatencyStats(InfoText& text, const InfoSource& source) {
  if (!source.config.latency_tracking) return;
  const CommandTable& commands = *source.parts.commands;
  for (size_t id = 0; id < commands.count(); ++id) {
    if (source.parts.stats->TotalsOf(id).calls == 0) continue;
    const auto histogram = source.parts.stats->HistogramOf(id);
    std::string value;
    for (const double percentile : source.config.latency_tracking_info_percentiles) {
      if (!value.empty()) value.push_back(',');
      value.push_back('p');
      value.append(PercentileName(percentile)).push_back('=');
      AppendFixed(value, static_cast<double>(PercentileOf(histogram, percentile)) / 1000.0, 3);
    }
    text.Line("latency_percentiles_usec_" + commands.by_id(id).full_name, value);
  }
}

}  // namespace cachenode::info
