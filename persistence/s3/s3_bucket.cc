#include "persistence/s3/s3_bucket.h"

#include <algorithm>
#include <utility>

#include "persistence/s3/curl_library.h"
#include "persistence/s3/s3_client.h"
#include "persistence/s3/s3_download.h"
#include "persistence/s3/s3_multipart.h"

namespace cachenode {
namespace {

// So many that a page of long keys stays below kHttpBodyBytesMax.
constexpr int kKeysPerPage = 150;
constexpr size_t kNameBytesMax = 128;  // Of what lies below a prefix.

bool IsMissing(const HttpResponse& response) {
  return response.status == 404 && ParseS3Error(response).code == "NoSuchKey";
}

}  // namespace

Result<S3Location> ParseS3Prefix(std::string_view text) {
  while (!text.empty() && text.back() == '/') text.remove_suffix(1);
  Result<S3Location> location = ParseS3Location(std::string(text).append("/x"));
  if (!location) return location.error();
  location->key.pop_back();
  if (location->key.size() + kNameBytesMax <= kS3KeyBytesMax) return location;
  return Status::WithText(Err::kConfig, location->Display().append(": the prefix is too long"));
}

bool IsS3Address(std::string_view text) {
  constexpr std::string_view kBeginnings[] = {"s3://", "arn:", "https://", "http://"};
  return std::ranges::any_of(kBeginnings, [text](std::string_view begin) { return text.starts_with(begin); });
}

Result<std::unique_ptr<S3Bucket>> S3Bucket::Open(const S3Location& prefix, const S3Options& options) {
  if (Status status = ValidateS3Options(options); !status) return status;
  if (Status status = LoadCurl(); !status) return status;
  Result<std::unique_ptr<S3Session>> session =
      S3Session::Open(prefix, options, std::make_shared<S3Progress>(), ProcessEnvironment(), S3Purpose::kCatalogue);
  if (!session) return session.error();
  return std::unique_ptr<S3Bucket>(new S3Bucket(*std::move(session)));
}

// The session's errors begin with the prefix; this one is about an object below it.
Status S3Bucket::About(const std::string& key, Status status) const {
  const std::string prefix = session_->location().Display();
  if (!status.text().starts_with(prefix)) return status;
  return Status::WithText(status.code(), prefix + key + std::string(status.text().substr(prefix.size())));
}

bool S3Bucket::MakeRelative(std::string& key) const {
  const std::string& prefix = session_->location().key;
  if (!key.starts_with(prefix)) return false;
  key.erase(0, prefix.size());
  return !key.empty() && key.find('/') == std::string::npos;
}

Result<S3Bucket::Listing> S3Bucket::List() {
  Listing listing;
  std::string token;
  do {
    S3Call call{.method = "GET",
                .key = "",
                .query = {{"list-type", "2"},
                          {"delimiter", "/"},
                          {"max-keys", std::to_string(kKeysPerPage)},
                          {"prefix", session_->location().key}}};
    if (!token.empty()) call.query.push_back({"continuation-token", token});
    Result<HttpResponse> answer =
        session_->Perform(call, [](const HttpResponse& response) { return response.status == 200; });
    if (!answer) return answer.error();
    S3ObjectPage page = ParseObjectPage(answer->body);
    if (listing.answered_s == 0) listing.answered_s = ParseHttpDate(answer->Header("date")).value_or(0);
    for (S3ListedObject& object : page.objects) {
      if (MakeRelative(object.key)) listing.objects.push_back(std::move(object));
    }
    if (listing.objects.size() > kObjectsMax) {
      return session_->Error(Err::kUnavailable,
                             std::string("more than ").append(std::to_string(kObjectsMax)).append(" objects lie here"));
    }
    if (page.next_token == token && !token.empty()) {
      return session_->Error(Err::kUnavailable, "the store lists the same page again and again");
    }
    token = std::move(page.next_token);
  } while (!token.empty());
  std::ranges::sort(listing.objects, {}, &S3ListedObject::key);
  return listing;
}

Result<std::optional<S3Bucket::Object>> S3Bucket::Get(const std::string& key) {
  Result<HttpResponse> answer =
      session_->Perform({.method = "GET", .key = FullKey(key)},
                        [](const HttpResponse& response) { return response.status == 200 || IsMissing(response); });
  if (!answer) return About(key, answer.error());
  if (answer->status == 404) return std::optional<Object>();
  std::string etag(answer->Header("etag"));
  return std::optional<Object>(Object{std::move(answer->body), std::move(etag)});
}

Result<std::string> S3Bucket::GetTail(const std::string& key, uint64_t size_bytes, size_t count) {
  const std::string range = std::string("bytes=")
                                .append(std::to_string(size_bytes - count))
                                .append("-")
                                .append(std::to_string(size_bytes - 1));
  Result<HttpResponse> answer = session_->Perform({.method = "GET", .key = FullKey(key), .headers = {{"range", range}}},
                                                  [](const HttpResponse& response) { return response.status == 206; });
  if (!answer) return About(key, answer.error());
  if (answer->body.size() == count) return std::move(answer->body);
  return About(key, session_->Error(Err::kUnavailable, "the store answers with another range than was asked for"));
}

Result<std::optional<S3Bucket::Facts>> S3Bucket::Look(const std::string& key) {
  // Not HEAD, which refuses without saying why.
  Result<HttpResponse> answer = session_->Perform(
      {.method = "GET", .key = FullKey(key), .headers = {{"range", "bytes=0-0"}}}, [](const HttpResponse& response) {
        return response.status == 206 || response.status == 416 || IsMissing(response);
      });
  if (!answer) return About(key, answer.error());
  if (answer->status == 404) return std::optional<Facts>();
  Facts facts;
  if (answer->status == 206) {
    const std::string_view range = answer->Header("content-range");
    const size_t slash = range.find('/');
    const std::optional<int64_t> size =
        slash == std::string_view::npos ? std::nullopt : ParseByteCount(range.substr(slash + 1));
    if (!size) return About(key, session_->Error(Err::kUnavailable, "the store does not say how long the object is"));
    facts.size_bytes = static_cast<uint64_t>(*size);
  }
  facts.answer = *std::move(answer);
  return std::optional<Facts>(std::move(facts));
}

S3Bucket::PutOutcome S3Bucket::PutNew(const std::string& key, std::string_view body, std::string_view content_type) {
  const std::string body_sha256 = Sha256Hex(body);
  const auto is_final = [](const HttpResponse& response) {
    return response.status == 200 || response.status == 412 || response.status == 501;
  };
  for (bool conditional = true;; conditional = false) {
    std::vector<HttpHeader> headers = {{"content-type", std::string(content_type)}};
    if (conditional) headers.push_back({"if-none-match", "*"});
    Result<HttpResponse> answer = session_->Perform({.method = "PUT",
                                                     .key = FullKey(key),
                                                     .store_headers = S3EncryptionHeaders(session_->options()),
                                                     .headers = std::move(headers),
                                                     .body = body,
                                                     .body_sha256 = body_sha256},
                                                    is_final);
    if (!answer) {
      const Put put = session_->WasRefused() ? Put::kRefused : Put::kUnknown;
      return {put, About(key, answer.error())};
    }
    if (answer->status == 200) return {Put::kStored, {}};
    // Ours, when the answer to an earlier try was lost.
    if (answer->status == 412 || !conditional) return Compare(key, body);
    Result<std::optional<Facts>> there = Look(key);
    if (!there) return {Put::kRefused, there.error()};
    if (*there) return Compare(key, body);
    session_->Report("the store knows no conditional writes; the name was looked up instead");
  }
}

S3Bucket::PutOutcome S3Bucket::Compare(const std::string& key, std::string_view body) {
  Result<std::optional<Object>> there = Get(key);
  if (!there) return {Put::kUnknown, there.error()};
  if (*there && (*there)->body == body) return {Put::kStored, {}};
  return {Put::kTaken, {}};
}

Status S3Bucket::Delete(const std::string& key) {
  Result<HttpResponse> answer =
      session_->Perform({.method = "DELETE", .key = FullKey(key)}, [](const HttpResponse& response) {
        return response.status == 200 || response.status == 204 || IsMissing(response);
      });
  return answer ? Status::Ok() : About(key, answer.error());
}

Result<std::vector<S3ListedUpload>> S3Bucket::ListUploads() {
  Result<HttpResponse> answer = session_->Perform({.method = "GET",
                                                   .key = "",
                                                   .query = {{"uploads", ""},
                                                             {"delimiter", "/"},
                                                             {"max-uploads", std::to_string(kKeysPerPage)},
                                                             {"prefix", session_->location().key}}},
                                                  [](const HttpResponse& response) { return response.status == 200; });
  if (!answer) return answer.error();
  std::vector<S3ListedUpload> uploads;
  for (S3ListedUpload& upload : ParseUploads(answer->body)) {
    if (MakeRelative(upload.key)) uploads.push_back(std::move(upload));
  }
  return uploads;
}

Status S3Bucket::AbortUpload(const S3ListedUpload& upload) {
  Result<HttpResponse> answer =
      session_->Perform({.method = "DELETE", .key = FullKey(upload.key), .query = {{"uploadId", upload.id}}},
                        [](const HttpResponse& response) {
                          return response.status == 200 || response.status == 204 || response.status == 404;
                        });
  return answer ? Status::Ok() : About(upload.key, answer.error());
}

}  // namespace cachenode
