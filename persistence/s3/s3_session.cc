#include "persistence/s3/s3_session.h"

#include <sys/random.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "persistence/s3/credential_services.h"
#include "persistence/s3/s3_signer.h"

namespace cachenode {
namespace {

constexpr std::string_view kDefaultRegion = "us-east-1";
constexpr int64_t kSleepSliceMs = 50;

uint64_t RandomSeed() {
  uint64_t seed = 0;
  if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != static_cast<ssize_t>(sizeof seed)) {
    seed = static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  }
  return seed;
}

int64_t SystemUnixS() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

int AttemptsMax(const S3Options& options, const AwsSettings& settings) {
  if (options.s3_max_attempts > 0) return std::min(options.s3_max_attempts, kS3AttemptsMax);
  const int64_t from_environment = RetryAfterMs(settings.Variable("AWS_MAX_ATTEMPTS")) / 1000;
  if (from_environment <= 0) return kS3AttemptsDefault;
  return static_cast<int>(std::min<int64_t>(from_environment, kS3AttemptsMax));
}

std::chrono::steady_clock::time_point DeadlineOf(const S3Options& options) {
  using Clock = std::chrono::steady_clock;
  if (options.s3_timeout_s == 0) return Clock::time_point::max();
  return Clock::now() + std::chrono::seconds(options.s3_timeout_s);
}

std::string_view RegionOfPartition(std::string_view partition) {
  if (partition == "aws-cn") return "cn-north-1";
  if (partition == "aws-us-gov") return "us-gov-west-1";
  return kDefaultRegion;
}

}  // namespace

Result<std::unique_ptr<S3Session>> S3Session::Open(const S3Location& location, const S3Options& options,
                                                   std::shared_ptr<S3Progress> progress, EnvironmentLookup environment,
                                                   S3Purpose purpose) {
  Result<AwsSettings> settings = AwsSettings::Load(options, std::move(environment));
  if (!settings) return std::move(settings.error()).WithContext(location.Display());
  std::unique_ptr<S3Session> session(
      new S3Session(location, options, std::move(progress), *std::move(settings), purpose));
  if (Status status = session->SettleEndpoint(); !status) return std::move(status).WithContext(location.Display());
  if (Status status = session->SettleRegion(); !status) return std::move(status).WithContext(location.Display());
  return session;
}

S3Session::S3Session(const S3Location& location, const S3Options& options, std::shared_ptr<S3Progress> progress,
                     AwsSettings settings, S3Purpose purpose)
    : location_(location),
      options_(options),
      progress_(std::move(progress)),
      settings_(std::move(settings)),
      deadline_(DeadlineOf(options)),
      purpose_(purpose),
      world_{[this](const HttpRequest& request) {
               return credential_engine_.Perform(request, [this] { return ShouldStop(); });
             },
             [] { return SystemUnixS(); }, [this](int64_t duration_ms) { Sleep(duration_ms); }},
      credentials_(options_, settings_, world_),
      retry_(AttemptsMax(options, settings_), RandomSeed()) {}

Status S3Session::SettleEndpoint() {
  std::string text = settings_.S3Endpoint();
  // An address that names its own host is more particular than the machine's settings, not than the option.
  if (!location_.endpoint.empty() && options_.s3_endpoint.empty()) text = location_.endpoint;
  if (text.empty()) return Status::Ok();
  Result<S3Endpoint> endpoint = ParseS3Endpoint(text);
  if (!endpoint) return endpoint.error();
  custom_endpoint_ = *std::move(endpoint);
  return Status::Ok();
}

Status S3Session::SettleRegion() {
  Result<std::string> region = settings_.Region();
  if (!region) return region.error();
  if (!location_.region.empty() && options_.s3_region.empty()) *region = location_.region;
  const bool is_guess = region->empty();
  if (is_guess) *region = RegionOfPartition(location_.partition);  // The store corrects it.
  SetRegion(*std::move(region));
  region_is_guess_ = is_guess;
  return Status::Ok();
}

Result<S3SignedRequest> S3Session::Sign(const S3Call& call) {
  const AwsCredentials* credentials = nullptr;
  if (!options_.s3_anonymous) {
    Result<const AwsCredentials*> found = credentials_.Get();
    if (!found && ShouldStop()) return Stopped();
    if (!found) return Error(found.status().code(), found.status().text());
    credentials = *found;
    NoteSource(*credentials);
  }
  S3SignedRequest request;
  request.http.method = call.method;
  const S3Target target = call.key ? TargetOf(*call.key) : target_;
  request.http.url = target.Url();
  if (!call.query.empty()) request.http.url.append("?").append(CanonicalQuery(call.query));
  request.http.large_body = call.body;
  request.region = region_;
  request.key = call.key.value_or(location_.key);
  request.generation = generation_;
  request.http.headers = StoreHeaders();
  request.http.headers.insert(request.http.headers.end(), call.store_headers.begin(), call.store_headers.end());
  if (credentials != nullptr) AddSignature(call, target, *credentials, request.http.headers);
  request.http.headers.push_back({"user-agent", "cachenode"});
  request.http.headers.insert(request.http.headers.end(), call.headers.begin(), call.headers.end());
  SetTimeouts(request.http);
  progress_->requests.fetch_add(1, std::memory_order_relaxed);
  return request;
}

