#include "persistence/s3/s3_download.h"

#include <pthread.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "storage/base/memory_pages.h"

namespace cachenode {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kPollMsMax = 100;  // How late cancellation and the deadline are noticed.

}  // namespace

std::optional<int64_t> ParseByteCount(std::string_view text) {
  int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size() || count < 0) return std::nullopt;
  return count;
}

void S3PartLane::Assign(int64_t part) {
  part_ = part;
  filled_ = 0;
  attempt = 0;
  state = State::kWaiting;
  due = Clock::time_point::min();
}

int64_t S3PartLane::FirstByte() const { return part_ * ring_part_bytes_ + static_cast<int64_t>(filled_); }

int64_t S3PartLane::LastByte() const {
  return part_ * ring_part_bytes_ + static_cast<int64_t>(ring_.PartBytes(part_)) - 1;
}

std::string S3PartLane::RangeHeader() const {
  return std::string("bytes=").append(std::to_string(FirstByte())).append("-").append(std::to_string(LastByte()));
}

bool S3PartLane::IsWantedStatus(int status) const {
  const bool wants_whole_object = FirstByte() == 0 && LastByte() == facts_.size_bytes - 1;
  return status == 206 || (status == 200 && wants_whole_object);
}

bool S3PartLane::Accepts(const HttpResponse& head) {
  mismatch.clear();
  if (head.status == 200 && !IsWantedStatus(200)) {
    mismatch = "the store ignores the Range header and sends the whole object";
    return true;
  }
  if (!IsWantedStatus(head.status)) return false;
  mismatch = MismatchOf(head);
  return true;
}

// What shows that the answer is not the range asked for of the pinned version; empty when nothing does.
std::string S3PartLane::MismatchOf(const HttpResponse& head) const {
  const std::string_view etag = head.Header("etag");
  if (!etag.empty() && etag != facts_.etag) {
    return "the object was replaced while it was read (ETag " + facts_.etag + " became " + std::string(etag) + ")";
  }
  std::string expected = "bytes " + RangeHeader().substr(6);
  expected.append("/").append(std::to_string(facts_.size_bytes));
  const std::string_view range = head.Header("content-range");
  if (head.status == 206 && range != expected) {
    return "the store answered with the range '" + std::string(range) + "' instead of '" + expected + "'";
  }
  // Fewer bytes are a broken transfer and worth another try.
  const std::optional<int64_t> length = ParseByteCount(head.Header("content-length"));
  if (length && *length > LastByte() - FirstByte() + 1) return "the answer is longer than the range asked for";
  return {};
}

bool S3PartLane::Take(std::span<const char> bytes) {
  const std::span<char> buffer = ring_.Buffer(part_);
  if (!mismatch.empty() || bytes.size() > buffer.size() - filled_) return false;
  if (!pages_present_) MakePagesPresent(buffer.data(), buffer.size());
  pages_present_ = true;
  std::memcpy(buffer.data() + filled_, bytes.data(), bytes.size());
  filled_ += bytes.size();
  ring_.Publish(part_, filled_);
  progress_.bytes_received.fetch_add(static_cast<int64_t>(bytes.size()), std::memory_order_relaxed);
  return true;
}

Result<std::unique_ptr<S3Download>> S3Download::Start(std::unique_ptr<S3Session> session, S3ObjectFacts facts) {
  std::unique_ptr<S3Download> download(new S3Download(std::move(session), std::move(facts)));
  const S3Options& options = download->session_->options();
  const auto total = static_cast<uint64_t>(download->facts_.size_bytes);
  const uint64_t part_bytes = std::min<uint64_t>(options.s3_part_size, std::max<uint64_t>(total, 1));
  const uint64_t part_count = (total + part_bytes - 1) / part_bytes;
  const uint64_t slot_count = std::clamp<uint64_t>(part_count, 1, options.s3_parallel_parts);
  const PartRing::Shape shape{download->facts_.size_bytes, part_bytes, slot_count};
  Result<std::unique_ptr<PartRing>> ring =
      PartRing::Create(shape, [engine = &download->session_->engine()] { engine->Wake(); });
  if (!ring) return download->session_->Error(Err::kOutOfMemory, "no memory for the part buffers");
  download->ring_ = *std::move(ring);
  if (total == 0) return download;
  for (uint64_t i = 0; i < slot_count; ++i) {
    download->lanes_.push_back(
        std::make_unique<S3PartLane>(*download->ring_, download->facts_, download->session_->progress()));
  }
  download->thread_ = std::thread([self = download.get()] { self->Run(); });
  return download;
}

S3Download::S3Download(std::unique_ptr<S3Session> session, S3ObjectFacts facts)
    : session_(std::move(session)), facts_(std::move(facts)) {}

S3Download::~S3Download() {
  if (!thread_.joinable()) return;
  stop_.store(true, std::memory_order_relaxed);
  session_->engine().Wake();
  thread_.join();
}

Result<size_t> S3Download::Read(std::span<char> into) {
  Result<size_t> count = ring_->Read(into);
  if (count) {
    session_->progress().bytes_delivered.fetch_add(static_cast<int64_t>(*count), std::memory_order_relaxed);
  }
  return count;
}

