// Rows of the option table: network, clients, process and log.
#include "server/config/option_enums.h"
#include "server/config/option_row.h"

namespace cachenode {
namespace {

constexpr OptionSpec kRows[] = {
    // Where the node listens and how long it waits for clients.
    Integer<&Config::port>("port", "6379", {0, 65535}).Applies(ApplyGroup::kListeners),
    Special("bind", "* -::*", kBind).Flags(kOptionManyWords).Applies(ApplyGroup::kListeners),
    Text<&Config::bind_source_addr>("bind-source-addr", ""),
    Text<&Config::unixsocket>("unixsocket", "").Flags(kOptionImmutable),
    Octal<&Config::unixsocketperm>("unixsocketperm", "0", {0, 0777}).Flags(kOptionImmutable),
    Text<&Config::unixsocketgroup>("unixsocketgroup", "").Flags(kOptionImmutable | kOptionOurs),
    Integer<&Config::tcp_backlog>("tcp-backlog", "511", {0, kInt32Max}).Flags(kOptionImmutable),
    Integer<&Config::tcp_keepalive>("tcp-keepalive", "300", {0, kInt32Max})
        .In(Unit::kSeconds)
        .Applies(ApplyGroup::kClients),
    Integer<&Config::timeout>("timeout", "0", {0, kInt32Max}).In(Unit::kSeconds).Applies(ApplyGroup::kClients),
    Bool<&Config::protected_mode>("protected-mode", "yes"),
    Special("allow-cidr", "", kAllowCidr).Flags(kOptionManyWords | kOptionOurs),
    Integer<&Config::maxclients>("maxclients", "10000", {1, kUint32Max})
        .In(Unit::kItems)
        .Applies(ApplyGroup::kClientLimit),
    Integer<&Config::socket_mark_id>("socket-mark-id", "0", {0, kUint32Max}).Flags(kOptionImmutable),
    Integer<&Config::max_new_connections_per_cycle>("max-new-connections-per-cycle", "10", {1, 1000})
        .Flags(kOptionOurs),
    Integer<&Config::metrics_port>("metrics-port", "0", {0, 65535}).Flags(kOptionOurs).Applies(ApplyGroup::kMetrics),
    Text<&Config::metrics_bind>("metrics-bind", "127.0.0.1").Flags(kOptionOurs).Applies(ApplyGroup::kMetrics),
    Integer<&Config::client_turn_us>("client-turn-us", "200", {20, 1000000})
        .Flags(kOptionOurs | kOptionImmutable)
        .In(Unit::kMicroseconds),
    Bool<&Config::io_uring>("io-uring", "yes").Flags(kOptionOurs | kOptionImmutable),

    // What clients may do and how much memory they may hold.
    Text<&Config::requirepass>("requirepass", "").Flags(kOptionSensitive).Applies(ApplyGroup::kAuthentication),
    Special("client-output-buffer-limit", "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
            kClientOutputBufferLimit)
        .Flags(kOptionManyWords)
        .Applies(ApplyGroup::kClients),
    Memory<&Config::client_query_buffer_limit>("client-query-buffer-limit", "1073741824", {1048576, kInt64Max})
        .Applies(ApplyGroup::kClients),
    Memory<&Config::proto_max_bulk_len>("proto-max-bulk-len", "536870912", {1048576, kInt64Max})
        .Applies(ApplyGroup::kClients),
    MemoryOrPercent<&Config::maxmemory_clients>("maxmemory-clients", "0", {-100, kInt64Max})
        .Applies(ApplyGroup::kClients),
    Integer<&Config::tracking_table_max_keys>("tracking-table-max-keys", "1000000", {0, kInt64Max}).In(Unit::kItems),
    Enum<&Config::acl_pubsub_default>("acl-pubsub-default", "resetchannels", kChannelsDefaultNames),
    Integer<&Config::acllog_max_len>("acllog-max-len", "128", {0, kInt64Max}).In(Unit::kItems),
    Text<&Config::aclfile>("aclfile", "").Flags(kOptionImmutable),
    Enum<&Config::enable_debug_command>("enable-debug-command", "no", kAccessNames).Flags(kOptionImmutable),
    Enum<&Config::enable_module_command>("enable-module-command", "no", kAccessNames).Flags(kOptionImmutable),
    Enum<&Config::enable_protected_configs>("enable-protected-configs", "no", kAccessNames).Flags(kOptionImmutable),
    Integer<&Config::min_replicas_to_write>("min-replicas-to-write", "0", {0, kInt32Max})
        .Alias("min-slaves-to-write")
        .Applies(ApplyGroup::kReplication),
    Integer<&Config::min_replicas_max_lag>("min-replicas-max-lag", "10", {0, kInt32Max})
        .Alias("min-slaves-max-lag")
        .In(Unit::kSeconds)
        .Applies(ApplyGroup::kReplication),
    Integer<&Config::busy_reply_threshold>("busy-reply-threshold", "5000", {0, kInt64Max})
        .Alias("lua-time-limit")
        .In(Unit::kMilliseconds)
        .Of(Feature::kScripting),
    Bool<&Config::lua_enable_deprecated_api>("lua-enable-deprecated-api", "no")
        .Flags(kOptionImmutable | kOptionHidden)
        .Of(Feature::kScripting),

    // The process among the other processes of the machine.
    Bool<&Config::daemonize>("daemonize", "no").Flags(kOptionImmutable),
    Enum<&Config::supervised>("supervised", "no", kSupervisedNames).Flags(kOptionImmutable),
    Text<&Config::pidfile>("pidfile", "").Flags(kOptionImmutable),
    Special("dir", "", kDir).Flags(kOptionProtected | kOptionDenyLoading).Applies(ApplyGroup::kDirectory),
    Bool<&Config::set_proc_title>("set-proc-title", "yes").Flags(kOptionImmutable),
    Text<&Config::proc_title_template>("proc-title-template", "{title} {listen-addr} {server-mode}")
        .Applies(ApplyGroup::kProcessTitle)
        .RefusedBy(RefuseTitleTemplate),
    Bool<&Config::always_show_logo>("always-show-logo", "no").Flags(kOptionImmutable),
    Bool<&Config::disable_thp>("disable-thp", "yes").Flags(kOptionImmutable),
    Enum<&Config::oom_score_adj>("oom-score-adj", "no", kOomScoreNames).Applies(ApplyGroup::kOomScore),
    Special("oom-score-adj-values", "0 200 800", kOomScoreAdjValues)
        .Flags(kOptionManyWords)
        .Applies(ApplyGroup::kOomScore),
    Bool<&Config::crash_log_enabled>("crash-log-enabled", "yes")
        .Applies(ApplyGroup::kWatchdog)
        .Of(Feature::kCrashReport),
    Bool<&Config::crash_memcheck_enabled>("crash-memcheck-enabled", "yes").Of(Feature::kCrashReport),
    Bool<&Config::use_exit_on_panic>("use-exit-on-panic", "no").Flags(kOptionHidden).Applies(ApplyGroup::kWatchdog),
    Integer<&Config::watchdog_period>("watchdog-period", "0", {0, kInt32Max})
        .Flags(kOptionHidden)
        .In(Unit::kMilliseconds)
        .Applies(ApplyGroup::kWatchdog)
        .Of(Feature::kCrashReport),
    Text<&Config::ignore_warnings>("ignore-warnings", ""),
    Integer<&Config::shutdown_timeout>("shutdown-timeout", "10", {0, kInt32Max}).In(Unit::kSeconds),
    EnumList<&Config::shutdown_on_sigint>("shutdown-on-sigint", "default", kShutdownNames).Flags(kOptionManyWords),
    EnumList<&Config::shutdown_on_sigterm>("shutdown-on-sigterm", "default", kShutdownNames).Flags(kOptionManyWords),
    Text<&Config::server_cpulist>("server_cpulist", "")
        .NewerAlias("server-cpulist")
        .Flags(kOptionImmutable)
        .Of(Feature::kCpuPinning),
    Text<&Config::bio_cpulist>("bio_cpulist", "")
        .NewerAlias("bio-cpulist")
        .Flags(kOptionImmutable)
        .Of(Feature::kCpuPinning),
    Text<&Config::aof_rewrite_cpulist>("aof_rewrite_cpulist", "")
        .NewerAlias("aof-rewrite-cpulist")
        .Flags(kOptionImmutable)
        .Of(Feature::kCpuPinning),
    Text<&Config::bgsave_cpulist>("bgsave_cpulist", "")
        .NewerAlias("bgsave-cpulist")
        .Flags(kOptionImmutable)
        .Of(Feature::kCpuPinning),
    Text<&Config::locale_collate>("locale-collate", "").Flags(kOptionOurs),
    Text<&Config::availability_zone>("availability-zone", "").Flags(kOptionOurs),
    Special("engine-version", "7.4", kEngineVersion).Flags(kOptionImmutable | kOptionOurs),

    // What is written down about the running node.
    Enum<&Config::loglevel>("loglevel", "notice", kLogLevelNames).Applies(ApplyGroup::kLogging),
    Text<&Config::logfile>("logfile", "").Flags(kOptionImmutable),
    Bool<&Config::syslog_enabled>("syslog-enabled", "no").Flags(kOptionImmutable),
    Text<&Config::syslog_ident>("syslog-ident", "redis").Flags(kOptionImmutable),
    Enum<&Config::syslog_facility>("syslog-facility", "local0", kSyslogFacilityNames).Flags(kOptionImmutable),
    Bool<&Config::hide_user_data_from_log>("hide-user-data-from-log", "no").Flags(kOptionOurs),
    Integer<&Config::slowlog_log_slower_than>("slowlog-log-slower-than", "10000", {-1, kInt64Max})
        .NewerAlias("commandlog-execution-slower-than")
        .In(Unit::kMicroseconds)
        .Applies(ApplyGroup::kSlowlog),
    Integer<&Config::slowlog_max_len>("slowlog-max-len", "128", {0, kInt64Max})
        .NewerAlias("commandlog-slow-execution-max-len")
        .In(Unit::kItems)
        .Applies(ApplyGroup::kSlowlog),
    Integer<&Config::commandlog_request_larger_than>("commandlog-request-larger-than", "1048576", {-1, kInt64Max})
        .Flags(kOptionOurs)
        .In(Unit::kBytes)
        .Applies(ApplyGroup::kSlowlog),
    Integer<&Config::commandlog_reply_larger_than>("commandlog-reply-larger-than", "1048576", {-1, kInt64Max})
        .Flags(kOptionOurs)
        .In(Unit::kBytes)
        .Applies(ApplyGroup::kSlowlog),
    Integer<&Config::commandlog_large_request_max_len>("commandlog-large-request-max-len", "128", {0, kInt64Max})
        .Flags(kOptionOurs)
        .In(Unit::kItems)
        .Applies(ApplyGroup::kSlowlog),
    Integer<&Config::commandlog_large_reply_max_len>("commandlog-large-reply-max-len", "128", {0, kInt64Max})
        .Flags(kOptionOurs)
        .In(Unit::kItems)
        .Applies(ApplyGroup::kSlowlog),
    Integer<&Config::latency_monitor_threshold>("latency-monitor-threshold", "0", {0, kInt64Max})
        .In(Unit::kMilliseconds)
        .Applies(ApplyGroup::kLatency),
    Bool<&Config::latency_tracking>("latency-tracking", "yes").Applies(ApplyGroup::kLatency),
    Special("latency-tracking-info-percentiles", "50 99 99.9", kLatencyTrackingInfoPercentiles)
        .Flags(kOptionManyWords)
        .Applies(ApplyGroup::kLatency),
};

}  // namespace

std::span<const OptionSpec> ServerOptionRows() { return kRows; }

}  // namespace cachenode
