// Options of parts that are not built yet: they are read, kept, shown and rewritten, so that a configuration file for
// redis-server stays valid, and each moves to config.h with the part that uses it.
//
// Thread-safety: plain values, see config.h.
#pragma once

#include <cstdint>
#include <string>

#include "server/config/option_types.h"

namespace cachenode {

// The append-only file.
struct AppendOnlyDirectives {
  bool appendonly = false;
  std::string appendfilename;
  std::string appenddirname;
  AppendFsync appendfsync{};
  bool no_appendfsync_on_rewrite = false;
  int64_t auto_aof_rewrite_percentage = 0;
  int64_t auto_aof_rewrite_min_size = 0;
  bool aof_load_truncated = false;
  bool aof_use_rdb_preamble = false;
  bool aof_rewrite_incremental_fsync = false;
  bool aof_timestamp_enabled = false;
  bool aof_disable_auto_gc = false;
};

// Primaries and replicas.
struct ReplicationDirectives {
  ReplicaOf replicaof;
  std::string masterauth;
  std::string masteruser;
  bool replica_serve_stale_data = false;
  bool replica_read_only = false;
  bool replica_ignore_maxmemory = false;
  bool replica_lazy_flush = false;
  int64_t replica_priority = 0;
  bool replica_announced = false;
  std::string replica_announce_ip;
  int64_t replica_announce_port = 0;
  bool replica_ignore_disk_write_errors = false;
  bool repl_diskless_sync = false;
  int64_t repl_diskless_sync_delay = 0;
  int64_t repl_diskless_sync_max_replicas = 0;
  DisklessLoad repl_diskless_load{};
  bool repl_disable_tcp_nodelay = false;
  int64_t repl_backlog_size = 0;
  int64_t repl_backlog_ttl = 0;
  int64_t repl_timeout = 0;
  int64_t repl_ping_replica_period = 0;
  PropagationError propagation_error_behavior{};
};

// Cluster mode.
struct ClusterDirectives {
  bool cluster_allow_pubsubshard_when_down = false;
  bool cluster_allow_reads_when_down = false;
  bool cluster_allow_replica_migration = false;
  int64_t cluster_announce_bus_port = 0;
  std::string cluster_announce_hostname;
  std::string cluster_announce_ip;
  int64_t cluster_announce_port = 0;
  int64_t cluster_announce_tls_port = 0;
  std::string cluster_config_file;
  bool cluster_enabled = false;
  uint64_t cluster_link_sendbuf_limit = 0;
  int64_t cluster_migration_barrier = 0;
  int64_t cluster_node_timeout = 0;
  int64_t cluster_port = 0;
  EndpointType cluster_preferred_endpoint_type{};
  bool cluster_replica_no_failover = false;
  int64_t cluster_replica_validity_factor = 0;
  bool cluster_require_full_coverage = false;
  std::string cluster_announce_human_nodename;
};

}  // namespace cachenode