// What region, endpoint and redirects made of the session's own target, with another path.
S3Target S3Session::TargetOf(std::string_view key) const {
  const bool host_has_bucket = target_.path == "/" + UriEncode(location_.key, true);
  S3Target target{target_.scheme, target_.authority, "/"};
  if (!host_has_bucket) target.path.append(location_.bucket).append("/");
  target.path.append(UriEncode(key, true));
  return target;
}

// Tells where new keys come from. Those of the machine's own role come with the machine's region, if no other is known.
void S3Session::NoteSource(const AwsCredentials& credentials) {
  if (noted_source_ == credentials.source) return;
  noted_source_ = credentials.source;
  if (region_is_guess_ && !custom_endpoint_ && credentials.source == kInstanceMetadataName) {
    const std::string region = FetchInstanceRegion(settings_, world_);
    if (!region.empty()) SetRegion(region);
  }
  Report(std::string("AWS credentials from ").append(credentials.source).append(", region ").append(region_));
}

void S3Session::SetRegion(std::string region) {
  region_ = std::move(region);
  region_is_guess_ = false;
  target_ = MakeS3Target(location_, custom_endpoint_, region_, options_.s3_path_style);
}

std::vector<HttpHeader> S3Session::StoreHeaders() const {
  std::vector<HttpHeader> headers = {{"host", target_.authority}};
  if (options_.s3_request_payer) headers.push_back({"x-amz-request-payer", "requester"});
  if (!options_.s3_expected_bucket_owner.empty()) {
    headers.push_back({"x-amz-expected-bucket-owner", options_.s3_expected_bucket_owner});
  }
  return headers;
}

// Signs all of `headers`, and adds what a signature needs.
void S3Session::AddSignature(const S3Call& call, const S3Target& target, const AwsCredentials& credentials,
                             std::vector<HttpHeader>& headers) const {
  const int64_t now_s = SystemUnixS() + clock_offset_s_;
  headers.push_back({"x-amz-content-sha256", std::string(call.body_sha256)});
  headers.push_back({"x-amz-date", AmzDate(now_s)});
  if (!credentials.session_token.empty()) headers.push_back({"x-amz-security-token", credentials.session_token});
  const SigningRequest to_sign{call.method, target.path, call.query, headers, call.body_sha256};
  headers.push_back({"Authorization", AuthorizationHeader(to_sign, {region_, "s3", now_s},
                                                          {credentials.access_key_id, credentials.secret_access_key})});
}

void S3Session::SetTimeouts(HttpRequest& request) const {
  request.connect_timeout_ms = options_.s3_connect_timeout_s * 1000;
  request.stall_timeout_ms = options_.s3_stall_timeout_s * 1000;
  request.ca_file = settings_.CaFile();
}

S3Verdict S3Session::Judge(const S3SignedRequest& request, const HttpTransfer& transfer, bool is_success) {
  if (transfer.fault() != HttpFault::kNone) return JudgeFault(transfer);
  if (is_success) {
    corrections_ = 0;
    return {};
  }
  return JudgeRefusal(request, transfer.response());
}

S3Verdict S3Session::JudgeFault(const HttpTransfer& transfer) const {
  S3Verdict verdict;
  verdict.next = S3Verdict::Next::kRetryLater;
  verdict.reason = transfer.fault_text();
  if (transfer.fault() == HttpFault::kCancelled) verdict.code = Err::kCancelled;
  const bool hopeless = transfer.fault() == HttpFault::kCancelled || transfer.fault() == HttpFault::kTls ||
                        transfer.fault() == HttpFault::kTooLong;
  if (hopeless) verdict.next = S3Verdict::Next::kFail;
  return verdict;
}

S3Verdict S3Session::JudgeRefusal(const S3SignedRequest& request, const HttpResponse& response) {
  const S3Error error = ParseS3Error(response);
  S3Verdict verdict;
  verdict.reason = DescribeS3Error(error, purpose_);
  verdict.unexplained = error.code.empty();
  const S3Reaction reaction = ReactionTo(error, request.region);
  if (reaction == S3Reaction::kRetry) {
    verdict.next = S3Verdict::Next::kRetryLater;
    verdict.wait_at_least_ms = RetryAfterMs(response.Header("retry-after"));
    return verdict;
  }
  // Another request of the same time has already taught the session better: just sign again.
  const bool outdated = request.generation < generation_;
  const bool corrected =
      reaction != S3Reaction::kFail && (outdated || ApplyCorrection(reaction, error, response, request.key));
  verdict.next = corrected ? S3Verdict::Next::kRetryAtOnce : S3Verdict::Next::kFail;
  return verdict;
}

