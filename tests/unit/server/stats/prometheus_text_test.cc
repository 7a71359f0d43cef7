#include "server/stats/prometheus_text.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>
#include <string>

#include "storage/base/numbers.h"

namespace cachenode {
namespace {

// Reads a page as Prometheus does: a sample's name with labels -> value. Fails on anything else.
std::map<std::string, double> Parse(const std::string& page) {
  std::map<std::string, double> samples;
  std::set<std::string> types;
  std::istringstream lines(page);
  std::string family;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) {
      const size_t end = line.find(' ', 7);
      family = line.substr(7, end - 7);
      EXPECT_TRUE(types.insert(family).second) << "heading twice: " << line;
      const std::string type = line.substr(end + 1);
      EXPECT_TRUE(type == "counter" || type == "gauge") << line;
      continue;
    }
    const size_t space = line.rfind(' ');
    const std::string name = line.substr(0, space);
    EXPECT_EQ(name.substr(0, name.find('{')), family) << "a sample outside its family";
    double value = 0;
    EXPECT_TRUE(TryParseDouble(line.substr(space + 1), value)) << line;
    EXPECT_TRUE(samples.emplace(name, value).second) << "twice: " << line;
  }
  return samples;
}

constexpr const char* kInfo =
    "# Server\r\nredis_version:7.4.0\r\nredis_mode:standalone\r\nos:Linux \"x\\y\"\r\nuptime_in_seconds:12\r\n\r\n"
    "# Clients\r\nconnected_clients:3\r\n# Memory\r\nused_memory:1048576\r\nused_memory_human:1.00M\r\n"
    "mem_fragmentation_ratio:1.25\r\n# Persistence\r\nloading:0\r\nrdb_last_bgsave_status:ok\r\n"
    "# Stats\r\nkeyspace_hits:7\r\nunknown_field:5\r\n# Replication\r\nrole:master\r\n# Commandstats\r\n"
    "cmdstat_get:calls=10,usec=2500,usec_per_call=250.00,rejected_calls=1,failed_calls=2\r\n"
    "cmdstat_config|get:calls=1,usec=5,usec_per_call=5.00,rejected_calls=0,failed_calls=0\r\n"
    "# Errorstats\r\nerrorstat_WRONGTYPE:count=4\r\n"
    "# Latencystats\r\nlatency_percentiles_usec_get:p50=1.003,p99.9=20.991\r\n"
    "# Keyspace\r\ndb0:keys=5,expires=2,avg_ttl=1500\r\ndb3:keys=1,expires=0,avg_ttl=0\r\n";

TEST(PrometheusText, GivesTheNamesOfRedisExporter) {
  const auto samples = Parse(PrometheusText(kInfo));
  const std::map<std::string, double> expected = {
      {"redis_up", 1},
      {"redis_uptime_in_seconds", 12},
      {"redis_connected_clients", 3},
      {"redis_memory_used_bytes", 1048576},
      {"redis_mem_fragmentation_ratio", 1.25},
      {"redis_loading_dump_file", 0},
      {"redis_rdb_last_bgsave_status", 1},
      {"redis_keyspace_hits_total", 7},
      {"redis_commands_total{cmd=\"get\"}", 10},
      {"redis_commands_total{cmd=\"config|get\"}", 1},
      {"redis_commands_duration_seconds_total{cmd=\"get\"}", 0.0025},
      {"redis_commands_rejected_calls_total{cmd=\"get\"}", 1},
      {"redis_commands_failed_calls_total{cmd=\"get\"}", 2},
      {"redis_errors_total{err=\"WRONGTYPE\"}", 4},
      {"redis_latency_percentiles_usec{cmd=\"get\",quantile=\"0.5\"}", 1.003},
      {"redis_latency_percentiles_usec{cmd=\"get\",quantile=\"0.999\"}", 20.991},
      {"redis_db_keys{db=\"db0\"}", 5},
      {"redis_db_keys{db=\"db3\"}", 1},
      {"redis_db_keys_expiring{db=\"db0\"}", 2},
      {"redis_db_avg_ttl_seconds{db=\"db0\"}", 1.5},
  };
  for (const auto& [name, value] : expected) {
    const auto found = samples.find(name);
    ASSERT_NE(found, samples.end()) << name;
    EXPECT_DOUBLE_EQ(found->second, value) << name;
  }
  for (const auto& [name, value] : samples) EXPECT_EQ(name.find("unknown"), std::string::npos);
}

TEST(PrometheusText, EscapesLabels) {
  const std::string page = PrometheusText(kInfo);
  EXPECT_NE(page.find("os=\"Linux \\\"x\\\\y\\\"\""), std::string::npos) << page;
}

TEST(PrometheusText, SaysWhatCountsUpAndWhatDoesNot) {
  const std::string page = PrometheusText(kInfo);
  EXPECT_NE(page.find("# TYPE redis_keyspace_hits_total counter\n"), std::string::npos);
  EXPECT_NE(page.find("# TYPE redis_memory_used_bytes gauge\n"), std::string::npos);
}

TEST(PrometheusText, TakesAnythingThatLooksLikeInfo) {
  for (const char* text : {"", "no colon\r\n", "cmdstat_x:\r\n", "db0:keys=\r\n", "latency_percentiles_usec_x:p\r\n",
                           "used_memory:abc\r\n", "errorstat_:count=1"}) {
    EXPECT_TRUE(PrometheusText(text).starts_with("# TYPE")) << text;
  }
}

}  // namespace
}  // namespace cachenode
