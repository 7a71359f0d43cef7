// Rows of the option table: parts that are not built yet, see config_unbuilt.h.
#include "server/config/option_enums.h"
#include "server/config/option_row.h"

namespace cachenode {
namespace {

constexpr OptionSpec kRows[] = {
    // The append-only file.
    Bool<&Config::appendonly>("appendonly", "no")
        .Flags(kOptionDenyLoading | kOptionNeedsFeature)
        .Applies(ApplyGroup::kAppendOnly)
        .Of(Feature::kAppendOnly),
    Text<&Config::appendfilename>("appendfilename", "appendonly.aof")
        .Flags(kOptionImmutable)
        .Applies(ApplyGroup::kAppendOnly)
        .Of(Feature::kAppendOnly)
        .RefusedBy(RefuseAppendFilename),
    Text<&Config::appenddirname>("appenddirname", "appendonlydir")
        .Flags(kOptionImmutable)
        .Applies(ApplyGroup::kAppendOnly)
        .Of(Feature::kAppendOnly)
        .RefusedBy(RefuseAppendDirname),
    Enum<&Config::appendfsync>("appendfsync", "everysec", kAppendFsyncNames)
        .Applies(ApplyGroup::kAppendOnly)
        .Of(Feature::kAppendOnly),
    Bool<&Config::no_appendfsync_on_rewrite>("no-appendfsync-on-rewrite", "no")
        .Applies(ApplyGroup::kAppendOnly)
        .Of(Feature::kAppendOnly),
    Integer<&Config::auto_aof_rewrite_percentage>("auto-aof-rewrite-percentage", "100", {0, kInt32Max})
        .In(Unit::kPercent)
        .Applies(ApplyGroup::kAppendOnly)
        .Of(Feature::kAppendOnly),
    Memory<&Config::auto_aof_rewrite_min_size>("auto-aof-rewrite-min-size", "67108864", {0, kInt64Max})
        .Applies(ApplyGroup::kAppendOnly)
        .Of(Feature::kAppendOnly),
    Bool<&Config::aof_load_truncated>("aof-load-truncated", "yes")
        .Applies(ApplyGroup::kAppendOnly)
        .Of(Feature::kAppendOnly),
    Bool<&Config::aof_use_rdb_preamble>("aof-use-rdb-preamble", "yes")
        .Applies(ApplyGroup::kAppendOnly)
        .Of(Feature::kAppendOnly),
    Bool<&Config::aof_rewrite_incremental_fsync>("aof-rewrite-incremental-fsync", "yes")
        .Applies(ApplyGroup::kAppendOnly)
        .Of(Feature::kAppendOnly),
    Bool<&Config::aof_timestamp_enabled>("aof-timestamp-enabled", "no")
        .Applies(ApplyGroup::kAppendOnly)
        .Of(Feature::kAppendOnly),
    Bool<&Config::aof_disable_auto_gc>("aof-disable-auto-gc", "no")
        .Applies(ApplyGroup::kAppendOnly)
        .Of(Feature::kAppendOnly),

    // Primaries and replicas.
    Special("replicaof", "", kReplicaof)
        .Alias("slaveof")
        .Flags(kOptionImmutable | kOptionManyWords | kOptionNeedsFeature)
        .Applies(ApplyGroup::kReplication)
        .Of(Feature::kReplication),
    Text<&Config::masterauth>("masterauth", "")
        .NewerAlias("primaryauth")
        .Flags(kOptionSensitive)
        .Applies(ApplyGroup::kReplication)
        .Of(Feature::kReplication),
    Text<&Config::masteruser>("masteruser", "")
        .NewerAlias("primaryuser")
        .Flags(kOptionSensitive)
        .Applies(ApplyGroup::kReplication)
        .Of(Feature::kReplication),
    Bool<&Config::replica_serve_stale_data>("replica-serve-stale-data", "yes")
        .Alias("slave-serve-stale-data")
        .Applies(ApplyGroup::kReplication)
        .Of(Feature::kReplication),
    Bool<&Config::replica_read_only>("replica-read-only", "yes")
        .Alias("slave-read-only")
        .Applies(ApplyGroup::kReplication)
        .Of(Feature::kReplication),
    Bool<&Config::replica_ignore_maxmemory>("replica-ignore-maxmemory", "yes")
        .Alias("slave-ignore-maxmemory")
        .Applies(ApplyGroup::kReplication)
        .Of(Feature::kReplication),
    Bool<&Config::replica_lazy_flush>("replica-lazy-flush", "no")
        .Alias("slave-lazy-flush")
        .Applies(ApplyGroup::kReplication)
        .Of(Feature::kReplication),
    Integer<&Config::replica_priority>("replica-priority", "100", {0, kInt32Max})
        .Alias("slave-priority")
        .Applies(ApplyGroup::kReplication)
        .Of(Feature::kReplication),
    Bool<&Config::replica_announced>("replica-announced", "yes")
        .Applies(ApplyGroup::kReplication)
        .Of(Feature::kReplication),
    Text<&Config::replica_announce_ip>("replica-announce-ip", "")
        .Alias("slave-announce-ip")
        .Applies(ApplyGroup::kReplication)
        .Of(Feature::kReplication),
    Integer<&Config::replica_announce_port>("replica-announce-port", "0", {0, 65535})
        .Alias("slave-announce-port")
        .Applies(ApplyGroup::kReplication)
        .Of(Feature::kReplication),
    Bool<&Config::replica_ignore_disk_write_errors>("replica-ignore-disk-write-errors", "no")
        .Applies(ApplyGroup::kReplication)
        .Of(Feature::kReplication),
    Bool<&Config::repl_diskless_sync>("repl-diskless-sync", "yes")
        .Applies(ApplyGroup::kReplication)
        .Of(Feature::kReplication),
    Integer<&Config::repl_diskless_sync_delay>("repl-diskless-sync-delay", "5", {0, kInt32Max})
        .In(Unit::kSeconds)
        .Applies(ApplyGroup::kReplication)
        .Of(Feature::kReplication),
    Integer<&Config::repl_diskless_sync_max_replicas>("repl-diskless-sync-max-replicas", "0", {0, kInt32Max})
        .Applies(ApplyGroup::kReplication)
        .Of(Feature::kReplication),
    Enum<&Config::repl_diskless_load>("repl-diskless-load", "disabled", kDisklessLoadNames)
        .Flags(kOptionDenyLoading)
        .Applies(ApplyGroup::kReplication)
        .Of(Feature::kReplication),
    Bool<&Config::repl_disable_tcp_nodelay>("repl-disable-tcp-nodelay", "no")
        .Applies(ApplyGroup::kReplication)
        .Of(Feature::kReplication),
    Memory<&Config::repl_backlog_size>("repl-backlog-size", "1048576", {1, kInt64Max})
        .Applies(ApplyGroup::kReplication)
        .Of(Feature::kReplication),
    Integer<&Config::repl_backlog_ttl>("repl-backlog-ttl", "3600", {0, kInt64Max})
        .In(Unit::kSeconds)
        .Applies(ApplyGroup::kReplication)
        .Of(Feature::kReplication),
    Integer<&Config::repl_timeout>("repl-timeout", "60", {1, kInt32Max})
        .In(Unit::kSeconds)
        .Applies(ApplyGroup::kReplication)
        .Of(Feature::kReplication),
    Integer<&Config::repl_ping_replica_period>("repl-ping-replica-period", "10", {1, kInt32Max})
        .Alias("repl-ping-slave-period")
        .In(Unit::kSeconds)
        .Applies(ApplyGroup::kReplication)
        .Of(Feature::kReplication),
    Enum<&Config::propagation_error_behavior>("propagation-error-behavior", "ignore", kPropagationErrorNames)
        .Applies(ApplyGroup::kReplication)
        .Of(Feature::kReplication),

    // Cluster mode.
    Bool<&Config::cluster_allow_pubsubshard_when_down>("cluster-allow-pubsubshard-when-down", "yes")
        .NewerAlias("cluster-allow-pubsub-shard-when-down")
        .Of(Feature::kCluster),
    Bool<&Config::cluster_allow_reads_when_down>("cluster-allow-reads-when-down", "no").Of(Feature::kCluster),
    Bool<&Config::cluster_allow_replica_migration>("cluster-allow-replica-migration", "yes").Of(Feature::kCluster),
    Integer<&Config::cluster_announce_bus_port>("cluster-announce-bus-port", "0", {0, 65535}).Of(Feature::kCluster),
    Text<&Config::cluster_announce_hostname>("cluster-announce-hostname", "")
        .Of(Feature::kCluster)
        .RefusedBy(RefuseHostname),
    Text<&Config::cluster_announce_ip>("cluster-announce-ip", "").Of(Feature::kCluster),
    Integer<&Config::cluster_announce_port>("cluster-announce-port", "0", {0, 65535}).Of(Feature::kCluster),
    Integer<&Config::cluster_announce_tls_port>("cluster-announce-tls-port", "0", {0, 65535}).Of(Feature::kCluster),
    Text<&Config::cluster_config_file>("cluster-config-file", "nodes.conf")
        .Flags(kOptionImmutable)
        .Of(Feature::kCluster),
    Bool<&Config::cluster_enabled>("cluster-enabled", "no")
        .Flags(kOptionImmutable | kOptionNeedsFeature)
        .Of(Feature::kCluster),
    Unsigned<&Config::cluster_link_sendbuf_limit>("cluster-link-sendbuf-limit", "0").Of(Feature::kCluster),
    Integer<&Config::cluster_migration_barrier>("cluster-migration-barrier", "1", {0, kInt32Max}).Of(Feature::kCluster),
    Integer<&Config::cluster_node_timeout>("cluster-node-timeout", "15000", {0, kInt64Max})
        .In(Unit::kMilliseconds)
        .Of(Feature::kCluster),
    Integer<&Config::cluster_port>("cluster-port", "0", {0, 65535}).Flags(kOptionImmutable).Of(Feature::kCluster),
    Enum<&Config::cluster_preferred_endpoint_type>("cluster-preferred-endpoint-type", "ip", kEndpointTypeNames)
        .Of(Feature::kCluster),
    Bool<&Config::cluster_replica_no_failover>("cluster-replica-no-failover", "no")
        .Alias("cluster-slave-no-failover")
        .Of(Feature::kCluster),
    Integer<&Config::cluster_replica_validity_factor>("cluster-replica-validity-factor", "10", {0, kInt32Max})
        .Alias("cluster-slave-validity-factor")
        .Of(Feature::kCluster),
    Bool<&Config::cluster_require_full_coverage>("cluster-require-full-coverage", "yes").Of(Feature::kCluster),
    Text<&Config::cluster_announce_human_nodename>("cluster-announce-human-nodename", "")
        .Flags(kOptionOurs)
        .Of(Feature::kCluster),
};

}  // namespace

std::span<const OptionSpec> UnbuiltOptionRows() { return kRows; }

}  // namespace cachenode
