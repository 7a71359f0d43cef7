#include "server/stats/prometheus_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

#include "storage/base/numbers.h"

namespace cachenode {

namespace {

struct Metric {
  std::string_view field;  // Of INFO.
  std::string_view name;   // Without "redis_".
  bool is_counter = false;
};

constexpr bool kCounter = true;

constexpr Metric kMetrics[] = {
    {"uptime_in_seconds", "uptime_in_seconds"},
    {"process_id", "process_id"},
    {"io_threads_active", "io_threads_active"},
    {"connected_clients", "connected_clients"},
    {"maxclients", "max_clients"},
    {"blocked_clients", "blocked_clients"},
    {"tracking_clients", "tracking_clients"},
    {"pubsub_clients", "pubsub_clients"},
    {"watching_clients", "watching_clients"},
    {"clients_in_timeout_table", "clients_in_timeout_table"},
    {"client_recent_max_input_buffer", "client_recent_max_input_buffer_bytes"},
    {"client_recent_max_output_buffer", "client_recent_max_output_buffer_bytes"},
    {"used_memory", "memory_used_bytes"},
    {"used_memory_rss", "memory_used_rss_bytes"},
    {"used_memory_peak", "memory_used_peak_bytes"},
    {"used_memory_lua", "memory_used_lua_bytes"},
    {"used_memory_vm_total", "memory_used_vm_total"},
    {"used_memory_scripts", "memory_used_scripts_bytes"},
    {"used_memory_overhead", "memory_used_overhead_bytes"},
    {"used_memory_startup", "memory_used_startup_bytes"},
    {"used_memory_dataset", "memory_used_dataset_bytes"},
    {"maxmemory", "memory_max_bytes"},
    {"number_of_cached_scripts", "number_of_cached_scripts"},
    {"number_of_functions", "number_of_functions"},
    {"number_of_libraries", "number_of_libraries"},
    {"allocator_active", "allocator_active_bytes"},
    {"allocator_allocated", "allocator_allocated_bytes"},
    {"allocator_resident", "allocator_resident_bytes"},
    {"allocator_frag_ratio", "allocator_frag_ratio"},
    {"allocator_frag_bytes", "allocator_frag_bytes"},
    {"allocator_rss_ratio", "allocator_rss_ratio"},
    {"allocator_rss_bytes", "allocator_rss_bytes"},
    {"rss_overhead_ratio", "rss_overhead_ratio"},
    {"rss_overhead_bytes", "rss_overhead_bytes"},
    {"mem_fragmentation_ratio", "mem_fragmentation_ratio"},
    {"mem_fragmentation_bytes", "mem_fragmentation_bytes"},
    {"mem_not_counted_for_evict", "mem_not_counted_for_eviction_bytes"},
    {"mem_clients_normal", "mem_clients_normal"},
    {"mem_clients_slaves", "mem_clients_slaves"},
    {"active_defrag_running", "active_defrag_running"},
    {"lazyfree_pending_objects", "lazyfree_pending_objects"},
    {"lazyfreed_objects", "lazyfreed_objects", kCounter},
    {"loading", "loading_dump_file"},
    {"async_loading", "async_loading"},
    {"rdb_changes_since_last_save", "rdb_changes_since_last_save"},
    {"rdb_bgsave_in_progress", "rdb_bgsave_in_progress"},
    {"rdb_last_save_time", "rdb_last_save_timestamp_seconds"},
    {"rdb_last_bgsave_status", "rdb_last_bgsave_status"},
    {"rdb_last_bgsave_time_sec", "rdb_last_bgsave_duration_sec"},
    {"rdb_current_bgsave_time_sec", "rdb_current_bgsave_duration_sec"},
    {"rdb_saves", "rdb_saves_total", kCounter},
    {"rdb_last_cow_size", "rdb_last_cow_size_bytes"},
    {"rdb_last_load_keys_expired", "rdb_last_load_expired_keys"},
    {"rdb_last_load_keys_loaded", "rdb_last_load_loaded_keys"},
    {"aof_enabled", "aof_enabled"},
    {"total_connections_received", "connections_received_total", kCounter},
    {"total_commands_processed", "commands_processed_total", kCounter},
    {"instantaneous_ops_per_sec", "instantaneous_ops_per_sec"},
    {"instantaneous_input_kbps", "instantaneous_input_kbps"},
    {"instantaneous_output_kbps", "instantaneous_output_kbps"},
    {"total_net_input_bytes", "net_input_bytes_total", kCounter},
    {"total_net_output_bytes", "net_output_bytes_total", kCounter},
    {"rejected_connections", "rejected_connections_total", kCounter},
    {"expired_keys", "expired_keys_total", kCounter},
    {"expired_subkeys", "expired_subkeys_total", kCounter},
    {"expired_stale_perc", "expired_stale_percentage"},
    {"expired_time_cap_reached_count", "expired_time_cap_reached_total", kCounter},
    {"expire_cycle_cpu_milliseconds", "expire_cycle_cpu_time_ms_total", kCounter},
    {"evicted_keys", "evicted_keys_total", kCounter},
    {"evicted_clients", "evicted_clients_total", kCounter},
    {"total_eviction_exceeded_time", "eviction_exceeded_time_ms_total", kCounter},
    {"keyspace_hits", "keyspace_hits_total", kCounter},
    {"keyspace_misses", "keyspace_misses_total", kCounter},
    {"pubsub_channels", "pubsub_channels"},
    {"pubsub_patterns", "pubsub_patterns"},
    {"pubsubshard_channels", "pubsubshard_channels"},
    {"latest_fork_usec", "latest_fork_usec"},
    {"migrate_cached_sockets", "migrate_cached_sockets_total"},
    {"active_defrag_hits", "defrag_hits", kCounter},
    {"active_defrag_misses", "defrag_misses", kCounter},
    {"active_defrag_key_hits", "defrag_key_hits", kCounter},
    {"active_defrag_key_misses", "defrag_key_misses", kCounter},
    {"tracking_total_keys", "tracking_total_keys"},
    {"tracking_total_items", "tracking_total_items"},
    {"tracking_total_prefixes", "tracking_total_prefixes"},
    {"unexpected_error_replies", "unexpected_error_replies", kCounter},
    {"total_error_replies", "total_error_replies", kCounter},
    {"total_reads_processed", "total_reads_processed", kCounter},
    {"total_writes_processed", "total_writes_processed", kCounter},
    {"acl_access_denied_auth", "acl_access_denied_auth_total", kCounter},
    {"acl_access_denied_cmd", "acl_access_denied_cmd_total", kCounter},
    {"acl_access_denied_key", "acl_access_denied_key_total", kCounter},
    {"acl_access_denied_channel", "acl_access_denied_channel_total", kCounter},
    {"connected_slaves", "connected_slaves"},
    {"master_repl_offset", "master_repl_offset"},
    {"repl_backlog_active", "repl_backlog_is_active"},
    {"repl_backlog_size", "replication_backlog_bytes"},
    {"used_cpu_sys", "cpu_sys_seconds_total", kCounter},
    {"used_cpu_user", "cpu_user_seconds_total", kCounter},
    {"used_cpu_sys_children", "cpu_sys_children_seconds_total", kCounter},
    {"used_cpu_user_children", "cpu_user_children_seconds_total", kCounter},
    {"used_cpu_sys_main_thread", "cpu_sys_main_thread_seconds_total", kCounter},
    {"used_cpu_user_main_thread", "cpu_user_main_thread_seconds_total", kCounter},
    {"cluster_enabled", "cluster_enabled"},
    {"node_serving", "node_serving"},
};

// Fields that become labels of redis_instance_info.
constexpr std::string_view kInstanceLabels[] = {
    "role",           "redis_version", "redis_mode", "os",         "maxmemory_policy", "run_id",
    "redis_build_id", "tcp_port",      "process_id", "cluster_id", "node_id"};

struct Labelled {
  std::string labels;  // {cmd="get"}
  std::string value;
};

// Samples of one name, which the format wants together, under their heading.
class Page {
 public:
  void Add(std::string_view name, bool is_counter, std::string labels, std::string_view value) {
    Family& family = families_[std::string(name)];
    family.is_counter = is_counter;
    family.samples.push_back({std::move(labels), std::string(value)});
  }
  [[nodiscard]] std::string Text() const {
    std::string text;
    for (const auto& [name, family] : families_) {
      const std::string_view type = family.is_counter ? "counter" : "gauge";
      fmt::format_to(std::back_inserter(text), "# TYPE redis_{} {}\n", name, type);
      for (const Labelled& sample : family.samples) {
        fmt::format_to(std::back_inserter(text), "redis_{}{} {}\n", name, sample.labels, sample.value);
      }
    }
    return text;
  }

