#include "server/node/notification_sender.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "persistence/s3/curl_library.h"
#include "persistence/s3/s3_error.h"
#include "persistence/start_thread.h"
#include "server/node/notification_message.h"
#include "storage/base/random.h"

namespace cachenode {
namespace {

constexpr std::array<std::string_view, 2> kReceiverNames = {"notification-url", "notification-topic-arn"};
constexpr int64_t kConnectTimeoutMs = 5000;

bool MayPass(int status) { return status == 408 || status == 425 || status == 429 || status >= 500; }

}  // namespace

NotificationSender::NotificationSender(Log& log, std::string source_identifier, SettingsSource settings)
    : log_(log),
      source_identifier_(std::move(source_identifier)),
      settings_(std::move(settings)),
      retry_(1, ThreadRandom().Next()) {}

NotificationSender::~NotificationSender() { Stop(); }

// --- Any thread ------------------------------------------------------------------------------------------------------

void NotificationSender::Enqueue(const NodeEvent& event) {
  if (TopicNameOf(event.kind).empty()) return;
  const Settings settings = settings_();
  if (settings.url.empty() && settings.topic_arn.empty()) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  if (stopping_) {
    ++figures_.dropped;
    return;
  }
  if (!settings.url.empty()) Add(lanes_[static_cast<size_t>(Receiver::kUrl)], event);
  if (!settings.topic_arn.empty()) Add(lanes_[static_cast<size_t>(Receiver::kTopic)], event);
  if (!thread_.joinable() && !StartThread(thread_, "notifications", [this] { Run(); })) {
    CN_LOG(log_, kWarning, "Cannot start a thread for notifications; they wait.");
  }
  changed_.notify_one();
}

void NotificationSender::Add(Lane& lane, const NodeEvent& event) {
  if (lane.waiting.size() == kQueueMax) {
    lane.waiting.pop_front();
    lane.attempts = 0;
    ++figures_.dropped;
    CN_LOG(log_, kWarning, "A notification was dropped: {} are waiting", kQueueMax);
  }
  lane.waiting.push_back(event);
}

NotificationFigures NotificationSender::Figures() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  NotificationFigures figures = figures_;
  for (const Lane& lane : lanes_) figures.waiting += lane.waiting.size();
  return figures;
}

void NotificationSender::Stop() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!stopping_) stop_until_ = Clock::now() + std::chrono::milliseconds(kStopMsMax);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

bool NotificationSender::MustEnd() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return stopping_ && Clock::now() >= stop_until_;
}

// --- The sender's thread ---------------------------------------------------------------------------------------------

void NotificationSender::Run() {
  for (;;) {
    Receiver receiver{};
    NodeEvent event;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      Clock::time_point wake = Clock::time_point::max();
      while (!TakeTurn(receiver, event, wake)) {
        if (stopping_) return;
        if (wake == Clock::time_point::max()) {
          changed_.wait(lock);
        } else {
          changed_.wait_until(lock, wake);
        }
        wake = Clock::time_point::max();
      }
    }
    const Attempt attempt = Send(receiver, event);
    Finish(receiver, event, attempt);
  }
}

bool NotificationSender::TakeTurn(Receiver& receiver, NodeEvent& event, Clock::time_point& wake) {
  const Clock::time_point now = Clock::now();
  if (stopping_ && now >= stop_until_) {
    for (Lane& lane : lanes_) {
      figures_.dropped += lane.waiting.size();
      lane.waiting.clear();
    }
    return false;
  }
  size_t first = kReceivers;
  for (size_t i = 0; i < kReceivers; ++i) {
    if (lanes_[i].waiting.empty()) continue;
    if (first == kReceivers || lanes_[i].due < lanes_[first].due) first = i;
  }
  if (first == kReceivers) return false;
  if (lanes_[first].due > now && !stopping_) {
    wake = lanes_[first].due;
    return false;
  }
  receiver = static_cast<Receiver>(first);
  event = lanes_[first].waiting.front();
  return true;
}

NotificationSender::Attempt NotificationSender::Send(Receiver receiver, const NodeEvent& event) {
  if (Status failed = LoadCurl(); !failed.ok()) {
    return {.result = Attempt::Result::kRefused, .reason = std::string(failed.text())};
  }
  const Settings settings = settings_();
  Attempt attempt = receiver == Receiver::kUrl ? Post(settings, event) : Publish(settings, event);
  attempt.attempts_max = settings.attempts_max;
  return attempt;
}

