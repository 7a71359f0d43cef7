#include "tests/support/server/command_harness.h"

#include <gtest/gtest.h>

#include <utility>

#include "server/commands/families.h"
#include "server/config/config.h"
#include "server/config/option_table.h"
#include "storage/base/quoting.h"

namespace cachenode {
namespace {

ConfigStore::Start StartOf(const std::function<void(Config&)>& adjust) {
  Config config = DefaultConfig(DetectMachine());
  config.io_threads = 1;
  config.engine_version = *EngineVersion::Parse("7.0");
  Config defaults = config;
  if (adjust) adjust(config);
  return {std::move(config), std::move(defaults), ""};
}

std::string OnOneLine(std::string_view wire) {
  std::string text;
  while (!wire.empty()) {
    const size_t end = wire.find("\r\n");
    text.append(wire.substr(0, end));
    if (end == std::string_view::npos) break;
    wire.remove_prefix(end + 2);
    if (!wire.empty()) text.push_back(' ');
  }
  return text;
}

}  // namespace

CommandHarness::CommandHarness(const std::function<void(Config&)>& adjust)
    : world_(true),
      clients_(1),
      config_(StartOf(adjust)),
      commands_(AllFamilies()),
      acl_(config_, commands_, clients_, log_),
      stats_(1, commands_.count()) {
  encoding_limits_.emplace(config_);
  KeyspaceOptions options;
  options.shard_count = 1;
  options.database_count = static_cast<uint32_t>(config_.Current().databases);
  options.arena_reserve_bytes = uint64_t{64} << 20;
  keyspace_ = std::make_unique<Keyspace>(options);
  parts_ = {.state = &state_,
            .log = &log_,
            .clock = &clock_,
            .config = &config_,
            .commands = &commands_,
            .keyspace = keyspace_.get(),
            .world = &world_,
            .clients = &clients_,
            .stats = &stats_,
            .slowlog = &slowlog_,
            .latency = &latency_,
            .control = &control_,
            .background = &background_};
  client_services_ = std::make_unique<ClientServices>(parts_);
  parts_.acl = &acl_;
  parts_.events = &events_;
  dispatcher_ = std::make_unique<Dispatcher>(parts_, stats_.worker(0), 0);
  parts_.dispatcher = dispatcher_.get();
  Connect();
}

CommandHarness::~CommandHarness() = default;

Session& CommandHarness::Connect() {
  auto session = std::make_unique<Session>(clients_.NextId(0), 0, chunks_);
  session->peer_address = "127.0.0.1:" + std::to_string(50000 + session->id);
  session->local_address = "127.0.0.1:6379";
  acl_.BecomeDefault(*session);
  session->created_ms = session->last_interaction_ms = clock_.NowUs() / 1000;
  clients_.Reserve(0);
  clients_.Add(*session);
  sessions_.push_back(std::move(session));
  return *sessions_.back();
}

std::string CommandHarness::Run(std::string_view line) { return RunAs(session(), line); }

std::string CommandHarness::RunResp3(std::string_view line) {
  const uint8_t version = std::exchange(session().resp_version, uint8_t{3});
  std::string reply = Run(line);
  session().resp_version = version;
  return reply;
}

std::string CommandHarness::RunAs(Session& session, std::string_view line) {
  std::vector<std::string> args;
  if (!SplitQuotedWords(line, args)) ADD_FAILURE() << "unbalanced quotes: " << line;
  return OnOneLine(RunRaw(session, args));
}

std::string CommandHarness::RunRaw(Session& session, const std::vector<std::string>& args) {
  const std::vector<std::string_view> views(args.begin(), args.end());
  dispatcher_->BeginTurn(clock_.NowUs() / 1000);
  dispatcher_->ExecuteOne(session, views);
  std::string reply = session.replies.ToString();
  session.replies.Clear();
  return reply;
}

}  // namespace cachenode