void S3Download::Run() {
  pthread_setname_np(pthread_self(), "s3-download");
  HttpEngine& engine = session_->engine();
  bool healthy = true;
  while (healthy && parts_done_ < ring_->PartCount() && !stop_.load(std::memory_order_relaxed)) {
    if (session_->ShouldStop()) {
      Fail(session_->Stopped());
      break;
    }
    healthy = StartLanes();
    engine.Poll(PollTimeoutMs());
    while (HttpTransfer* finished = engine.TakeFinished()) {
      const auto lane = std::find_if(lanes_.begin(), lanes_.end(),
                                     [&](const auto& candidate) { return &candidate->transfer == finished; });
      healthy = FinishLane(**lane) && healthy;
    }
  }
  for (const std::unique_ptr<S3PartLane>& lane : lanes_) engine.Stop(lane->transfer);
}

int S3Download::PollTimeoutMs() const {
  const Clock::time_point now = Clock::now();
  int64_t timeout_ms = kPollMsMax;
  for (const std::unique_ptr<S3PartLane>& lane : lanes_) {
    if (lane->state != S3PartLane::State::kWaiting) continue;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(lane->due - now).count();
    timeout_ms = std::clamp<int64_t>(left + 1, 0, timeout_ms);
  }
  return static_cast<int>(timeout_ms);
}

// Gives idle lanes their next part and starts those whose waiting time is over. False after a failure.
bool S3Download::StartLanes() {
  const int64_t part_count = ring_->PartCount();
  while (next_part_ < part_count && ring_->IsFree(next_part_)) {
    S3PartLane& lane = *lanes_[static_cast<size_t>(next_part_) % lanes_.size()];
    if (lane.state != S3PartLane::State::kIdle) break;  // Read to the end, but its transfer is not collected yet.
    lane.Assign(next_part_++);
  }
  const Clock::time_point now = Clock::now();
  for (const std::unique_ptr<S3PartLane>& lane : lanes_) {
    if (lane->state == S3PartLane::State::kWaiting && lane->due <= now && !StartLane(*lane)) return false;
  }
  return true;
}

bool S3Download::StartLane(S3PartLane& lane) {
  Result<S3SignedRequest> request = session_->Sign("GET", {{"range", lane.RangeHeader()}, {"if-match", facts_.etag}});
  if (!request) {
    Fail(request.error());
    return false;
  }
  lane.request = *std::move(request);
  lane.filled_before = lane.filled();
  ++lane.attempt;
  lane.mismatch.clear();
  lane.state = S3PartLane::State::kRunning;
  lane.transfer.Prepare(lane.request.http, &lane);
  session_->engine().Start(lane.transfer);
  return true;
}

// False after a failure that ends the download.
bool S3Download::FinishLane(S3PartLane& lane) {
  if (lane.IsComplete()) {  // Whatever ended the transfer after the last byte does not matter.
    lane.state = S3PartLane::State::kIdle;
    ++parts_done_;
    session_->Judge(lane.request, lane.transfer, true);
    return true;
  }
  const HttpResponse& response = lane.transfer.response();
  if (!lane.mismatch.empty()) {
    Fail(session_->Error(Err::kUnavailable, PartName(lane).append(lane.mismatch)));
    return false;
  }
  if (response.status == 412) {
    Fail(session_->Error(
        Err::kUnavailable,
        PartName(lane).append("the object was replaced while it was read (HTTP 412 PreconditionFailed)")));
    return false;
  }
  S3Verdict verdict = session_->Judge(lane.request, lane.transfer, lane.IsWantedStatus(response.status));
  if (verdict.next == S3Verdict::Next::kSucceeded) {
    verdict.next = S3Verdict::Next::kRetryLater;
    verdict.reason = "the answer ended before the part was complete";
  }
  return RetryLane(lane, verdict);
}

bool S3Download::RetryLane(S3PartLane& lane, const S3Verdict& verdict) {
  if (lane.filled() - lane.filled_before >= kS3ProgressBytes) lane.attempt = 1;
  if (verdict.next == S3Verdict::Next::kFail) {
    Fail(session_->Error(verdict.code, PartName(lane).append(verdict.reason)));
    return false;
  }
  if (lane.attempt >= session_->retry().attempts_max()) {
    Fail(session_->Error(verdict.code, PartName(lane)
                                           .append("gave up after ")
                                           .append(std::to_string(lane.attempt))
                                           .append(" attempts: ")
                                           .append(verdict.reason)));
    return false;
  }
  const bool at_once = verdict.next == S3Verdict::Next::kRetryAtOnce;
  const int64_t wait_ms = at_once ? 0 : session_->retry().BackoffMs(lane.attempt, verdict.wait_at_least_ms);
  lane.due = Clock::now() + std::chrono::milliseconds(wait_ms);
  lane.state = S3PartLane::State::kWaiting;
  session_->progress().retries.fetch_add(1, std::memory_order_relaxed);
  session_->Report(
      PartName(lane).append(verdict.reason).append("; next try in ").append(std::to_string(wait_ms)).append(" ms"));
  return true;
}

void S3Download::Fail(Status status) { ring_->Fail(status.code(), std::string(status.text())); }

std::string S3Download::PartName(const S3PartLane& lane) const {
  return std::string("part ")
      .append(std::to_string(lane.part() + 1))
      .append(" of ")
      .append(std::to_string(ring_->PartCount()))
      .append(": ");
}

}  // namespace cachenode
