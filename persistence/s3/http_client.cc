#include "persistence/s3/http_client.h"

#include <curl/curl.h>

#include <algorithm>

#include "persistence/s3/curl_library.h"
#include "storage/base/blanks.h"
#include "storage/base/bytes.h"

namespace cachenode {
namespace {

constexpr int kCancelCheckMs = 100;
constexpr size_t kConnectionsMax = 64;

HttpFault FaultOf(CURLcode code) {
  switch (code) {
    case CURLE_OK:
      return HttpFault::kNone;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
      return HttpFault::kConnect;
    case CURLE_OPERATION_TIMEDOUT:
      return HttpFault::kTimeout;
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_WEIRD_SERVER_REPLY:
      return HttpFault::kBroken;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_ISSUER_ERROR:
      return HttpFault::kTls;
    default:
      return HttpFault::kOther;
  }
}

}  // namespace

std::optional<int64_t> ParseHttpDate(std::string_view text) {
  const time_t instant = curl_getdate(std::string(text).c_str(), nullptr);
  if (instant < 0) return std::nullopt;
  return static_cast<int64_t>(instant);
}

std::string_view HttpResponse::Header(std::string_view name) const {
  for (const HttpHeader& header : headers) {
    if (EqualsIgnoreCase(header.name, name)) return header.value;
  }
  return {};
}

// What libcurl calls back; noexcept so that a stray exception stops here and does not unwind through C.
struct HttpCallbacks {
  static size_t Header(char* data, size_t size, size_t count, void* self) noexcept {
    const size_t bytes = size * count;
    return static_cast<HttpTransfer*>(self)->OnHeaderLine({data, bytes}) ? bytes : 0;
  }
  static size_t Body(char* data, size_t size, size_t count, void* self) noexcept {
    const size_t bytes = size * count;
    return static_cast<HttpTransfer*>(self)->OnBody({data, bytes}) ? bytes : 0;
  }
};

HttpTransfer::HttpTransfer() {
  static_cast<void>(LoadCurl());  // OpenS3Object reports a failure; here it would be a bug.
  easy_ = curl_easy_init();
}

HttpTransfer::~HttpTransfer() {
  curl_easy_cleanup(easy_);
  curl_slist_free_all(static_cast<curl_slist*>(header_list_));
}

void HttpTransfer::Prepare(const HttpRequest& request, HttpBodySink* sink) {
  sink_ = sink;
  response_ = {};
  header_bytes_ = 0;
  head_done_ = to_sink_ = too_long_ = false;
  fault_ = HttpFault::kNone;
  fault_text_.clear();
  error_buffer_.assign(CURL_ERROR_SIZE, '\0');
  request_body_ = request.body;

  curl_easy_reset(easy_);
  curl_easy_setopt(easy_, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(easy_, CURLOPT_PRIVATE, this);
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_buffer_.data());
  curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &HttpCallbacks::Header);
  curl_easy_setopt(easy_, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &HttpCallbacks::Body);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy_, CURLOPT_BUFFERSIZE, kHttpReceiveBytes);
  curl_easy_setopt(easy_, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy_, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYHOST, 2L);
  if (!request.ca_file.empty()) curl_easy_setopt(easy_, CURLOPT_CAINFO, request.ca_file.c_str());
  if (!request.use_proxy) curl_easy_setopt(easy_, CURLOPT_PROXY, "");
  SetLimits(request);
  SetHeaders(request);
}

void HttpTransfer::SetLimits(const HttpRequest& request) {
  curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_timeout_ms));
  curl_easy_setopt(easy_, CURLOPT_TIMEOUT_MS, static_cast<long>(request.total_timeout_ms));
  if (request.stall_timeout_ms == 0) return;
  curl_easy_setopt(easy_, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(easy_, CURLOPT_LOW_SPEED_TIME, static_cast<long>((request.stall_timeout_ms + 999) / 1000));
}

void HttpTransfer::SetHeaders(const HttpRequest& request) {
  curl_slist* list = nullptr;
  for (const HttpHeader& header : request.headers) {
    list = curl_slist_append(list, std::string(header.name).append(": ").append(header.value).c_str());
  }
  list = curl_slist_append(list, "Expect:");  // No waiting for "100 Continue".
  curl_slist_free_all(static_cast<curl_slist*>(header_list_));
  header_list_ = list;
  if (request.method == "HEAD") {
    curl_easy_setopt(easy_, CURLOPT_NOBODY, 1L);
  } else if (request.method == "DELETE") {
    curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, "DELETE");
  } else if (request.method != "GET") {
    const std::string_view body = request_body_.empty() ? request.large_body : std::string_view(request_body_);
    curl_easy_setopt(easy_, CURLOPT_POST, 1L);
    curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, body.data());
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    if (!request.large_body.empty()) curl_easy_setopt(easy_, CURLOPT_UPLOAD_BUFFERSIZE, kHttpSendBytes);
  }
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, list);
}

