// The values of all options: one field per row of the option table, named after the option with underscores.
//
// Thread-safety: a value. The running node's Config is immutable and swapped; server/config/config_store.h says who
//   may read it when. Units are the option's own (bytes, seconds, ...) and stand in the option table.
// Invariant: a Config made by DefaultConfig, a loader or a ConfigStore holds only values its rows allow; a default
//   constructed one is all zero and good for nothing but being filled.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "persistence/s3/s3_options.h"
#include "server/config/address_ranges.h"
#include "server/config/config_unbuilt.h"
#include "server/config/engine_version.h"
#include "server/config/node_directives.h"
#include "server/config/notify_directives.h"
#include "server/config/option_types.h"
#include "server/config/snapshot_directives.h"
#include "server/config/tls_directives.h"
#include "storage/base/log.h"

namespace cachenode {

// Where the node listens and how long it waits for clients.
struct NetworkDirectives {
  int64_t port = 0;
  std::vector<std::string> bind;  // As written: "*", "-::1", "10.0.0.1".
  std::string bind_source_addr;
  std::string unixsocket;
  int64_t unixsocketperm = 0;  // Mode bits; 0: by umask.
  std::string unixsocketgroup;
  int64_t tcp_backlog = 0;
  int64_t tcp_keepalive = 0;  // Seconds; 0: off.
  int64_t timeout = 0;        // Seconds; 0: never.
  bool protected_mode = false;
  AddressRanges allow_cidr;  // Where clients may sit; empty: anywhere.
  int64_t maxclients = 0;
  int64_t socket_mark_id = 0;
  int64_t max_new_connections_per_cycle = 0;
  int64_t metrics_port = 0;    // 0: no monitoring over HTTP.
  std::string metrics_bind;    // One address.
  int64_t client_turn_us = 0;  // Microseconds a client may use before the others get their turn.
  bool io_uring = false;       // Receive and send for many clients in one system call, where the kernel lets us.
};

// What clients may do and how much memory they may hold.
struct ClientDirectives {
  std::string requirepass;                                                        // Empty: no password.
  std::array<OutputBufferLimit, kOutputClassCount> client_output_buffer_limit{};  // By OutputClass.
  int64_t client_query_buffer_limit = 0;
  int64_t proto_max_bulk_len = 0;
  int64_t maxmemory_clients = 0;  // Bytes; negative: per cent of maxmemory.
  int64_t tracking_table_max_keys = 0;
  ChannelsDefault acl_pubsub_default{};
  int64_t acllog_max_len = 0;
  std::string aclfile;
  DangerousAccess enable_debug_command{};
  DangerousAccess enable_module_command{};
  DangerousAccess enable_protected_configs{};
  int64_t busy_reply_threshold = 0;  // Milliseconds.
  bool lua_enable_deprecated_api = false;
  // Writes need so many replicas, none of them so many seconds behind; 0: none. See LacksReplicas.
  int64_t min_replicas_to_write = 0;
  int64_t min_replicas_max_lag = 0;
};

// The process among the other processes of the machine.
struct ProcessDirectives {
  bool daemonize = false;
  Supervision supervised{};
  std::string pidfile;
  std::string dir;  // Absolute path.
  bool set_proc_title = false;
  std::string proc_title_template;
  bool always_show_logo = false;
  bool disable_thp = false;
  OomScoreMode oom_score_adj{};
  std::array<int32_t, 3> oom_score_adj_values{};  // Primary, replica, child.
  bool crash_log_enabled = false;
  bool crash_memcheck_enabled = false;
  bool use_exit_on_panic = false;
  int64_t watchdog_period = 0;  // Milliseconds; 0: off.
  std::string ignore_warnings;
  int64_t shutdown_timeout = 0;      // Seconds.
  uint32_t shutdown_on_sigint = 0;   // ShutdownFlag bits.
  uint32_t shutdown_on_sigterm = 0;  // ShutdownFlag bits.
  std::string server_cpulist;
  std::string bio_cpulist;
  std::string aof_rewrite_cpulist;
  std::string bgsave_cpulist;
  std::string locale_collate;
  std::string availability_zone;
  EngineVersion engine_version;
};

// What is written down about the running node.
struct LogDirectives {
  LogLevel loglevel{};
  std::string logfile;
  bool syslog_enabled = false;
  std::string syslog_ident;
  SyslogFacility syslog_facility{};
  bool hide_user_data_from_log = false;
  int64_t slowlog_log_slower_than = 0;  // Microseconds; -1: never.
  int64_t slowlog_max_len = 0;
  int64_t commandlog_request_larger_than = -1;  // Bytes; -1: never.
  int64_t commandlog_reply_larger_than = -1;    // Bytes; -1: never.
  int64_t commandlog_large_request_max_len = 0;
  int64_t commandlog_large_reply_max_len = 0;
  int64_t latency_monitor_threshold = 0;  // Milliseconds; 0: off.
  bool latency_tracking = false;
  std::vector<double> latency_tracking_info_percentiles;
};

// Databases, workers, memory limit, expiry and eviction.
struct KeyspaceDirectives {
  int64_t databases = 0;
  int64_t io_threads = 0;  // Workers.
  bool io_threads_do_reads = false;
  int64_t hz = 0;  // 1 to 500.
  bool dynamic_hz = false;
  uint64_t maxmemory = 0;  // Bytes; 0: none.
  EvictionPolicy maxmemory_policy{};
  int64_t maxmemory_samples = 0;
  int64_t maxmemory_eviction_tenacity = 0;
  int64_t lfu_log_factor = 0;
  int64_t lfu_decay_time = 0;  // Minutes.
  int64_t active_expire_effort = 0;
  bool activerehashing = false;
  bool activedefrag = false;
  int64_t active_defrag_cycle_max = 0;
  int64_t active_defrag_cycle_min = 0;
  int64_t active_defrag_ignore_bytes = 0;
  int64_t active_defrag_max_scan_fields = 0;
  int64_t active_defrag_threshold_lower = 0;
  int64_t active_defrag_threshold_upper = 0;
  bool jemalloc_bg_thread = false;
  bool lazyfree_lazy_eviction = false;
  bool lazyfree_lazy_expire = false;
  bool lazyfree_lazy_server_del = false;
  bool lazyfree_lazy_user_del = false;
  bool lazyfree_lazy_user_flush = false;
  uint32_t notify_keyspace_events = 0;  // NotifyFlag bits.
  int64_t arena_reserve = 0;            // Bytes of address space per shard; 0: by the machine.
  bool arena_huge_pages = false;        // See HugePageWork.
};

// Up to which size a value keeps its compact form.
struct EncodingDirectives {
  int64_t hash_max_listpack_entries = 0;
  int64_t hash_max_listpack_value = 0;
  int64_t list_max_listpack_size = 0;  // Elements; -1 to -5: 4 to 64 KB.
  int64_t list_compress_depth = 0;
  int64_t set_max_intset_entries = 0;
  int64_t set_max_listpack_entries = 0;
  int64_t set_max_listpack_value = 0;  // Bytes.
  int64_t zset_max_listpack_entries = 0;
  int64_t zset_max_listpack_value = 0;
  int64_t hll_sparse_max_bytes = 0;
  int64_t stream_node_max_bytes = 0;
  int64_t stream_node_max_entries = 0;
};

// When, how and where data sets are saved and loaded.
struct SnapshotDirectives {
  std::vector<SavePoint> save;
  std::string dbfilename;
  bool rdbcompression = false;
  bool rdbchecksum = false;
  bool rdb_del_sync_files = false;
  bool rdb_save_incremental_fsync = false;
  int64_t rdb_key_save_delay = 0;  // Microseconds; negative: saves per microsecond.
  int64_t key_load_delay = 0;      // Microseconds; negative: loads per microsecond.
  int64_t loading_process_events_interval_bytes = 0;
  SanitizePayload sanitize_dump_payload{};
  bool stop_writes_on_bgsave_error = false;
  RdbVersionCheck rdb_version_check{};
  RdbVersionChoice rdb_version{};
  int64_t snapshot_max_seconds = 0;  // Seconds; 0: no upper limit.
};

// Where a data set is restored from at the start, and how the store is reached (persistence/s3/s3_options.h).
struct S3Directives {
  std::string s3_snapshot_location;  // arn:aws:s3:::bucket/key, s3://bucket/key, bucket/key; empty: none.
  std::string s3_endpoint;
  std::string s3_region;
  S3PathStyle s3_path_style{};
  std::string s3_profile;
  std::string s3_access_key_id;
  std::string s3_secret_access_key;
  std::string s3_session_token;
  bool s3_anonymous = false;
  bool s3_request_payer = false;
  std::string s3_expected_bucket_owner;
  std::string s3_server_side_encryption;
  std::string s3_sse_kms_key_id;
  std::string s3_storage_class;
  std::string s3_ca_file;
  int64_t s3_part_size = 0;
  int64_t s3_parallel_parts = 0;
  int64_t s3_timeout = 0;          // Seconds; 0: no limit.
  int64_t s3_stall_timeout = 0;    // Seconds.
  int64_t s3_connect_timeout = 0;  // Seconds.
  int64_t s3_max_attempts = 0;     // 0: by the environment.
};

struct Config : NetworkDirectives,
                ClientDirectives,
                ProcessDirectives,
                NodeDirectives,
                LogDirectives,
                KeyspaceDirectives,
                EncodingDirectives,
                SnapshotDirectives,
                CatalogueDirectives,
                S3Directives,
                AppendOnlyDirectives,
                ReplicationDirectives,
                ClusterDirectives,
                TlsDirectives,
                NotifyDirectives {};

}  // namespace cachenode
