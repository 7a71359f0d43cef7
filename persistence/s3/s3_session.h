// One object's conversation with its store: whose keys, which region and host, which clock, and what an answer means.
//
// A caller asks Sign for a request, runs it on engine(), and lets Judge decide. Whatever a refusal teaches (region,
//   host, clock, expired keys) is kept for all later requests. Nothing in here is bound to reading: an upload signs and
//   judges its parts the same way.
// Thread-safety: one thread at a time; handed from the opening thread to the download thread.
// Errors: every text begins with s3://bucket/key.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "persistence/s3/aws_settings.h"
#include "persistence/s3/credentials.h"
#include "persistence/s3/http_client.h"
#include "persistence/s3/retry_policy.h"
#include "persistence/s3/s3_endpoint.h"
#include "persistence/s3/s3_error.h"
#include "persistence/s3/s3_options.h"
#include "persistence/s3/s3_signer.h"
#include "persistence/s3/s3_uri.h"
#include "storage/base/function_ref.h"

namespace cachenode {

// Corrections (region, redirect, clock, keys) without a success between them.
inline constexpr int kS3CorrectionsMax = 5;

// One request to make for the object.
struct S3Call {
  std::string_view method;
  // Another key of the bucket than the session's; empty: the bucket itself.
  std::optional<std::string> key = {};
  std::vector<QueryParameter> query = {};
  std::vector<HttpHeader> store_headers = {};  // x-amz-*; signed.
  std::vector<HttpHeader> headers = {};        // Not signed.
  // Must stay as it is until the transfer ended.
  std::string_view body = {};
  std::string_view body_sha256 = kEmptyPayloadSha256;  // In hexadecimal.
};

struct S3SignedRequest {
  HttpRequest http;
  std::string region;       // Signed for.
  std::string key;          // Asked for.
  uint64_t generation = 0;  // Of what the session knew when it signed.
};

struct S3Verdict {
  enum class Next : uint8_t { kSucceeded, kRetryAtOnce, kRetryLater, kFail };
  Next next = Next::kSucceeded;
  int64_t wait_at_least_ms = 0;
  Err code = Err::kUnavailable;
  std::string reason;        // Why not succeeded; without the object's name.
  bool unexplained = false;  // A refusal without an error code, as HEAD gets it.
};

class S3Session {
 public:
  // Reads environment and profile files and settles region and endpoint; keys are looked for by the first Sign.
  // `progress` may be shared with anyone.
  static Result<std::unique_ptr<S3Session>> Open(const S3Location& location, const S3Options& options,
                                                 std::shared_ptr<S3Progress> progress, EnvironmentLookup environment,
                                                 S3Purpose purpose = S3Purpose::kRead);
  S3Session(const S3Session&) = delete;
  S3Session& operator=(const S3Session&) = delete;

  // The request with timeouts set. May block for credentials.
  Result<S3SignedRequest> Sign(const S3Call& call);
  // A request without a body; `headers` are not signed.
  Result<S3SignedRequest> Sign(std::string_view method, std::vector<HttpHeader> headers) {
    return Sign({.method = method, .headers = std::move(headers)});
  }

  // What the finished `transfer` of `request` means; `is_success` tells which statuses the caller wanted.
  S3Verdict Judge(const S3SignedRequest& request, const HttpTransfer& transfer, bool is_success);

  // Makes `call` again and again until `is_final` takes the answer, or the error is for good. Blocks.
  Result<HttpResponse> Perform(const S3Call& call, FunctionRef<bool(const HttpResponse&)> is_final);
  // Whether the last Perform that failed was refused each time it was tried, so that the store did nothing.
  [[nodiscard]] bool WasRefused() const { return was_refused_; }

  // True once the user cancelled, or the deadline passed; Stopped says which.
  [[nodiscard]] bool ShouldStop() const;
  [[nodiscard]] Status Stopped() const;

  // An error about this object: "s3://bucket/key: " and `what`.
  [[nodiscard]] Status Error(Err code, std::string_view what) const;
  void Report(std::string_view event) const;
  // Sleeps, but not past cancellation or deadline.
  void Sleep(int64_t duration_ms) const;

  [[nodiscard]] HttpEngine& engine() { return engine_; }
  [[nodiscard]] RetryPolicy& retry() { return retry_; }
  [[nodiscard]] S3Progress& progress() { return *progress_; }
  [[nodiscard]] const S3Options& options() const { return options_; }
  [[nodiscard]] const S3Location& location() const { return location_; }

 private:
  using Clock = std::chrono::steady_clock;

  S3Session(const S3Location& location, const S3Options& options, std::shared_ptr<S3Progress> progress,
            AwsSettings settings, S3Purpose purpose);
  [[nodiscard]] S3Target TargetOf(std::string_view key) const;
  [[nodiscard]] bool IsCancelled() const;
  Status SettleEndpoint();
  Status SettleRegion();
  void SetRegion(std::string region);
  void NoteSource(const AwsCredentials& credentials);
  [[nodiscard]] std::vector<HttpHeader> StoreHeaders() const;
  void AddSignature(const S3Call& call, const S3Target& target, const AwsCredentials& credentials,
                    std::vector<HttpHeader>& headers) const;
  void SetTimeouts(HttpRequest& request) const;
  S3Verdict JudgeFault(const HttpTransfer& transfer) const;
  S3Verdict JudgeRefusal(const S3SignedRequest& request, const HttpResponse& response);
  bool ApplyCorrection(S3Reaction reaction, const S3Error& error, const HttpResponse& response, const std::string& key);
  bool FollowRedirect(const std::string& url, const std::string& key);

  const S3Location location_;
  const S3Options options_;
  const std::shared_ptr<S3Progress> progress_;  // Shared with whoever shows it; the last user is unknown.
  const AwsSettings settings_;
  const Clock::time_point deadline_;
  const S3Purpose purpose_;
  HttpEngine engine_;
  HttpEngine credential_engine_;  // Its own: keys may be renewed while the other's transfers are running.
  const CredentialWorld world_;
  CredentialChain credentials_;
  RetryPolicy retry_;

  std::optional<S3Endpoint> custom_endpoint_;
  std::string region_;
  bool region_is_guess_ = false;
  S3Target target_;
  int64_t clock_offset_s_ = 0;
  uint64_t generation_ = 0;
  int corrections_ = 0;
  bool was_refused_ = false;
  std::string noted_source_;
};

}  // namespace cachenode