bool HttpTransfer::OnHeaderLine(std::string_view line) {
  header_bytes_ += line.size();
  if (header_bytes_ > kHttpHeaderBytesMax) {
    too_long_ = true;
    return false;
  }
  if (line.substr(0, 5) == "HTTP/") {  // A new status line: what came before was a 1xx or a proxy's answer.
    response_.headers.clear();
    long status = 0;
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    response_.status = static_cast<int>(status);
    return true;
  }
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return true;
  response_.headers.push_back({std::string(line.substr(0, colon)), std::string(TrimBlanks(line.substr(colon + 1)))});
  return true;
}

bool HttpTransfer::OnBody(std::span<const char> bytes) {
  if (!head_done_) {
    head_done_ = true;
    to_sink_ = sink_ != nullptr && sink_->Accepts(response_);
  }
  if (to_sink_) {
    too_long_ = !sink_->Take(bytes);
    return !too_long_;
  }
  too_long_ = response_.body.size() + bytes.size() > kHttpBodyBytesMax;
  if (!too_long_) response_.body.append(bytes.data(), bytes.size());
  return !too_long_;
}

void HttpTransfer::Finish(int curl_code) {
  running_ = false;
  const auto code = static_cast<CURLcode>(curl_code);
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  response_.status = static_cast<int>(status);
  fault_ = too_long_ ? HttpFault::kTooLong : FaultOf(code);
  if (fault_ == HttpFault::kNone) return;
  fault_text_ = error_buffer_.c_str();  // Up to its first NUL.
  if (fault_text_.empty()) fault_text_ = curl_easy_strerror(code);
  if (too_long_) fault_text_ = "the answer is longer than expected";
}

HttpEngine::HttpEngine() {
  static_cast<void>(LoadCurl());  // OpenS3Object reports a failure; here it would be a bug.
  multi_ = curl_multi_init();
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(kConnectionsMax));
}

HttpEngine::~HttpEngine() { curl_multi_cleanup(multi_); }

void HttpEngine::Start(HttpTransfer& transfer) {
  transfer.running_ = true;
  curl_multi_add_handle(multi_, transfer.easy_);
}

void HttpEngine::Stop(HttpTransfer& transfer) {
  if (!transfer.running_) return;
  curl_multi_remove_handle(multi_, transfer.easy_);
  transfer.running_ = false;
  transfer.fault_ = HttpFault::kCancelled;
  transfer.fault_text_ = "cancelled";
}

void HttpEngine::Poll(int timeout_ms) {
  int running = 0;
  curl_multi_perform(multi_, &running);
  CollectFinished();
  if (finished_.empty()) curl_multi_poll(multi_, nullptr, 0, timeout_ms, nullptr);
}

void HttpEngine::CollectFinished() {
  int queued = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &queued)) {
    if (message->msg != CURLMSG_DONE) continue;
    CURL* easy = message->easy_handle;
    const CURLcode code = message->data.result;
    void* self = nullptr;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &self);
    curl_multi_remove_handle(multi_, easy);
    auto* transfer = static_cast<HttpTransfer*>(self);
    transfer->Finish(code);
    finished_.push_back(transfer);
  }
}

HttpTransfer* HttpEngine::TakeFinished() {
  if (finished_.empty()) return nullptr;
  HttpTransfer* transfer = finished_.back();
  finished_.pop_back();
  return transfer;
}

void HttpEngine::Wake() { curl_multi_wakeup(multi_); }

void HttpEngine::Run(HttpTransfer& transfer, const std::function<bool()>& cancelled) {
  Start(transfer);
  while (transfer.running_) {
    if (cancelled && cancelled()) return Stop(transfer);
    Poll(kCancelCheckMs);
    TakeFinished();
  }
}

HttpOutcome HttpEngine::Perform(const HttpRequest& request, const std::function<bool()>& cancelled) {
  HttpTransfer transfer;
  transfer.Prepare(request, nullptr);
  Run(transfer, cancelled);
  return {transfer.response(), transfer.fault(), transfer.fault_text()};
}

}  // namespace cachenode
