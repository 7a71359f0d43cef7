// An HTTP port for monitoring: /metrics (Prometheus), /healthz (the node's status: with 200 while it serves, 503
// otherwise).
//
// The library is libmicrohttpd: plain C, in Debian for fifteen years, its own thread with a limit of connections and
//   time built in, and small; header libraries cost minutes of compilation, servers on libevent a second loop library.
//   It is loaded when a port is asked for: a node without one does not carry it and the TLS library it brings along.
// Thread-safety: made and destroyed by the main thread, or under the exclusive world lock. Requests run on the
//   library's thread, one after the other; the figures are gathered by worker 0 between two of its events, as for INFO,
//   and become a page on the library's thread.
// Limits: kConnectionsMax at once, kConnectionSeconds each, kAnswerMsMax for worker 0.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "storage/base/result.h"

namespace cachenode {

class MetricsEndpoint {
 public:
  static constexpr unsigned kConnectionsMax = 16;
  static constexpr unsigned kConnectionSeconds = 10;
  static constexpr int64_t kAnswerMsMax = 2000;

  // Takes the text of INFO, on any thread; empty: the node does not answer.
  using OnInfo = std::function<void(std::string info)>;
  // Asks the node for INFO of `section`. Called by the library's thread; must not wait.
  using AskInfo = std::function<void(std::string section, OnInfo on_info)>;

  // Error: kText, for the log.
  static Result<std::unique_ptr<MetricsEndpoint>> Start(const std::string& address, uint16_t port, AskInfo ask_info);
  // A request that is being answered ends with 503 at once: the node may be unable to answer while this waits.
  ~MetricsEndpoint();
  MetricsEndpoint(const MetricsEndpoint&) = delete;
  MetricsEndpoint& operator=(const MetricsEndpoint&) = delete;

  struct Page {
    unsigned status = 0;  // Of HTTP.
    std::string type;
    std::string text;
  };
  // What a GET of `path` answers.
  [[nodiscard]] Page Answer(const std::string& path);

 private:
  struct Daemon;
  struct Question;

  explicit MetricsEndpoint(AskInfo ask_info);
  [[nodiscard]] std::string Info(const std::string& section);

  const AskInfo ask_info_;
  std::mutex mutex_;
  // Guarded by mutex_. What the library's thread waits for now; shared with the node, whose answer may be late.
  std::shared_ptr<Question> waiting_;
  bool stopping_ = false;
  std::unique_ptr<Daemon> daemon_;
};

}  // namespace cachenode
