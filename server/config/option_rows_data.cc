// Rows of the option table: keyspace, encodings, snapshots and the S3 store.
#include "server/config/option_enums.h"
#include "server/config/option_row.h"

namespace cachenode {
namespace {

constexpr uint32_t kS3 = kOptionOurs | kOptionImmutable;

constexpr OptionSpec kRows[] = {
    // Databases, workers, memory limit, expiry and eviction.
    Integer<&Config::databases>("databases", "16", {1, kInt32Max}).Flags(kOptionImmutable).In(Unit::kItems),
    Integer<&Config::io_threads>("io-threads", "1", {1, 128}).Flags(kOptionImmutable),
    Bool<&Config::io_threads_do_reads>("io-threads-do-reads", "no").Flags(kOptionImmutable),
    Integer<&Config::hz>("hz", "10", {0, kInt32Max}).Applies(ApplyGroup::kHertz),
    Bool<&Config::dynamic_hz>("dynamic-hz", "yes").Applies(ApplyGroup::kHertz),
    Unsigned<&Config::maxmemory>("maxmemory", "0").Applies(ApplyGroup::kMemoryLimit),
    Enum<&Config::maxmemory_policy>("maxmemory-policy", "noeviction", kPolicyNames).Applies(ApplyGroup::kMemoryLimit),
    Integer<&Config::maxmemory_samples>("maxmemory-samples", "5", {1, kInt32Max})
        .In(Unit::kItems)
        .Applies(ApplyGroup::kMemoryLimit),
    Integer<&Config::maxmemory_eviction_tenacity>("maxmemory-eviction-tenacity", "10", {0, 100})
        .Applies(ApplyGroup::kMemoryLimit),
    Integer<&Config::lfu_log_factor>("lfu-log-factor", "10", {0, kInt32Max}).Applies(ApplyGroup::kMemoryLimit),
    Integer<&Config::lfu_decay_time>("lfu-decay-time", "1", {0, kInt32Max})
        .In(Unit::kMinutes)
        .Applies(ApplyGroup::kMemoryLimit),
    Integer<&Config::active_expire_effort>("active-expire-effort", "1", {1, 10}).Applies(ApplyGroup::kHertz),
    Bool<&Config::activerehashing>("activerehashing", "yes").Applies(ApplyGroup::kDefrag),
    Bool<&Config::activedefrag>("activedefrag", "no").Applies(ApplyGroup::kDefrag).Of(Feature::kDefrag),
    Integer<&Config::active_defrag_cycle_max>("active-defrag-cycle-max", "25", {1, 99})
        .In(Unit::kPercent)
        .Applies(ApplyGroup::kDefrag)
        .Of(Feature::kDefrag),
    Integer<&Config::active_defrag_cycle_min>("active-defrag-cycle-min", "1", {1, 99})
        .In(Unit::kPercent)
        .Applies(ApplyGroup::kDefrag)
        .Of(Feature::kDefrag),
    Memory<&Config::active_defrag_ignore_bytes>("active-defrag-ignore-bytes", "104857600", {1, kInt64Max})
        .Applies(ApplyGroup::kDefrag)
        .Of(Feature::kDefrag),
    Integer<&Config::active_defrag_max_scan_fields>("active-defrag-max-scan-fields", "1000", {1, kInt64Max})
        .In(Unit::kItems)
        .Applies(ApplyGroup::kDefrag)
        .Of(Feature::kDefrag),
    Integer<&Config::active_defrag_threshold_lower>("active-defrag-threshold-lower", "10", {0, 1000})
        .In(Unit::kPercent)
        .Applies(ApplyGroup::kDefrag)
        .Of(Feature::kDefrag),
    Integer<&Config::active_defrag_threshold_upper>("active-defrag-threshold-upper", "100", {0, 1000})
        .In(Unit::kPercent)
        .Applies(ApplyGroup::kDefrag)
        .Of(Feature::kDefrag),
    Bool<&Config::jemalloc_bg_thread>("jemalloc-bg-thread", "yes").Applies(ApplyGroup::kDefrag).Of(Feature::kDefrag),
    Bool<&Config::lazyfree_lazy_eviction>("lazyfree-lazy-eviction", "no").Applies(ApplyGroup::kLazyFree),
    Bool<&Config::lazyfree_lazy_expire>("lazyfree-lazy-expire", "no").Applies(ApplyGroup::kLazyFree),
    Bool<&Config::lazyfree_lazy_server_del>("lazyfree-lazy-server-del", "no").Applies(ApplyGroup::kLazyFree),
    Bool<&Config::lazyfree_lazy_user_del>("lazyfree-lazy-user-del", "no").Applies(ApplyGroup::kLazyFree),
    Bool<&Config::lazyfree_lazy_user_flush>("lazyfree-lazy-user-flush", "no").Applies(ApplyGroup::kLazyFree),
    Special("notify-keyspace-events", "", kNotifyKeyspaceEvents).Applies(ApplyGroup::kKeyspaceEvents),
    Memory<&Config::arena_reserve>("arena-reserve", "0", {0, kInt64Max}).Flags(kOptionImmutable | kOptionOurs),
    Bool<&Config::arena_huge_pages>("arena-huge-pages", "yes").Applies(ApplyGroup::kDefrag).Flags(kOptionOurs),

    // Up to which size a value keeps its compact form.
    Integer<&Config::hash_max_listpack_entries>("hash-max-listpack-entries", "512", {0, kInt64Max})
        .Alias("hash-max-ziplist-entries")
        .In(Unit::kItems)
        .Applies(ApplyGroup::kEncodings)
        .Of(Feature::kCollections),
    Memory<&Config::hash_max_listpack_value>("hash-max-listpack-value", "64", {0, kInt64Max})
        .Alias("hash-max-ziplist-value")
        .Applies(ApplyGroup::kEncodings)
        .Of(Feature::kCollections),
    Integer<&Config::list_max_listpack_size>("list-max-listpack-size", "-2", {kInt32Min, kInt32Max})
        .Alias("list-max-ziplist-size")
        .Applies(ApplyGroup::kEncodings)
        .Of(Feature::kCollections),
    Integer<&Config::list_compress_depth>("list-compress-depth", "0", {0, kInt32Max})
        .Applies(ApplyGroup::kEncodings)
        .Of(Feature::kCollections),
    Integer<&Config::set_max_intset_entries>("set-max-intset-entries", "512", {0, kInt64Max})
        .In(Unit::kItems)
        .Applies(ApplyGroup::kEncodings)
        .Of(Feature::kCollections),
    Integer<&Config::set_max_listpack_entries>("set-max-listpack-entries", "128", {0, kInt64Max})
        .Flags(kOptionOurs)
        .In(Unit::kItems)
        .Applies(ApplyGroup::kEncodings)
        .Of(Feature::kCollections),
    Integer<&Config::set_max_listpack_value>("set-max-listpack-value", "64", {0, kInt64Max})
        .Flags(kOptionOurs)
        .In(Unit::kBytes)
        .Applies(ApplyGroup::kEncodings)
        .Of(Feature::kCollections),
    Integer<&Config::zset_max_listpack_entries>("zset-max-listpack-entries", "128", {0, kInt64Max})
        .Alias("zset-max-ziplist-entries")
        .In(Unit::kItems)
        .Applies(ApplyGroup::kEncodings)
        .Of(Feature::kCollections),
    Memory<&Config::zset_max_listpack_value>("zset-max-listpack-value", "64", {0, kInt64Max})
        .Alias("zset-max-ziplist-value")
        .Applies(ApplyGroup::kEncodings)
        .Of(Feature::kCollections),
    Memory<&Config::hll_sparse_max_bytes>("hll-sparse-max-bytes", "3000", {0, kInt64Max})
        .Applies(ApplyGroup::kEncodings)
        .Of(Feature::kCollections),
    Memory<&Config::stream_node_max_bytes>("stream-node-max-bytes", "4096", {0, kInt64Max})
        .Applies(ApplyGroup::kEncodings)
        .Of(Feature::kCollections),
    Integer<&Config::stream_node_max_entries>("stream-node-max-entries", "100", {0, kInt64Max})
        .In(Unit::kItems)
        .Applies(ApplyGroup::kEncodings)
        .Of(Feature::kCollections),

    // When, how and where data sets are saved and loaded.
    Special("save", "3600 1 300 100 60 10000", kSave)
        .Flags(kOptionManyWords)
        .Applies(ApplyGroup::kSavePoints)
        .Of(Feature::kSnapshots),
    Text<&Config::dbfilename>("dbfilename", "dump.rdb")
        .Flags(kOptionProtected)
        .Applies(ApplyGroup::kSnapshots)
        .Of(Feature::kSnapshots)
        .RefusedBy(RefuseDbFilename),
    Bool<&Config::rdbcompression>("rdbcompression", "yes").Applies(ApplyGroup::kSnapshots).Of(Feature::kSnapshots),
    Bool<&Config::rdbchecksum>("rdbchecksum", "yes").Flags(kOptionImmutable).Of(Feature::kSnapshots),
    Bool<&Config::rdb_del_sync_files>("rdb-del-sync-files", "no")
        .Applies(ApplyGroup::kSnapshots)
        .Of(Feature::kReplication),
    Bool<&Config::rdb_save_incremental_fsync>("rdb-save-incremental-fsync", "yes")
        .Applies(ApplyGroup::kSnapshots)
        .Of(Feature::kSnapshots),
    Integer<&Config::rdb_key_save_delay>("rdb-key-save-delay", "0", {kInt32Min, kInt32Max})
        .Flags(kOptionHidden)
        .In(Unit::kMicroseconds)
        .Applies(ApplyGroup::kSnapshots)
        .Of(Feature::kSnapshots),
    Integer<&Config::key_load_delay>("key-load-delay", "0", {kInt32Min, kInt32Max})
        .Flags(kOptionHidden)
        .In(Unit::kMicroseconds)
        .Applies(ApplyGroup::kSnapshots)
        .Of(Feature::kSnapshots),
    Integer<&Config::loading_process_events_interval_bytes>("loading-process-events-interval-bytes", "2097152",
                                                            {1024, kInt32Max})
        .Flags(kOptionHidden)
        .In(Unit::kBytes)
        .Applies(ApplyGroup::kSnapshots)
        .Of(Feature::kSnapshots),
    Enum<&Config::sanitize_dump_payload>("sanitize-dump-payload", "no", kSanitizeNames)
        .Applies(ApplyGroup::kSnapshots)
        .Of(Feature::kSnapshots),
    Bool<&Config::stop_writes_on_bgsave_error>("stop-writes-on-bgsave-error", "yes")
        .Applies(ApplyGroup::kSnapshots)
        .Of(Feature::kSnapshots),
    Enum<&Config::rdb_version_check>("rdb-version-check", "relaxed", kVersionCheckNames)
        .Flags(kOptionOurs)
        .Applies(ApplyGroup::kSnapshots)
        .Of(Feature::kSnapshots),
    Enum<&Config::rdb_version>("rdb-version", "auto", kRdbVersionNames)
        .Flags(kOptionOurs)
        .Applies(ApplyGroup::kSnapshots)
        .Of(Feature::kSnapshots),
    Integer<&Config::snapshot_max_seconds>("snapshot-max-seconds", "600", {0, kInt32Max})
        .Flags(kOptionOurs)
        .In(Unit::kSeconds)
        .Applies(ApplyGroup::kSnapshots)
        .Of(Feature::kSnapshots),

    // Where a data set is restored from at the start, and how the store is reached.
    Text<&Config::s3_snapshot_location>("s3-snapshot-location", "")
        .NewerAlias("snapshot-arns")
        .Flags(kS3)
        .RefusedBy(RefuseS3Location),
    Text<&Config::s3_endpoint>("s3-endpoint", "").Flags(kS3),
    Text<&Config::s3_region>("s3-region", "").Flags(kS3),
    Enum<&Config::s3_path_style>("s3-path-style", "auto", kPathStyleNames).Flags(kS3),
    Text<&Config::s3_profile>("s3-profile", "").Flags(kS3),
    Text<&Config::s3_access_key_id>("s3-access-key-id", "").Flags(kS3 | kOptionSensitive),
    Text<&Config::s3_secret_access_key>("s3-secret-access-key", "").Flags(kS3 | kOptionSensitive),
    Text<&Config::s3_session_token>("s3-session-token", "").Flags(kS3 | kOptionSensitive),
    Bool<&Config::s3_anonymous>("s3-anonymous", "no").Flags(kS3),
    Bool<&Config::s3_request_payer>("s3-request-payer", "no").Flags(kS3),
    Text<&Config::s3_expected_bucket_owner>("s3-expected-bucket-owner", "").Flags(kS3),
    Text<&Config::s3_ca_file>("s3-ca-file", "").Flags(kS3),
    Memory<&Config::s3_part_size>("s3-part-size", "8388608", {kS3PartBytesMin, kS3PartBytesMax}).Flags(kS3),
    Integer<&Config::s3_parallel_parts>("s3-parallel-parts", "4", {1, kS3ParallelPartsMax}).Flags(kS3),
    Integer<&Config::s3_timeout>("s3-timeout", "3600", {0, kS3TimeoutMaxS}).Flags(kS3).In(Unit::kSeconds),
    Integer<&Config::s3_stall_timeout>("s3-stall-timeout", "30", {1, kS3StallTimeoutMaxS})
        .Flags(kS3)
        .In(Unit::kSeconds),
    Integer<&Config::s3_connect_timeout>("s3-connect-timeout", "5", {1, kS3ConnectTimeoutMaxS})
        .Flags(kS3)
        .In(Unit::kSeconds),
    Integer<&Config::s3_max_attempts>("s3-max-attempts", "0", {0, kS3AttemptsMax}).Flags(kS3),
};

}  // namespace

std::span<const OptionSpec> DataOptionRows() { return kRows; }

}  // namespace cachenode
