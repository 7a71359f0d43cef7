// Tells others what happened to this node: each event as a POST to notification-url, and as a message to the topic
// notification-topic-arn where there are credentials for it.
//
// Thread-safety: Enqueue and Figures by any thread; they take one leaf mutex and never wait for the network. Stop by
// the
//   assembly, once. All sending happens on one thread of its own, which starts with the first event there is somebody
//   to tell of.
// Order and loss: each receiver gets the events in their order, and a receiver that is down keeps only its own waiting.
//   A receiver whose kQueueMax places are taken loses the oldest; one that answered notification-max-attempts times
//   with an error that may pass, or once with one that does not, loses that event. Losses are counted and logged. What
//   the process takes to its grave is not sent again: NODE EVENTS and the log are the record.
// Errors: lines of the log; addresses are shown without what follows the host.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "persistence/s3/http_client.h"
#include "persistence/s3/retry_policy.h"
#include "persistence/s3/sns_client.h"
#include "server/config/config.h"
#include "server/node/node_events.h"
#include "storage/base/log.h"

namespace cachenode {

// For INFO; since the start of the node.
struct NotificationFigures {
  uint64_t waiting = 0;
  uint64_t sent = 0;
  uint64_t failed = 0;   // Given up, or refused for good.
  uint64_t dropped = 0;  // No place in the queue, or no time left when the node stopped.
  uint64_t retries = 0;
  std::string last_error;  // Empty: none yet.
};

class NotificationSender {
 public:
  static constexpr size_t kQueueMax = 1000;  // Events waiting for one receiver.
  // What is waiting when the node stops gets one try each, and all of them so long.
  static constexpr int64_t kStopMsMax = 2000;

  // What the sender reads anew before each try: the configuration may change.
  struct Settings {
    std::string url;        // Empty: no receiver.
    std::string topic_arn;  // Empty: no receiver.
    std::string sns_endpoint;
    std::string ca_file;
    int64_t timeout_ms = 0;
    int64_t attempts_max = 1;
    S3Options aws;  // Credentials.
  };
  using SettingsSource = std::function<Settings()>;

  // `settings` is asked on any thread that enqueues and on the sender's. Log and source outlive this.
  NotificationSender(Log& log, std::string source_identifier, SettingsSource settings);
  ~NotificationSender();
  NotificationSender(const NotificationSender&) = delete;
  NotificationSender& operator=(const NotificationSender&) = delete;

  // Notes are not for others and are ignored.
  void Enqueue(const NodeEvent& event);
  // Returns after at most kStopMsMax and a little; nothing is sent any more.
  void Stop();

  [[nodiscard]] NotificationFigures Figures() const;

 private:
  using Clock = std::chrono::steady_clock;
  enum class Receiver : uint8_t { kUrl, kTopic };
  static constexpr size_t kReceivers = 2;
  // How one try went.
  struct Attempt {
    enum class Result : uint8_t { kSent, kMayPass, kRefused };
    Result result = Result::kSent;
    int64_t wait_at_least_ms = 0;
    std::string reason = {};
    int64_t attempts_max = 1;
  };
  struct Lane {
    std::deque<NodeEvent> waiting;
    int64_t attempts = 0;     // Made for the first one that waits.
    Clock::time_point due{};  // Of the next try.
  };

  void Add(Lane& lane, const NodeEvent& event);
  void Run();
  // The receiver whose turn it is, or none; `wake` is when to look again.
  bool TakeTurn(Receiver& receiver, NodeEvent& event, Clock::time_point& wake);
  void Finish(Receiver receiver, const NodeEvent& event, const Attempt& attempt);
  [[nodiscard]] bool MustEnd() const;

  // The sender's thread, without the mutex.
  [[nodiscard]] Attempt Send(Receiver receiver, const NodeEvent& event);
  [[nodiscard]] Attempt Post(const Settings& settings, const NodeEvent& event);
  [[nodiscard]] Attempt Publish(const Settings& settings, const NodeEvent& event);
  [[nodiscard]] Attempt Judge(const HttpOutcome& outcome);

  Log& log_;
  const std::string source_identifier_;
  const SettingsSource settings_;

  // The sender's thread only.
  std::unique_ptr<HttpEngine> engine_;
  std::unique_ptr<SnsClient> sns_;
  std::string sns_made_for_;
  RetryPolicy retry_;

  mutable std::mutex mutex_;  // A leaf lock.
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::array<Lane, kReceivers> lanes_;
  NotificationFigures figures_;
  bool stopping_ = false;
  Clock::time_point stop_until_{};
  std::thread thread_;
};

}  // namespace cachenode
