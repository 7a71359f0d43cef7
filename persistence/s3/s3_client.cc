#include "persistence/s3/s3_client.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "persistence/s3/curl_library.h"
#include "persistence/s3/s3_download.h"
#include "persistence/s3/s3_multipart.h"
#include "persistence/s3/s3_session.h"
#include "persistence/s3/s3_signer.h"
#include "persistence/s3/s3_upload.h"

namespace cachenode {
namespace {

Status OutOfRange(std::string_view directive, int64_t low, int64_t high) {
  std::string text(directive);
  text.append(" must be between ").append(std::to_string(low)).append(" and ").append(std::to_string(high));
  return Status::WithText(Err::kConfig, std::move(text));
}

// Asks for the object's size and version. HEAD answers refusals without a body, so a refusal is asked again as a GET
// of one byte, which says why; if that succeeds, its headers serve as well.
class FactsQuery {
 public:
  explicit FactsQuery(S3Session& session) : session_(session) {}

  Result<S3ObjectFacts> Run() {
    int attempt = 1;
    while (true) {
      if (session_.ShouldStop()) return session_.Stopped();
      Result<S3SignedRequest> request = Request();
      if (!request) return request.error();
      transfer_.Prepare(request->http, nullptr);
      session_.engine().Run(transfer_, [this] { return session_.ShouldStop(); });
      const int status = transfer_.response().status;
      // An empty object has no byte to ask for: 416.
      const bool empty_probe = probing_ && status == 416 && TotalOfContentRange() == int64_t{0};
      const S3Verdict verdict = session_.Judge(*request, transfer_, status == (probing_ ? 206 : 200) || empty_probe);
      if (verdict.next == S3Verdict::Next::kSucceeded) return Facts();
      if (verdict.next == S3Verdict::Next::kRetryAtOnce) continue;
      if (verdict.next == S3Verdict::Next::kFail) {
        if (session_.ShouldStop()) return session_.Stopped();
        if (probing_ || !verdict.unexplained || status == 0) return session_.Error(verdict.code, verdict.reason);
        probing_ = true;
        continue;
      }
      if (Status status_after = WaitForRetry(attempt++, verdict); !status_after) return status_after;
    }
  }

 private:
  Result<S3SignedRequest> Request() {
    if (!probing_) return session_.Sign("HEAD", {});
    return session_.Sign("GET", {{"range", "bytes=0-0"}});
  }

  Status WaitForRetry(int attempt, const S3Verdict& verdict) {
    if (attempt >= session_.retry().attempts_max()) {
      return session_.Error(
          verdict.code,
          std::string("gave up after ").append(std::to_string(attempt)).append(" attempts: ").append(verdict.reason));
    }
    const int64_t wait_ms = session_.retry().BackoffMs(attempt, verdict.wait_at_least_ms);
    session_.progress().retries.fetch_add(1, std::memory_order_relaxed);
    session_.Report(std::string(verdict.reason).append("; next try in ").append(std::to_string(wait_ms)).append(" ms"));
    session_.Sleep(wait_ms);
    return Status::Ok();
  }

  [[nodiscard]] std::optional<int64_t> TotalOfContentRange() const {
    const std::string_view range = transfer_.response().Header("content-range");
    const size_t slash = range.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    return ParseByteCount(range.substr(slash + 1));
  }

  Result<S3ObjectFacts> Facts() {
    const HttpResponse& response = transfer_.response();
    const std::optional<int64_t> size =
        probing_ ? TotalOfContentRange() : ParseByteCount(response.Header("content-length"));
    if (!size) return session_.Error(Err::kUnavailable, "the store does not say how long the object is");
    const std::string_view storage_class = response.Header("x-amz-storage-class");
    const bool archived = storage_class == "GLACIER" || storage_class == "DEEP_ARCHIVE";
    const bool restored = response.Header("x-amz-restore").find("ongoing-request=\"false\"") != std::string_view::npos;
    if (archived && !restored) {
      return session_.Error(Err::kUnavailable, std::string("the object is archived in storage class ")
                                                   .append(storage_class)
                                                   .append(" and must be restored first (InvalidObjectState)"));
    }
    S3ObjectFacts facts{*size, std::string(response.Header("etag"))};
    if (facts.etag.empty() && facts.size_bytes > 0)
      return session_.Error(Err::kUnavailable, "the store gives no ETag to pin the object by");
    return facts;
  }

