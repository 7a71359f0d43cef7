// INFO memory and persistence.
#include <string>

#include "server/background_pool.h"
#include "server/node_state.h"
#include "server/stats/info_sections.h"
#include "server/stats/policy_name.h"
#include "server/stats/stats_hub.h"

namespace cachenode::info {
namespace {

using T = InfoText;
using S = InfoSource;
using N = std::string_view;

void Percent(T& text, N name, double value) { text.Fixed(name, value, 2, "%"); }

constexpr InfoField kMemory[] = {
    {"used_memory", [](T& text, N name, const S& source) { text.Line(name, source.memory.used); }},
    {"used_memory_human", [](T& text, N name, const S& source) { text.Human(name, source.memory.used); }},
    {"used_memory_rss", [](T& text, N name, const S& source) { text.Line(name, source.memory.resident); }},
    {"used_memory_rss_human", [](T& text, N name, const S& source) { text.Human(name, source.memory.resident); }},
    {"used_memory_peak", [](T& text, N name, const S& source) { text.Line(name, source.memory.peak); }},
    {"used_memory_peak_human", [](T& text, N name, const S& source) { text.Human(name, source.memory.peak); }},
    {"used_memory_peak_perc",
     [](T& text, N name, const S& source) { Percent(text, name, source.memory.PeakPercent()); }},
    {"used_memory_overhead", [](T& text, N name, const S& source) { text.Line(name, source.memory.overhead); }},
    {"used_memory_startup", [](T& text, N name, const S& source) { text.Line(name, source.memory.startup); }},
    {"used_memory_dataset", [](T& text, N name, const S& source) { text.Line(name, source.memory.dataset); }},
    {"used_memory_dataset_perc",
     [](T& text, N name, const S& source) { Percent(text, name, source.memory.DatasetPercent()); }},
    {"allocator_allocated",
     [](T& text, N name, const S& source) { text.Line(name, source.memory.allocator.allocated_bytes); }},
    {"allocator_active",
     [](T& text, N name, const S& source) { text.Line(name, source.memory.allocator.active_bytes); }},
    {"allocator_resident",
     [](T& text, N name, const S& source) { text.Line(name, source.memory.allocator.resident_bytes); }},
    {"allocator_muzzy", [](T& text, N name, const S& source) { text.Line(name, source.memory.allocator.muzzy_bytes); }},
    {"total_system_memory", [](T& text, N name, const S& source) { text.Line(name, source.memory.system_total); }},
    {"total_system_memory_human",
     [](T& text, N name, const S& source) { text.Human(name, source.memory.system_total); }},
    {"used_memory_lua",
     [](T& text, N name, const S& source) { text.Line(name, source.scripts.eval_vm_bytes); }},
    {"used_memory_vm_eval",
     [](T& text, N name, const S& source) { text.Line(name, source.scripts.eval_vm_bytes); }},
    {"used_memory_lua_human",
     [](T& text, N name, const S& source) { text.Human(name, source.scripts.eval_vm_bytes); }},
    {"used_memory_scripts_eval",
     [](T& text, N name, const S& source) { text.Line(name, source.scripts.script_bytes); }},
    {"number_of_cached_scripts",
     [](T& text, N name, const S& source) { text.Line(name, source.scripts.scripts); }},
    {"number_of_functions",
     [](T& text, N name, const S& source) { text.Line(name, source.scripts.functions); }},
    {"number_of_libraries",
     [](T& text, N name, const S& source) { text.Line(name, source.scripts.libraries); }},
    {"used_memory_vm_functions",
     [](T& text, N name, const S& source) { text.Line(name, source.scripts.function_vm_bytes); }},
    {"used_memory_vm_total",
     [](T& text, N name, const S& source) { text.Line(name, source.scripts.VmBytes()); }},
    {"used_memory_vm_total_human",
     [](T& text, N name, const S& source) { text.Human(name, source.scripts.VmBytes()); }},
    {"used_memory_functions",
     [](T& text, N name, const S& source) { text.Line(name, source.scripts.function_bytes); }},
    {"used_memory_scripts",
     [](T& text, N name, const S& source) { text.Line(name, source.scripts.CacheBytes()); }},
    {"used_memory_scripts_human",
     [](T& text, N name, const S& source) { text.Human(name, source.scripts.CacheBytes()); }},
    {"maxmemory", [](T& text, N name, const S& source) { text.Line(name, source.config.maxmemory); }},
    {"maxmemory_human", [](T& text, N name, const S& source) { text.Human(name, source.config.maxmemory); }},
    {"maxmemory_policy",
     [](T& text, N name, const S& source) { text.Line(name, PolicyName(source.config.maxmemory_policy)); }},
    {"allocator_frag_ratio",
     [](T& text, N name, const S& source) {
       const auto& a = source.memory.allocator;
       text.Fixed(name, MemoryReport::Ratio(a.active_bytes, a.allocated_bytes), 2);
     }},
    {"allocator_frag_bytes",
     [](T& text, N name, const S& source) {
       const auto& a = source.memory.allocator;
       text.Line(name, MemoryReport::Difference(a.active_bytes, a.allocated_bytes));
     }},
    {"allocator_rss_ratio",
     [](T& text, N name, const S& source) {
       const auto& a = source.memory.allocator;
       text.Fixed(name, MemoryReport::Ratio(a.resident_bytes, a.active_bytes), 2);
     }},
    {"allocator_rss_bytes",
     [](T& text, N name, const S& source) {
       const auto& a = source.memory.allocator;
       text.Line(name, MemoryReport::Difference(a.resident_bytes, a.active_bytes));
     }},
    {"rss_overhead_ratio",
     [](T& text, N name, const S& source) {
       text.Fixed(name, MemoryReport::Ratio(source.memory.resident, source.memory.allocator.resident_bytes), 2);
     }},
    {"rss_overhead_bytes",
     [](T& text, N name, const S& source) {
       text.Line(name, MemoryReport::Difference(source.memory.resident, source.memory.allocator.resident_bytes));
     }},
    {"mem_fragmentation_ratio",
     [](T& text, N name,
        const S& source) { text.Fixed(name, MemoryReport::Ratio(source.memory.resident, source.memory.used), 2); }},
    {"mem_fragmentation_bytes",
     [](T& text, N name,
        const S& source) { text.Line(name, MemoryReport::Difference(source.memory.resident, source.memory.used)); }},
    {"mem_not_counted_for_evict", [](T& text, N name, const S& source) { text.Line(name, source.memory.uncounted); }},
    {"mem_snapshot", [](T& text, N name, const S& source) { text.Line(name, source.memory.snapshot_buffers); }},
    {"mem_snapshot_peak", [](T& t, N name, const S& source) { t.Line(name, source.snapshots.buffer_bytes_peak); }},
    {"mem_replication_backlog", [](T& text, N name, const S&) { text.Line(name, 0); }},
    {"mem_total_replication_buffers", [](T& text, N name, const S&) { text.Line(name, 0); }},
    {"mem_clients_slaves", [](T& text, N name, const S&) { text.Line(name, 0); }},
    {"mem_clients_normal",
     [](T& text, N name, const S& source) { text.Line(name, source.parts.stats->Sum(&WorkerStats::client_bytes)); }},
    {"mem_cluster_links", [](T& text, N name, const S&) { text.Line(name, 0); }},
    {"mem_aof_buffer", [](T& text, N name, const S&) { text.Line(name, 0); }},
    {"mem_allocator", [](T& text, N name, const S&) { text.Line(name, memory::AllocatorName()); }},
    {"mem_index", [](T& text, N name, const S& source) { text.Line(name, source.memory.keyspace.index_bytes); }},
    {"mem_entries", [](T& text, N name, const S& source) { text.Line(name, source.memory.keyspace.entry_bytes); }},
    {"mem_entry_pages", [](T& text, N name, const S& source) { text.Line(name, source.memory.keyspace.page_bytes); }},
    {"mem_huge_pages_made",
     [](T& text, N name, const S& source) { text.Line(name, source.parts.state->huge_pages_made.load()); }},
    {"active_defrag_running",
     [](T& text, N name, const S& source) { text.Line(name, source.parts.state->defrag_running.load()); }},
    {"lazyfree_pending_objects",
     [](T& text, N name,
        const S& source) { text.Line(name, source.parts.background->Pending(BackgroundPool::Lane::kLazyFree)); }},
    {"lazyfreed_objects",
     [](T& text, N name, const S& source) { text.Line(name, source.parts.state->lazily_freed.load()); }},
};

// What a snapshot copied because a writer was about to change it: only grows while it runs, 0 when none does. The
// memory it holds meanwhile is mem_snapshot.
void CopiedForWriters(T& text, N name, const S& source) {
  text.Line(name, source.snapshots.in_progress ? source.snapshots.bytes_for_writers : 0);
}

constexpr InfoField kPersistence[] = {
    {"loading", [](T& text, N name, const S& source) { text.Line(name, source.load.loading); }},
    {"async_loading", [](T& text, N name, const S&) { text.Line(name, 0); }},
    {"current_cow_peak", CopiedForWriters},
    {"current_cow_size", CopiedForWriters},
    {"current_cow_size_age", [](T& text, N name, const S&) { text.Line(name, 0); }},
    {"current_fork_perc",
     [](T& text, N name, const S& source) {
       const double done = MemoryReport::Ratio(source.snapshots.keys_processed, source.snapshots.keys_total);
       text.Fixed(name, source.snapshots.in_progress ? 100.0 * done : 0.0, 2);
     }},
    {"current_save_keys_processed",
     [](T& text, N name, const S& source) { text.Line(name, source.snapshots.keys_processed); }},
    {"current_save_keys_total", [](T& text, N name, const S& source) { text.Line(name, source.snapshots.keys_total); }},
    {"rdb_changes_since_last_save",
     [](T& text, N name, const S& source) { text.Line(name, source.snapshots.changes_since_save); }},
    {"rdb_bgsave_in_progress", [](T& text, N name, const S& source) { text.Line(name, source.snapshots.in_progress); }},
    {"rdb_last_save_time",
     [](T& text, N name, const S& source) { text.Line(name, source.snapshots.last_save_time_s); }},
    {"rdb_last_bgsave_status",
     [](T& text, N name, const S& source) { text.Line(name, source.snapshots.last_ok ? "ok" : "err"); }},
    {"rdb_last_bgsave_time_sec",
     [](T& text, N name, const S& source) { text.Line(name, source.snapshots.last_seconds); }},
    {"rdb_current_bgsave_time_sec",
     [](T& text, N name, const S& source) { text.Line(name, source.snapshots.current_seconds); }},
    {"rdb_saves", [](T& text, N name, const S& source) { text.Line(name, source.snapshots.saves); }},
    {"rdb_last_cow_size",
     [](T& text, N name, const S& source) { text.Line(name, source.snapshots.bytes_for_writers); }},
    {"rdb_bytes_written", [](T& text, N name, const S& source) { text.Line(name, source.snapshots.bytes_written); }},
    {"rdb_last_load_keys_expired", [](T& text, N name, const S& source) { text.Line(name, source.load.keys_expired); }},
    {"rdb_last_load_keys_loaded", [](T& text, N name, const S& source) { text.Line(name, source.load.keys_loaded); }},
    {"s3_export_in_progress", [](T& text, N name, const S& source) { text.Line(name, source.exports.in_progress); }},
    {"s3_export_bytes", [](T& text, N name, const S& source) { text.Line(name, source.exports.bytes_sent); }},
    {"s3_export_last_status", [](T& text, N name, const S& source) { text.Line(name, source.exports.last_status); }},
    {"s3_export_last_location",
     [](T& text, N name, const S& source) { text.Line(name, source.exports.last_location); }},
    {"s3_exports_completed", [](T& text, N name, const S& source) { text.Line(name, source.exports.completed); }},
    {"s3_exports_failed", [](T& text, N name, const S& source) { text.Line(name, source.exports.failed); }},
    {"aof_enabled", [](T& text, N name, const S&) { text.Line(name, 0); }},
    {"aof_rewrite_in_progress", [](T& text, N name, const S&) { text.Line(name, 0); }},
    {"aof_rewrite_scheduled", [](T& text, N name, const S&) { text.Line(name, 0); }},
    {"aof_last_rewrite_time_sec", [](T& text, N name, const S&) { text.Line(name, -1); }},
    {"aof_current_rewrite_time_sec", [](T& text, N name, const S&) { text.Line(name, -1); }},
    {"aof_last_bgrewrite_status", [](T& text, N name, const S&) { text.Line(name, "ok"); }},
    {"aof_rewrites", [](T& text, N name, const S&) { text.Line(name, 0); }},
    {"aof_rewrites_consecutive_failures", [](T& text, N name, const S&) { text.Line(name, 0); }},
    {"aof_last_write_status", [](T& text, N name, const S&) { text.Line(name, "ok"); }},
    {"aof_last_cow_size", [](T& text, N name, const S&) { text.Line(name, 0); }},
    {"module_fork_in_progress", [](T& text, N name, const S&) { text.Line(name, 0); }},
    {"module_fork_last_cow_size", [](T& text, N name, const S&) { text.Line(name, 0); }},
    {"loading_start_time",
     [](T& text, N name, const S& source) {
       if (source.load.loading) text.Line(name, source.load.progress.start_time_s);
     }},
    {"loading_total_bytes",
     [](T& text, N name, const S& source) {
       if (source.load.loading) text.Line(name, source.load.progress.total_bytes);
     }},
    {"loading_rdb_used_mem",
     [](T& text, N name, const S& source) {
       if (source.load.loading) text.Line(name, source.load.progress.writer_used_memory_bytes);
     }},
    {"loading_loaded_bytes",
     [](T& text, N name, const S& source) {
       if (source.load.loading) text.Line(name, source.load.progress.loaded_bytes);
     }},
    {"loading_loaded_perc",
     [](T& text, N name, const S& source) {
       if (source.load.loading) text.Fixed(name, source.load.progress.percent, 2);
     }},
    {"loading_eta_seconds",
     [](T& text, N name, const S& source) {
       if (source.load.loading) text.Line(name, source.load.progress.eta_seconds);
     }},
};

}  // namespace

std::span<const InfoField> MemoryFields() { return kMemory; }
std::span<const InfoField> PersistenceFields() { return kPersistence; }

}  // namespace cachenode::info