NotificationSender::Attempt NotificationSender::Post(const Settings& settings, const NodeEvent& event) {
  if (settings.url.empty()) return {.result = Attempt::Result::kRefused, .reason = "switched off meanwhile"};
  HttpRequest request;
  request.method = "POST";
  request.url = settings.url;
  request.body = PostedMessage(event, source_identifier_);
  request.headers = {{"content-type", "application/json"}, {"user-agent", "cachenode"}};
  request.connect_timeout_ms = std::min(kConnectTimeoutMs, settings.timeout_ms);
  request.total_timeout_ms = settings.timeout_ms;
  request.ca_file = settings.ca_file;
  if (engine_ == nullptr) engine_ = std::make_unique<HttpEngine>();
  Attempt attempt = Judge(engine_->Perform(request, [this] { return MustEnd(); }));
  if (!attempt.reason.empty()) attempt.reason.insert(0, ShownAddress(settings.url) + ": ");
  return attempt;
}

NotificationSender::Attempt NotificationSender::Publish(const Settings& settings, const NodeEvent& event) {
  if (settings.topic_arn.empty()) return {.result = Attempt::Result::kRefused, .reason = "switched off meanwhile"};
  const std::string made_for = settings.topic_arn + " " + settings.sns_endpoint;
  if (sns_ == nullptr || sns_made_for_ != made_for) {
    Result<SnsTopic> topic = ParseSnsTopic(settings.topic_arn);
    if (!topic) return {.result = Attempt::Result::kRefused, .reason = std::string(topic.status().text())};
    Result<std::unique_ptr<SnsClient>> client =
        SnsClient::Create(*std::move(topic), settings.aws, settings.sns_endpoint, [this] { return MustEnd(); });
    if (!client) return {.result = Attempt::Result::kRefused, .reason = std::string(client.status().text())};
    sns_ = *std::move(client);
    sns_made_for_ = made_for;
  }
  Result<HttpOutcome> outcome =
      sns_->Publish(TopicNameOf(event.kind), TopicMessage(event, source_identifier_), settings.timeout_ms);
  if (!outcome) return {.result = Attempt::Result::kRefused, .reason = std::string(outcome.status().text())};
  if (outcome->response.status == 403 && outcome->response.body.find("Expired") != std::string::npos) {
    sns_->DiscardCredentials();
    return {.result = Attempt::Result::kMayPass, .reason = DescribeS3Error(ParseS3Error(outcome->response))};
  }
  return Judge(*outcome);
}

NotificationSender::Attempt NotificationSender::Judge(const HttpOutcome& outcome) {
  if (outcome.fault == HttpFault::kCancelled) {
    return {.result = Attempt::Result::kRefused, .reason = "the node stopped"};
  }
  if (outcome.fault == HttpFault::kTls) {
    return {.result = Attempt::Result::kRefused, .reason = outcome.fault_text};
  }
  if (outcome.fault != HttpFault::kNone && outcome.response.status / 100 != 2) {
    return {.result = Attempt::Result::kMayPass, .reason = outcome.fault_text};
  }
  const int status = outcome.response.status;
  if (status / 100 == 2) return {};
  Attempt attempt;
  attempt.result = MayPass(status) ? Attempt::Result::kMayPass : Attempt::Result::kRefused;
  attempt.wait_at_least_ms = RetryAfterMs(outcome.response.Header("retry-after"));
  attempt.reason = DescribeS3Error(ParseS3Error(outcome.response), S3Purpose::kWrite);
  return attempt;
}

void NotificationSender::Finish(Receiver receiver, const NodeEvent& event, const Attempt& attempt) {
  const std::string_view name = kReceiverNames[static_cast<size_t>(receiver)];
  const std::lock_guard<std::mutex> lock(mutex_);
  Lane& lane = lanes_[static_cast<size_t>(receiver)];
  // The queue overflowed meanwhile: what was tried has been dropped, and counted, already.
  if (lane.waiting.empty() || lane.waiting.front().id != event.id) return;
  if (attempt.result == Attempt::Result::kSent) {
    ++figures_.sent;
    lane.waiting.pop_front();
    lane.attempts = 0;
    lane.due = {};
    return;
  }
  figures_.last_error = fmt::format("{}: {}", name, attempt.reason);
  ++lane.attempts;
  if (attempt.result == Attempt::Result::kMayPass && lane.attempts < attempt.attempts_max && !stopping_) {
    const int64_t wait_ms = retry_.BackoffMs(static_cast<int>(lane.attempts), attempt.wait_at_least_ms);
    lane.due = Clock::now() + std::chrono::milliseconds(wait_ms);
    ++figures_.retries;
    CN_LOG(log_, kNotice, "{}: {}; next try in {} ms", name, attempt.reason, wait_ms);
    return;
  }
  ++figures_.failed;
  CN_LOG(log_, kWarning, "{}: notification {} ({}) was not delivered after {} tries: {}", name, event.id,
         TopicNameOf(event.kind), lane.attempts, attempt.reason);
  lane.waiting.pop_front();
  lane.attempts = 0;
  lane.due = {};
}

}  // namespace cachenode
