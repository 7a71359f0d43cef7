#include "server/monitor/monitor_feed.h"

#include <string>
#include <string_view>
#include <vector>

#include "server/command_table.h"
#include "server/config/config.h"
#include "server/config/config_store.h"
#include "server/node_state.h"
#include "server/server_parts.h"
#include "server/session.h"
#include "storage/base/clock.h"
#include "storage/base/numbers.h"
#include "storage/base/quoting.h"

namespace cachenode {
namespace {

constexpr int64_t kUsPerSecond = 1'000'000;

void AppendTime(std::string& to, int64_t now_us) {
  AppendInt64(to, now_us / kUsPerSecond);
  const std::string fraction = std::to_string(kUsPerSecond + now_us % kUsPerSecond);
  to.push_back('.');
  to.append(fraction, 1);  // Six digits: the one in front only kept the zeros.
}

}  // namespace

void MonitorFeed::FeedAfter(const Session& session, const Command& command, Args args) {
  if (!Any() || command.Is(kSkipMonitor) || command.Is(kAdmin)) return;
  Feed(session, command, args);
}

void MonitorFeed::Feed(const Session& session, const Command& command, Args args) {
  if (!Any() || parts_.state->loading.load(std::memory_order_relaxed)) return;
  std::string line("+");
  AppendTime(line, parts_.clock->NowUs());
  line.append(" [");
  AppendUint64(line, session.database);
  if (session.caller != nullptr) {
    line.append(" lua");
  } else if (session.is_unix_socket) {
    line.append(" unix:").append(parts_.config->Current().unixsocket);
  } else {
    line.append(" ").append(session.peer_address);
  }
  line.push_back(']');
  std::vector<std::string_view> shown;
  if (command.spec->is_secret != nullptr) shown = WithoutSecrets(command, args);
  for (const std::string_view argument : shown.empty() ? args : Args(shown)) {
    line.push_back(' ');
    AppendQuoted(line, argument);
  }
  line.append("\r\n");
  // Its own requests a monitor sees right behind their replies.
  pubsub_.PublishToMonitors({session.worker_index, &session, true}, line);
}

}  // namespace cachenode
