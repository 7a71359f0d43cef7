// INFO server, clients, replication, cpu, keyspace.
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <string>

#include "server/blocking/wait_table.h"
#include "server/client_registry.h"
#include "server/config/config.h"
#include "server/config/config_store.h"
#include "server/node_state.h"
#include "server/pubsub/pubsub.h"
#include "server/stats/info_sections.h"
#include "server/stats/stats_hub.h"
#include "server/tracking/client_tracking.h"
#include "server/transaction/watch_table.h"
#include "storage/base/random.h"
#include "storage/keyspace.h"

namespace cachenode::info {
namespace {

std::string CompilerVersion() {
  return std::to_string(__GNUC__) + "." + std::to_string(__GNUC_MINOR__) + "." + std::to_string(__GNUC_PATCHLEVEL__);
}

std::string SystemName() {
  utsname name{};
  uname(&name);
  return std::string(name.sysname) + " " + name.release + " " + name.machine;
}

int64_t UptimeSeconds(const InfoSource& source) {
  return (source.now_us / 1000 - source.parts.state->identity.started_ms) / 1000;
}

std::string_view SupervisionName(Supervision supervision) {
  switch (supervision) {
    case Supervision::kUpstart:
      return "upstart";
    case Supervision::kSystemd:
      return "systemd";
    case Supervision::kAuto:
      return "auto";
    case Supervision::kNone:
      return "no";
  }
  return "no";
}

using T = InfoText;
using S = InfoSource;
using N = std::string_view;

constexpr InfoField kServer[] = {
    {"server_name", [](T& text, N name, const S&) { text.Line(name, "cachenode"); }},
    {"cachenode_version", [](T& text, N name, const S&) { text.Line(name, CACHENODE_VERSION); }},
    {"redis_version",
     [](T& text, N name, const S& source) { text.Line(name, source.config.engine_version.RedisVersionText()); }},
    {"valkey_version",
     [](T& text, N name, const S& source) {
       const std::string version = source.config.engine_version.ValkeyVersionText();
       if (!version.empty()) text.Line(name, version);
     }},
    {"redis_git_sha1", [](T& text, N name, const S&) { text.Line(name, "00000000"); }},
    {"redis_git_dirty", [](T& text, N name, const S&) { text.Line(name, 0); }},
    {"redis_build_id", [](T& text, N name, const S&) { text.Line(name, CACHENODE_VERSION); }},
    {"redis_mode", [](T& text, N name, const S&) { text.Line(name, "standalone"); }},
    {"os", [](T& text, N name, const S&) { text.Line(name, SystemName()); }},
    {"arch_bits", [](T& text, N name, const S&) { text.Line(name, sizeof(void*) * 8); }},
    {"monotonic_clock", [](T& text, N name, const S&) { text.Line(name, "POSIX clock_gettime"); }},
    {"multiplexing_api", [](T& text, N name, const S&) { text.Line(name, "epoll"); }},
    {"atomicvar_api", [](T& text, N name, const S&) { text.Line(name, "c11-builtin"); }},
    {"gcc_version", [](T& text, N name, const S&) { text.Line(name, CompilerVersion()); }},
    {"process_id", [](T& text, N name, const S&) { text.Line(name, getpid()); }},
    {"process_supervised",
     [](T& text, N name, const S& source) { text.Line(name, SupervisionName(source.config.supervised)); }},
    {"run_id", [](T& text, N name, const S& source) { text.Line(name, source.parts.state->identity.run_id); }},
    {"tcp_port",
     [](T& text, N name, const S& source) {
       text.Line(name, source.config.port != 0 ? source.config.port : source.config.tls_port);
     }},
    {"server_time_usec", [](T& text, N name, const S& source) { text.Line(name, source.now_us); }},
    {"uptime_in_seconds", [](T& text, N name, const S& source) { text.Line(name, UptimeSeconds(source)); }},
    {"uptime_in_days", [](T& text, N name, const S& source) { text.Line(name, UptimeSeconds(source) / 86400); }},
    {"hz", [](T& text, N name, const S& source) { text.Line(name, source.config.hz); }},
    {"configured_hz", [](T& text, N name, const S& source) { text.Line(name, source.config.hz); }},
    {"lru_clock", [](T& text, N name, const S& source) { text.Line(name, (source.now_us / 1000000) & 0xFFFFFF); }},
    {"executable", [](T& text, N name, const S& source) { text.Line(name, source.parts.state->identity.executable); }},
    {"config_file", [](T& text, N name, const S& source) { text.Line(name, source.parts.config->FilePath()); }},
    {"io_threads_active", [](T& text, N name, const S& source) { text.Line(name, source.config.io_threads > 1); }},
    {"io_threads", [](T& text, N name, const S& source) { text.Line(name, source.config.io_threads); }},
    {"io_uring_workers",
     [](T& text, N name, const S& source) { text.Line(name, source.parts.stats->Sum(&WorkerStats::io_uring_open)); }},
    {"shards", [](T& text, N name, const S& source) { text.Line(name, source.parts.keyspace->shard_count()); }},
};

constexpr InfoField kClients[] = {
    {"connected_clients", [](T& text, N name, const S& source) { text.Line(name, source.parts.clients->Count()); }},
    {"cluster_connections", [](T& text, N name, const S&) { text.Line(name, 0); }},
    {"maxclients", [](T& text, N name, const S& source) { text.Line(name, source.config.maxclients); }},
    {"client_recent_max_input_buffer",
     [](T& text, N name, const S& source) {
       text.Line(name, source.parts.stats->Largest(&WorkerStats::input_buffer_bytes_max));
     }},
    {"client_recent_max_output_buffer",
     [](T& text, N name, const S& source) {
       text.Line(name, source.parts.stats->Largest(&WorkerStats::output_buffer_bytes_max));
     }},
    {"blocked_clients",
     [](T& text, N name, const S& source) { text.Line(name, source.parts.state->clients_blocked.load()); }},
    {"tracking_clients",
     [](T& text, N name, const S& source) { text.Line(name, source.parts.tracking->ClientCount()); }},
    {"pubsub_clients", [](T& text, N name, const S& source) { text.Line(name, source.parts.pubsub->ClientCount()); }},
    {"watching_clients",
     [](T& text, N name, const S& source) { text.Line(name, source.parts.watches->client_count()); }},
    {"clients_in_timeout_table",
     [](T& text, N name, const S& source) { text.Line(name, source.parts.waits->DeadlineCount()); }},
    {"total_watched_keys",
     [](T& text, N name, const S& source) { text.Line(name, source.parts.watches->key_count()); }},
    {"total_blocking_keys", [](T& text, N name, const S& source) { text.Line(name, source.parts.waits->KeyCount()); }},
    {"total_blocking_keys_on_nokey",
     [](T& text, N name, const S& source) { text.Line(name, source.parts.waits->KeyCountOnNoKey()); }},
};

// A primary without replicas, as every node is until replication is built.
constexpr InfoField kReplication[] = {
    {"role", [](T& text, N name, const S&) { text.Line(name, "master"); }},
    {"connected_slaves", [](T& text, N name, const S&) { text.Line(name, 0); }},
    {"master_failover_state", [](T& text, N name, const S&) { text.Line(name, "no-failover"); }},
    {"master_replid",
     [](T& text, N name, const S& source) { text.Line(name, source.parts.state->identity.replication_id); }},
    {"master_replid2", [](T& text, N name, const S&) { text.Line(name, std::string(40, '0')); }},
    {"master_repl_offset", [](T& text, N name, const S&) { text.Line(name, 0); }},
    {"second_repl_offset", [](T& text, N name, const S&) { text.Line(name, -1); }},
    {"repl_backlog_active", [](T& text, N name, const S&) { text.Line(name, 0); }},
    {"repl_backlog_size", [](T& text, N name, const S& source) { text.Line(name, source.config.repl_backlog_size); }},
    {"repl_backlog_first_byte_offset", [](T& text, N name, const S&) { text.Line(name, 0); }},
    {"repl_backlog_histlen", [](T& text, N name, const S&) { text.Line(name, 0); }},
};

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

rusage UsageOf(int who) {
  rusage usage{};
  getrusage(who, &usage);
  return usage;
}

constexpr InfoField kCpu[] = {
    {"used_cpu_sys", [](T& text, N name, const S&) { text.Fixed(name, Seconds(UsageOf(RUSAGE_SELF).ru_stime), 6); }},
    {"used_cpu_user", [](T& text, N name, const S&) { text.Fixed(name, Seconds(UsageOf(RUSAGE_SELF).ru_utime), 6); }},
    {"used_cpu_sys_children",
     [](T& text, N name, const S&) { text.Fixed(name, Seconds(UsageOf(RUSAGE_CHILDREN).ru_stime), 6); }},
    {"used_cpu_user_children",
     [](T& text, N name, const S&) { text.Fixed(name, Seconds(UsageOf(RUSAGE_CHILDREN).ru_utime), 6); }},
    {"used_cpu_sys_main_thread",
     [](T& text, N name, const S&) { text.Fixed(name, Seconds(UsageOf(RUSAGE_THREAD).ru_stime), 6); }},
    {"used_cpu_user_main_thread",
     [](T& text, N name, const S&) { text.Fixed(name, Seconds(UsageOf(RUSAGE_THREAD).ru_utime), 6); }},
};

}  // namespace

std::span<const InfoField> ServerFields() { return kServer; }
std::span<const InfoField> ClientFields() { return kClients; }
std::span<const InfoField> ReplicationFields() { return kReplication; }
std::span<const InfoField> CpuFields() { return kCpu; }

void WriteKeyspace(InfoText& text, const InfoSource& source) {
  Keyspace& keyspace = *source.parts.keyspace;
  for (uint32_t db = 0; db < keyspace.database_count(); ++db) {
    const uint64_t keys = keyspace.KeyCount(db);
    if (keys == 0) continue;
    std::string value = "keys=";
    AppendUint64(value, keys);
    value.append(",expires=");
    AppendUint64(value, keyspace.VolatileCount(db));
    value.append(",avg_ttl=");
    // While a data set loads, its threads own the tables.
    const bool may_sample = !source.load.loading;
    AppendUint64(value, may_sample
                            ? keyspace.AverageTtlMs(db, source.now_us / 1000, ThreadRandom(), Locking::kTakeShardLocks)
                            : 0);
    if (source.config.engine_version.AtLeast(7, 4)) {
      value.append(",subexpiry=");
      AppendUint64(value, keyspace.FieldExpiryCount(db));
    }
    text.Line("db" + std::to_string(db), value);
  }
}

}  // namespace cachenode::info