 private:
  struct Family {
    bool is_counter = false;
    std::vector<Labelled> samples;
  };
  std::map<std::string, Family> families_;
};

std::string Escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\\' || c == '"') escaped.push_back('\\');
    if (c == '\n') {
      escaped.append("\\n");
    } else {
      escaped.push_back(c);
    }
  }
  return escaped;
}

std::string Label(std::string_view name, std::string_view value) {
  return fmt::format("{{{}=\"{}\"}}", name, Escaped(value));
}

bool IsNumber(std::string_view text) {
  double number = 0;
  return TryParseDouble(text, number);
}

std::string InSeconds(std::string_view text, double units_per_second) {
  double number = 0;
  if (!TryParseDouble(text, number)) return "0";
  return fmt::format("{:.15g}", number / units_per_second);
}

// The value of `name` in "calls=1,usec=2", empty when it is not there.
std::string_view Part(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    const size_t end = std::min(list.find(','), list.size());
    const std::string_view entry = list.substr(0, end);
    if (entry.starts_with(name) && entry.size() > name.size() && entry[name.size()] == '=') {
      return entry.substr(name.size() + 1);
    }
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return {};
}

void AddCommand(Page& page, std::string_view command, std::string_view value) {
  const std::string label = Label("cmd", command);
  page.Add("commands_total", kCounter, label, Part(value, "calls"));
  page.Add("commands_duration_seconds_total", kCounter, label, InSeconds(Part(value, "usec"), 1e6));
  page.Add("commands_rejected_calls_total", kCounter, label, Part(value, "rejected_calls"));
  page.Add("commands_failed_calls_total", kCounter, label, Part(value, "failed_calls"));
}

