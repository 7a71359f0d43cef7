// HTTP and TLS by libcurl, and nothing more: no redirects, no signing, no retries, no knowledge of S3.
//
// HttpTransfer is one reusable request; HttpEngine drives any number of them at once over a shared pool of
//   connections. curl_global_init happens with the first engine.
// Thread-safety: an engine and its transfers belong to one thread at a time; only HttpEngine::Wake may be called from
//   any other.
// Errors: none are thrown and none are lost: a transfer that got no complete HTTP answer says so in fault().
// Rules kept everywhere: certificates and host names are verified, only http and https are spoken, no signals.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/base/result.h"

namespace cachenode {

// What is kept of an answer that goes to no sink; the rest fails the transfer.
inline constexpr size_t kHttpBodyBytesMax = 256 * 1024;
inline constexpr size_t kHttpHeaderBytesMax = 64 * 1024;
// Bytes curl asks the kernel for at once. Larger reads fell out of the second-level cache before they were copied.
inline constexpr long kHttpReceiveBytes = 128 * 1024;
// Bytes of a large body that curl offers the kernel at once.
inline constexpr long kHttpSendBytes = 256 * 1024;

struct HttpHeader {
  std::string name;
  std::string value;
};

struct HttpRequest {
  std::string method = "GET";  // GET, HEAD, POST, PUT or DELETE.
  std::string url;             // Sent as it is: path and query already encoded.
  std::vector<HttpHeader> headers;
  std::string body;  // Sent with POST and PUT.
  // The same without a copy, where `body` is empty: must stay as it is until the transfer ended.
  std::string_view large_body;
  int64_t connect_timeout_ms = 5000;
  int64_t total_timeout_ms = 0;  // 0: no limit.
  int64_t stall_timeout_ms = 0;  // No byte for that long fails the transfer; whole seconds; 0: no limit.
  bool use_proxy = true;         // False: the proxy variables of the environment are ignored (metadata services).
  std::string ca_file;           // Replaces the system's certificate authorities when not empty.
};

struct HttpResponse {
  int status = 0;  // 0: no status line arrived.
  std::vector<HttpHeader> headers;
  std::string body;

  // The first header of that name, compared without case; empty when there is none.
  [[nodiscard]] std::string_view Header(std::string_view name) const;
};

// Why a transfer brought no complete answer.
enum class HttpFault : uint8_t {
  kNone,
  kConnect,  // Name not resolved, connection refused or timed out.
  kTimeout,  // Total or stall timeout.
  kBroken,   // Connection reset, or closed before the announced length.
  kTls,      // Certificate refused, handshake failed.
  kTooLong,  // The answer is longer than announced, or than the sink or body limit takes.
  kCancelled,
  kOther,
};

// A finished request, for those who need no transfer of their own.
struct HttpOutcome {
  HttpResponse response;
  HttpFault fault = HttpFault::kNone;
  std::string fault_text;
};

// Takes the body of an answer piece by piece. Called on the engine's thread, inside HttpEngine::Poll.
class HttpBodySink {
 public:
  virtual ~HttpBodySink() = default;
  // Asked once, when the headers of `head` are complete. False: the body is an error text and goes to
  // HttpResponse::body.
  virtual bool Accepts(const HttpResponse& head) = 0;
  // False when `bytes` are more than expected; the transfer then ends with kTooLong.
  virtual bool Take(std::span<const char> bytes) = 0;
};

class HttpTransfer {
 public:
  HttpTransfer();
  ~HttpTransfer();
  HttpTransfer(const HttpTransfer&) = delete;
  HttpTransfer& operator=(const HttpTransfer&) = delete;

  // Forgets the previous answer. `sink` may be null and must outlive the transfer's run. Not while running.
  void Prepare(const HttpRequest& request, HttpBodySink* sink);

  [[nodiscard]] const HttpResponse& response() const { return response_; }
  [[nodiscard]] HttpFault fault() const { return fault_; }
  // What happened, for people: "connection refused (127.0.0.1 port 9)". Empty without a fault.
  [[nodiscard]] const std::string& fault_text() const { return fault_text_; }

 private:
  friend class HttpEngine;
  friend struct HttpCallbacks;

  void SetHeaders(const HttpRequest& request);
  void SetLimits(const HttpRequest& request);
  void Finish(int curl_code);
  bool OnHeaderLine(std::string_view line);
  bool OnBody(std::span<const char> bytes);

  void* easy_ = nullptr;         // CURL*: curl's headers stay out of ours.
  void* header_list_ = nullptr;  // curl_slist*.
  HttpBodySink* sink_ = nullptr;
  std::string request_body_;
  HttpResponse response_;
  size_t header_bytes_ = 0;
  bool head_done_ = false;
  bool to_sink_ = false;
  bool too_long_ = false;
  bool running_ = false;
  HttpFault fault_ = HttpFault::kNone;
  std::string fault_text_;
  std::string error_buffer_;
};

class HttpEngine {
 public:
  HttpEngine();
  ~HttpEngine();
  HttpEngine(const HttpEngine&) = delete;
  HttpEngine& operator=(const HttpEngine&) = delete;

  void Start(HttpTransfer& transfer);
  // Ends a running transfer; its connection is closed. Does nothing to one that is not running. A transfer must be
  // stopped, or taken as finished, before it is destroyed or prepared again.
  void Stop(HttpTransfer& transfer);
  // Moves the bytes that are there; if no transfer ended by that, waits at most `timeout_ms` for more.
  void Poll(int timeout_ms);
  // A transfer that ended since, or null. It is no longer running.
  HttpTransfer* TakeFinished();
  // Ends a Poll early. Any thread.
  void Wake();

  // Runs `transfer` until it ends or `cancelled` (asked about ten times a second) says so. Requires that no other
  // transfer of this engine is running or waits to be taken.
  void Run(HttpTransfer& transfer, const std::function<bool()>& cancelled);
  HttpOutcome Perform(const HttpRequest& request, const std::function<bool()>& cancelled);

 private:
  void CollectFinished();

  void* multi_ = nullptr;  // CURLM*.
  std::vector<HttpTransfer*> finished_;
};

// The instant of a Date header in Unix seconds; nothing when it is malformed.
std::optional<int64_t> ParseHttpDate(std::string_view text);

}  // namespace cachenode
