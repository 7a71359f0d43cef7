#include "persistence/s3/s3_multipart.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "persistence/s3/answer_fields.h"
#include "persistence/s3/s3_download.h"
#include "persistence/s3/s3_error.h"
#include "storage/base/random.h"

namespace cachenode {
namespace {

constexpr std::string_view kMarkHeader = "x-amz-meta-cachenode-upload";
constexpr size_t kMarkDigits = 32;
constexpr int kAbortAttemptsMax = 3;
constexpr int64_t kAbortPauseMs = 100;

std::string RandomMark() {
  std::string mark(kMarkDigits, '0');
  FillWithRandomHex(mark);
  return mark;
}

std::string Escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out.append("&amp;");
    } else if (c == '<') {
      out.append("&lt;");
    } else if (c == '>') {
      out.append("&gt;");
    } else {
      out.push_back(c);
    }
  }
  return out;
}

std::string PartList(const std::vector<std::string>& etags) {
  std::string xml = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  for (size_t i = 0; i < etags.size(); ++i) {
    xml.append("<Part><PartNumber>").append(std::to_string(i + 1)).append("</PartNumber><ETag>");
    xml.append(Escaped(etags[i])).append("</ETag></Part>");
  }
  return xml.append("</CompleteMultipartUpload>");
}

std::string BucketText(const S3Location& location) { return std::string("The S3 bucket ").append(location.bucket); }

}  // namespace

std::vector<HttpHeader> S3EncryptionHeaders(const S3Options& options) {
  std::vector<HttpHeader> headers;
  if (!options.s3_server_side_encryption.empty()) {
    headers.push_back({"x-amz-server-side-encryption", options.s3_server_side_encryption});
  }
  if (!options.s3_sse_kms_key_id.empty()) {
    headers.push_back({"x-amz-server-side-encryption-aws-kms-key-id", options.s3_sse_kms_key_id});
  }
  return headers;
}

S3Multipart::S3Multipart(std::unique_ptr<S3Session> session, std::vector<HttpHeader> object_headers)
    : session_(std::move(session)), object_headers_(std::move(object_headers)), mark_(RandomMark()) {}

// What is there under the name: 200, or 404. HEAD answers refusals without a body, so they are asked for again as a GET
// of one byte, which says why and lets clock, region and keys be corrected.
Result<HttpResponse> S3Multipart::Head() {
  const auto is_known = [](const HttpResponse& response) { return response.status == 200 || response.status == 404; };
  for (bool corrected = false;; corrected = true) {
    Result<HttpResponse> head = session_->Perform({.method = "HEAD"}, [&](const HttpResponse& response) {
      return is_known(response) || (!corrected && (response.status == 400 || response.status == 403));
    });
    if (!head || is_known(*head)) return head;
    Result<HttpResponse> probe =
        session_->Perform({.method = "GET", .headers = {{"range", "bytes=0-0"}}}, [&](const HttpResponse& response) {
          return is_known(response) || response.status == 206 || response.status == 416;
        });
    if (!probe) return probe;
  }
}

Status S3Multipart::RefuseTaken() const {
  return session_->Error(Err::kUnavailable, BucketText(session_->location())
                                                .append(" already contains an object with key ")
                                                .append(session_->location().key));
}

bool S3Multipart::IsOurs(const HttpResponse& head) const { return head.Header(kMarkHeader) == mark_; }

std::vector<HttpHeader> S3Multipart::ObjectHeaders() const {
  const S3Options& options = session_->options();
  std::vector<HttpHeader> headers = {{std::string(kMarkHeader), mark_}};
  headers.insert(headers.end(), object_headers_.begin(), object_headers_.end());
  const std::vector<HttpHeader> encryption = S3EncryptionHeaders(options);
  headers.insert(headers.end(), encryption.begin(), encryption.end());
  if (!options.s3_storage_class.empty()) headers.push_back({"x-amz-storage-class", options.s3_storage_class});
  return headers;
}

Status S3Multipart::Begin() {
  Result<HttpResponse> head = Head();
  if (!head) return head.error();
  if (head->status == 200) return RefuseTaken();
  Result<HttpResponse> begun = session_->Perform(
      {.method = "POST",
       .query = {{"uploads", ""}},
       .store_headers = ObjectHeaders(),
       .headers = {{"content-type", "application/octet-stream"}}},
      [](const HttpResponse& response) {
        return response.status == 200 || (response.status == 404 && ParseS3Error(response).code == "NoSuchBucket");
      });
  if (!begun) return begun.error();
  if (begun->status == 404) {
    return session_->Error(Err::kUnavailable, BucketText(session_->location()).append(" does not exist"));
  }
  upload_id_ = XmlField(begun->body, "UploadId").value_or("");
  if (upload_id_.empty()) return session_->Error(Err::kUnavailable, "the store began an upload and gave it no id");
  return Status::Ok();
}