void AddPercentiles(Page& page, std::string_view command, std::string_view value) {
  while (!value.empty()) {
    const size_t end = std::min(value.find(','), value.size());
    const std::string_view entry = value.substr(0, end);
    const size_t equals = entry.find('=');
    if (equals != std::string_view::npos && entry.starts_with('p')) {
      const std::string quantile = InSeconds(entry.substr(1, equals - 1), 100);
      page.Add("latency_percentiles_usec", false,
               fmt::format("{{cmd=\"{}\",quantile=\"{}\"}}", Escaped(command), quantile), entry.substr(equals + 1));
    }
    value.remove_prefix(std::min(end + 1, value.size()));
  }
}

void AddDatabase(Page& page, std::string_view database, std::string_view value) {
  const std::string label = Label("db", database);
  page.Add("db_keys", false, label, Part(value, "keys"));
  page.Add("db_keys_expiring", false, label, Part(value, "expires"));
  page.Add("db_avg_ttl_seconds", false, label, InSeconds(Part(value, "avg_ttl"), 1000));
}

// The rest of `field` behind `prefix`; false when it begins otherwise.
bool TakePrefix(std::string_view& field, std::string_view prefix) {
  if (!field.starts_with(prefix)) return false;
  field.remove_prefix(prefix.size());
  return true;
}

void AddLine(Page& page, std::string_view field, std::string_view value) {
  if (TakePrefix(field, "cmdstat_")) return AddCommand(page, field, value);
  if (TakePrefix(field, "latency_percentiles_usec_")) return AddPercentiles(page, field, value);
  if (TakePrefix(field, "errorstat_")) {
    return page.Add("errors_total", kCounter, Label("err", field), Part(value, "count"));
  }
  if (field.starts_with("db") && value.starts_with("keys=")) return AddDatabase(page, field, value);
  const auto* metric = std::ranges::find(kMetrics, field, &Metric::field);
  if (metric == std::end(kMetrics)) return;
  if (value == "ok" || value == "err") value = value == "ok" ? "1" : "0";
  if (IsNumber(value)) page.Add(metric->name, metric->is_counter, "", value);
}

}  // namespace

std::string PrometheusText(std::string_view info) {
  Page page;
  page.Add("up", false, "", "1");
  std::string instance;
  while (!info.empty()) {
    const size_t end = std::min(info.find("\r\n"), info.size());
    const std::string_view line = info.substr(0, end);
    info.remove_prefix(std::min(end + 2, info.size()));
    const size_t colon = line.find(':');
    if (line.starts_with('#') || colon == std::string_view::npos) continue;
    const std::string_view field = line.substr(0, colon);
    const std::string_view value = line.substr(colon + 1);
    if (std::ranges::find(kInstanceLabels, field) != std::end(kInstanceLabels)) {
      fmt::format_to(std::back_inserter(instance), "{}{}=\"{}\"", instance.empty() ? "" : ",", field, Escaped(value));
    }
    AddLine(page, field, value);
  }
  page.Add("instance_info", false, "{" + instance + "}", "1");
  return page.Text();
}

}  // namespace cachenode