// `key` is the one that was asked for; the session's own target follows.
bool S3Session::FollowRedirect(const std::string& url, const std::string& key) {
  S3Location asked = location_;
  asked.key = key;
  std::optional<S3Target> target = RedirectedTarget(TargetOf(key), url, asked);
  if (!target) return false;
  const bool host_has_bucket = target->path == "/" + UriEncode(key, true);
  target->path = host_has_bucket ? "/" : "/" + location_.bucket + "/";
  target->path.append(UriEncode(location_.key, true));
  target_ = *std::move(target);
  Report(std::string("redirected to ").append(target_.authority));
  return true;
}

bool S3Session::ApplyCorrection(S3Reaction reaction, const S3Error& error, const HttpResponse& response,
                                const std::string& key) {
  if (++corrections_ > kS3CorrectionsMax) return false;
  if (reaction == S3Reaction::kCorrectRegion) {
    if (!IsRegionName(error.region)) return false;
    Report(std::string("the bucket is in region ").append(error.region).append(", not ").append(region_));
    SetRegion(error.region);
  } else if (reaction == S3Reaction::kRedirect) {
    if (!FollowRedirect(error.redirect, key)) return false;
  } else if (reaction == S3Reaction::kCorrectClock) {
    const std::optional<int64_t> store_time = ParseHttpDate(response.Header("date"));
    if (!store_time || clock_offset_s_ != 0) return false;
    clock_offset_s_ = *store_time - SystemUnixS();
    Report(std::string("this machine's clock is ")
               .append(std::to_string(-clock_offset_s_))
               .append(" s ahead of the store's"));
  } else if (reaction == S3Reaction::kRenewCredentials) {
    if (options_.s3_anonymous) return false;
    Report("the store says the credentials have expired; asking for new ones");
    credentials_.Discard();
  }
  ++generation_;
  return true;
}

Result<HttpResponse> S3Session::Perform(const S3Call& call, FunctionRef<bool(const HttpResponse&)> is_final) {
  was_refused_ = true;
  HttpTransfer transfer;
  for (int attempt = 1;;) {
    if (ShouldStop()) return Stopped();
    Result<S3SignedRequest> request = Sign(call);
    if (!request) return request.error();
    transfer.Prepare(request->http, nullptr);
    engine_.Run(transfer, [this] { return ShouldStop(); });
    const bool is_wanted = transfer.fault() == HttpFault::kNone && is_final(transfer.response());
    constexpr int kServerFault = 500;
    if (transfer.fault() != HttpFault::kNone || transfer.response().status >= kServerFault) was_refused_ = false;
    const S3Verdict verdict = Judge(*request, transfer, is_wanted);
    if (verdict.next == S3Verdict::Next::kSucceeded) return transfer.response();
    if (verdict.next == S3Verdict::Next::kRetryAtOnce) continue;
    if (ShouldStop()) return Stopped();
    if (verdict.next == S3Verdict::Next::kFail) return Error(verdict.code, verdict.reason);
    if (attempt >= retry_.attempts_max()) {
      return Error(
          verdict.code,
          std::string("gave up after ").append(std::to_string(attempt)).append(" attempts: ").append(verdict.reason));
    }
    const int64_t wait_ms = retry_.BackoffMs(attempt++, verdict.wait_at_least_ms);
    progress_->retries.fetch_add(1, std::memory_order_relaxed);
    Report(std::string(verdict.reason).append("; next try in ").append(std::to_string(wait_ms)).append(" ms"));
    Sleep(wait_ms);
  }
}

bool S3Session::IsCancelled() const {
  if (progress_->cancel_requested.load(std::memory_order_relaxed)) return true;
  return options_.stop != nullptr && options_.stop->load(std::memory_order_relaxed);
}

bool S3Session::ShouldStop() const { return IsCancelled() || Clock::now() >= deadline_; }

Status S3Session::Stopped() const {
  if (IsCancelled()) return Error(Err::kCancelled, "cancelled");
  return Error(
      Err::kUnavailable,
      std::string("not complete after s3-timeout of ").append(std::to_string(options_.s3_timeout_s)).append(" s"));
}

Status S3Session::Error(Err code, std::string_view what) const {
  return Status::WithText(code, location_.Display().append(": ").append(what));
}

void S3Session::Report(std::string_view event) const {
  if (options_.on_event) options_.on_event(location_.Display().append(": ").append(event));
}

void S3Session::Sleep(int64_t duration_ms) const {
  const Clock::time_point until = Clock::now() + std::chrono::milliseconds(duration_ms);
  while (Clock::now() < until && !ShouldStop()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now());
    // tidy: allow(sleep) Called by the opening and the download thread, never by a loop.
    std::this_thread::sleep_for(std::min(left, std::chrono::milliseconds(kSleepSliceMs)));
  }
}

}  // namespace cachenode
