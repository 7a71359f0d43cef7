#include "server/stats/metrics_endpoint.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace cachenode {
namespace {

constexpr uint16_t kAnyPort = 0;

std::unique_ptr<MetricsEndpoint> Started(MetricsEndpoint::AskInfo ask) {
  Result<std::unique_ptr<MetricsEndpoint>> started = MetricsEndpoint::Start("127.0.0.1", kAnyPort, std::move(ask));
  if (!started) throw std::runtime_error(std::string(started.error().text()));
  return *std::move(started);
}

TEST(MetricsEndpoint, AnswersMetricsFromInfo) {
  std::vector<std::string> sections;
  const auto endpoint = Started([&](const std::string& section, const MetricsEndpoint::OnInfo& on_info) {
    sections.push_back(section);
    on_info("# Clients\r\nconnected_clients:3\r\n");
  });
  const MetricsEndpoint::Page page = endpoint->Answer("/metrics");
  EXPECT_EQ(page.status, 200U);
  EXPECT_EQ(page.type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_NE(page.text.find("\nredis_connected_clients 3\n"), std::string::npos);
  EXPECT_EQ(sections, std::vector<std::string>{"everything"});
}

TEST(MetricsEndpoint, HealthIsTheStatusOfTheNode) {
  std::string info = "# Node\r\ncluster_id:a\r\nnode_status:snapshotting\r\nnode_serving:1\r\n";
  std::vector<std::string> sections;
  const auto endpoint = Started([&](const std::string& section, const MetricsEndpoint::OnInfo& on_info) {
    sections.push_back(section);
    on_info(info);
  });
  EXPECT_EQ(endpoint->Answer("/healthz").status, 200U);
  EXPECT_EQ(endpoint->Answer("/healthz").text, "snapshotting\n");
  info = "# Node\r\nnode_status:restoring\r\nnode_serving:0\r\n";
  EXPECT_EQ(endpoint->Answer("/healthz").status, 503U);
  EXPECT_EQ(endpoint->Answer("/healthz").text, "restoring\n");
  info.clear();
  EXPECT_EQ(endpoint->Answer("/healthz").status, 503U);
  EXPECT_EQ(endpoint->Answer("/").status, 404U);
  EXPECT_EQ(sections.front(), "node");
}

TEST(MetricsEndpoint, ANodeThatDoesNotAnswerIsDownAndMayAnswerLate) {
  MetricsEndpoint::OnInfo late;
  auto endpoint = Started([&](const std::string&, const MetricsEndpoint::OnInfo& on_info) { late = on_info; });
  const MetricsEndpoint::Page page = endpoint->Answer("/metrics");
  EXPECT_EQ(page.status, 503U);
  EXPECT_EQ(page.text, "redis_up 0\n");
  endpoint.reset();
  late("# Server\r\n");  // Nobody takes it any more.
}

TEST(MetricsEndpoint, AnAddressThatIsNotOursIsRefused) {
  const auto silent = [](const std::string&, const MetricsEndpoint::OnInfo&) {};
  EXPECT_FALSE(MetricsEndpoint::Start("192.0.2.1", 9121, silent));
  EXPECT_FALSE(MetricsEndpoint::Start("no such host", 9121, silent));
}

}  // namespace
}  // namespace cachenode