  S3Session& session_;
  HttpTransfer transfer_;
  bool probing_ = false;
};

}  // namespace

Status ValidateS3Options(const S3Options& options) {
  const size_t part = options.s3_part_size;
  const size_t count = options.s3_parallel_parts;
  if (part < kS3PartBytesMin || part > kS3PartBytesMax) {
    return OutOfRange("s3-part-size", static_cast<int64_t>(kS3PartBytesMin), static_cast<int64_t>(kS3PartBytesMax));
  }
  if (count < 1 || count > kS3ParallelPartsMax) {
    return OutOfRange("s3-parallel-parts", 1, static_cast<int64_t>(kS3ParallelPartsMax));
  }
  if (part * count > kS3RingBytesMax) {
    return Status::WithText(Err::kConfig, "s3-part-size times s3-parallel-parts must not exceed 1 GB");
  }
  if (options.s3_timeout_s < 0 || options.s3_timeout_s > kS3TimeoutMaxS) {
    return OutOfRange("s3-timeout", 0, kS3TimeoutMaxS);
  }
  if (options.s3_stall_timeout_s < 1 || options.s3_stall_timeout_s > kS3StallTimeoutMaxS) {
    return OutOfRange("s3-stall-timeout", 1, kS3StallTimeoutMaxS);
  }
  if (options.s3_connect_timeout_s < 1 || options.s3_connect_timeout_s > kS3ConnectTimeoutMaxS) {
    return OutOfRange("s3-connect-timeout", 1, kS3ConnectTimeoutMaxS);
  }
  if (options.s3_max_attempts < 0 || options.s3_max_attempts > kS3AttemptsMax) {
    return OutOfRange("s3-max-attempts", 0, kS3AttemptsMax);
  }
  const std::string& encryption = options.s3_server_side_encryption;
  if (!options.s3_sse_kms_key_id.empty() && encryption.substr(0, 7) != "aws:kms") {
    return Status::WithText(Err::kConfig, "s3-sse-kms-key-id needs s3-server-side-encryption aws:kms or aws:kms:dsse");
  }
  const std::string& owner = options.s3_expected_bucket_owner;
  const bool owner_ok =
      owner.empty() || (owner.size() == 12 && owner.find_first_not_of("0123456789") == std::string::npos);
  if (!owner_ok) return Status::WithText(Err::kConfig, "s3-expected-bucket-owner must be an account id of 12 digits");
  return Status::Ok();
}

Result<std::unique_ptr<ByteSource>> OpenS3Object(const S3Location& location, const S3Options& options,
                                                 const std::shared_ptr<S3Progress>& progress) {
  if (Status status = ValidateS3Options(options); !status) return status;
  if (Status status = LoadCurl(); !status) return status;
  Result<std::unique_ptr<S3Session>> session = S3Session::Open(location, options, progress, ProcessEnvironment());
  if (!session) return session.error();
  Result<S3ObjectFacts> facts = FactsQuery(**session).Run();
  if (!facts) return facts.error();
  progress->bytes_total.store(facts->size_bytes, std::memory_order_relaxed);
  Result<std::unique_ptr<S3Download>> download = S3Download::Start(*std::move(session), *std::move(facts));
  if (!download) return download.error();
  return std::unique_ptr<ByteSource>(*std::move(download));
}

Result<std::unique_ptr<ByteSink>> OpenS3Upload(const S3Location& location, const S3UploadOptions& options,
                                               const std::shared_ptr<S3Progress>& progress) {
  if (Status status = ValidateS3Options(options.s3); !status) return status;
  if (Status status = LoadCurl(); !status) return status;
  Result<std::unique_ptr<S3Session>> session =
      S3Session::Open(location, options.s3, progress, ProcessEnvironment(), S3Purpose::kWrite);
  if (!session) return session.error();
  auto multipart = std::make_unique<S3Multipart>(*std::move(session), options.object_headers);
  if (Status status = multipart->Begin(); !status) return status;
  Result<std::unique_ptr<S3Upload>> upload = S3Upload::Start(std::move(multipart), options);
  if (!upload) return upload.error();
  return std::unique_ptr<ByteSink>(*std::move(upload));
}

Result<S3Location> ParseExportLocation(std::string_view target, std::string_view name) {
  if (name.empty() || name.size() > kS3KeyBytesMax) {
    return Status::WithText(Err::kConfig, "the name of an export must have 1 to 1000 characters");
  }
  while (!target.empty() && target.back() == '/') target.remove_suffix(1);
  std::string text(target);
  const bool is_address = target.substr(0, 7) == "http://" || target.substr(0, 8) == "https://";
  text.append("/").append(is_address ? UriEncode(name, true) : std::string(name)).append("-0001.rdb");
  return ParseS3Location(text);
}

}  // namespace cachenode