S3Call S3Multipart::PartCall(int64_t number, std::string_view body, std::string_view body_sha256) const {
  return {.method = "PUT",
          .query = {{"partNumber", std::to_string(number)}, {"uploadId", upload_id_}},
          .headers = {{"content-type", "application/octet-stream"}},
          .body = body,
          .body_sha256 = body_sha256};
}

Status S3Multipart::Complete(const std::vector<std::string>& etags, int64_t size_bytes) {
  const std::string body = PartList(etags);
  const std::string body_sha256 = Sha256Hex(body);
  // A refusal after the object appeared, and a success that became an error on the way, are looked at here.
  const auto is_final = [](const HttpResponse& response) {
    const std::string code = ParseS3Error(response).code;
    if (response.status == 200) return code != "InternalError" && code != "SlowDown" && code != "ServiceUnavailable";
    return response.status == 412 || response.status == 501 || (response.status == 404 && code == "NoSuchUpload");
  };
  for (bool conditional = true;;) {
    std::vector<HttpHeader> headers = {{"content-type", "application/xml"}};
    if (conditional) headers.push_back({"if-none-match", "*"});
    Result<HttpResponse> answer = session_->Perform({.method = "POST",
                                                     .query = {{"uploadId", upload_id_}},
                                                     .headers = std::move(headers),
                                                     .body = body,
                                                     .body_sha256 = body_sha256},
                                                    is_final);
    if (!answer) return answer.error();
    if (answer->status != 501 || !conditional) return AfterCompletion(*answer, size_bytes);
    Result<HttpResponse> head = Head();
    if (!head) return head.error();
    if (head->status == 200) return IsOurs(*head) ? Verify(size_bytes, true, {}) : RefuseTaken();
    session_->Report("the store knows no conditional completion; the name was looked up again instead");
    conditional = false;
  }
}

Status S3Multipart::AfterCompletion(const HttpResponse& answer, int64_t size_bytes) {
  const S3Error error = ParseS3Error(answer);
  if (answer.status == 200 && error.code.empty()) return Verify(size_bytes, false, {});
  // The answer to an earlier attempt may have been lost, and this be its echo.
  if (answer.status == 412 || answer.status == 404) {
    return Verify(size_bytes, true, answer.status == 412 ? "" : DescribeS3Error(error, S3Purpose::kWrite));
  }
  return session_->Error(Err::kUnavailable, DescribeS3Error(error, S3Purpose::kWrite));
}

// `otherwise`: what to say when the object must be ours and is not; empty when that is another object of the name.
Status S3Multipart::Verify(int64_t size_bytes, bool must_be_ours, std::string_view otherwise) {
  Result<HttpResponse> head = Head();
  if (!head) return head.error();
  if (must_be_ours && (head->status != 200 || !IsOurs(*head))) {
    return otherwise.empty() ? RefuseTaken() : session_->Error(Err::kUnavailable, otherwise);
  }
  if (head->status != 200) {
    return session_->Error(Err::kUnavailable, "the store acknowledged the upload but does not have the object");
  }
  upload_id_.clear();  // It became an object: there is nothing to abort any more.
  const std::optional<int64_t> found = ParseByteCount(head->Header("content-length"));
  if (found == size_bytes) return Status::Ok();
  const bool removed = IsOurs(*head) && session_
                                            ->Perform({.method = "DELETE"},
                                                      [](const HttpResponse& response) {
                                                        return response.status == 200 || response.status == 204;
                                                      })
                                            .ok();
  return session_->Error(Err::kUnavailable,
                         std::string("the store has ")
                             .append(found ? std::to_string(*found) : std::string("?"))
                             .append(" bytes of the ")
                             .append(std::to_string(size_bytes))
                             .append(removed ? " sent; the object was removed" : " sent; remove the object by hand"));
}

void S3Multipart::Abort() {
  if (upload_id_.empty()) return;
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(kAbortMsMax);
  const auto is_late = [until] { return std::chrono::steady_clock::now() >= until; };
  HttpTransfer transfer;
  for (int attempt = 1; attempt <= kAbortAttemptsMax && !is_late(); ++attempt) {
    Result<S3SignedRequest> request = session_->Sign({.method = "DELETE", .query = {{"uploadId", upload_id_}}});
    if (!request) break;
    transfer.Prepare(request->http, nullptr);
    session_->engine().Run(transfer, is_late);
    const int status = transfer.response().status;
    if (transfer.fault() == HttpFault::kNone && (status == 200 || status == 204 || status == 404)) {
      upload_id_.clear();
      return;
    }
    session_->Judge(*request, transfer, false);  // May learn a region, a clock or new keys.
    session_->Sleep(kAbortPauseMs);
  }
  session_->Report("the parts of an unfinished upload may remain in the store until a life cycle rule removes them");
}

}  // namespace cachenode
