#include "server/stats/metrics_endpoint.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <microhttpd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <string_view>
#include <utility>

#include "server/net/socket_address.h"
#include "server/stats/prometheus_text.h"
#include "storage/base/system_error.h"

namespace cachenode {

namespace {

constexpr const char* kLibraryName = "libmicrohttpd.so.12";
constexpr const char* kPlain = "text/plain; charset=utf-8";
constexpr const char* kPrometheus = "text/plain; version=0.0.4; charset=utf-8";

// The functions of the library that are used here.
struct HttpLibrary {
  decltype(&MHD_start_daemon) start_daemon = nullptr;
  decltype(&MHD_stop_daemon) stop_daemon = nullptr;
  decltype(&MHD_create_response_from_buffer) create_response = nullptr;
  decltype(&MHD_add_response_header) add_header = nullptr;
  decltype(&MHD_queue_response) queue_response = nullptr;
  decltype(&MHD_destroy_response) destroy_response = nullptr;
  std::string failure;

  HttpLibrary() {
    void* handle = dlopen(kLibraryName, RTLD_NOW | RTLD_LOCAL);
    const bool found = handle != nullptr && Find(handle, "MHD_start_daemon", start_daemon) &&
                       Find(handle, "MHD_stop_daemon", stop_daemon) &&
                       Find(handle, "MHD_create_response_from_buffer", create_response) &&
                       Find(handle, "MHD_add_response_header", add_header) &&
                       Find(handle, "MHD_queue_response", queue_response) &&
                       Find(handle, "MHD_destroy_response", destroy_response);
    if (found) return;
    const char* reason = dlerror();  // NOLINT(concurrency-mt-unsafe): its text is the calling thread's.
    failure = reason != nullptr ? reason : kLibraryName;
  }

 private:
  template <typename Function>
  static bool Find(void* handle, const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(handle, name));
    return function != nullptr;
  }
};

const HttpLibrary& Library() {
  static const HttpLibrary library;
  return library;
}

// The value of a line of INFO; empty when there is none.
std::string_view FieldOf(std::string_view info, std::string_view name) {
  const std::string line_start = fmt::format("\n{}:", name);
  const size_t at = info.find(line_start);
  if (at == std::string_view::npos) return {};
  const std::string_view value = info.substr(at + line_start.size());
  return value.substr(0, value.find('\r'));
}

MHD_Result HandleRequest(void* endpoint, MHD_Connection* connection, const char* path, const char* method, const char*,
                         const char*, size_t* upload_bytes, void**) noexcept {
  const HttpLibrary& library = Library();
  *upload_bytes = 0;  // A body is of no interest.
  MetricsEndpoint::Page page{MHD_HTTP_METHOD_NOT_ALLOWED, kPlain, "only GET\n"};
  if (std::string_view(method) == MHD_HTTP_METHOD_GET || std::string_view(method) == MHD_HTTP_METHOD_HEAD) {
    page = static_cast<MetricsEndpoint*>(endpoint)->Answer(path);
  }
  MHD_Response* response = library.create_response(page.text.size(), page.text.data(), MHD_RESPMEM_MUST_COPY);
  if (response == nullptr) return MHD_NO;
  library.add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, page.type.c_str());
  const MHD_Result queued = library.queue_response(connection, page.status, response);
  library.destroy_response(response);
  return queued;
}

}  // namespace

struct MetricsEndpoint::Daemon {
  MHD_Daemon* daemon = nullptr;
  ~Daemon() {
    if (daemon != nullptr) Library().stop_daemon(daemon);
  }
};

// One question to the node; the answer may come after the one who asked gave up.
struct MetricsEndpoint::Question {
  std::mutex mutex;
  std::condition_variable answered;
  // Guarded by mutex.
  bool done = false;
  std::string info;

  void Answer(std::string text) {
    const std::lock_guard lock(mutex);
    if (done) return;
    info = std::move(text);
    done = true;
    answered.notify_one();
  }
};

MetricsEndpoint::MetricsEndpoint(AskInfo ask_info) : ask_info_(std::move(ask_info)) {}

MetricsEndpoint::~MetricsEndpoint() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    if (waiting_) waiting_->Answer({});
  }
  daemon_.reset();
}

Result<std::unique_ptr<MetricsEndpoint>> MetricsEndpoint::Start(const std::string& address, uint16_t port,
                                                                AskInfo ask_info) {
  const HttpLibrary& library = Library();
  if (!library.failure.empty()) return Status::Text("metrics-port needs libmicrohttpd: " + library.failure);
  Result<std::vector<SocketAddress>> addresses = ResolveToBind(address, port);
  if (!addresses) return Status::Text(fmt::format("metrics-bind {}: {}", address, addresses.error().text()));
  if (addresses->empty()) return Status::Text(fmt::format("metrics-bind {}: no such address", address));
  const SocketAddress& bound = addresses->front();
  std::unique_ptr<MetricsEndpoint> endpoint(new MetricsEndpoint(std::move(ask_info)));
  endpoint->daemon_ = std::make_unique<Daemon>();
  unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC;
  if (bound.storage.ss_family == AF_INET6) flags |= MHD_USE_IPv6;
  errno = 0;
  endpoint->daemon_->daemon =
      library.start_daemon(flags, port, nullptr, nullptr, HandleRequest, endpoint.get(), MHD_OPTION_SOCK_ADDR,
                           bound.raw(), MHD_OPTION_CONNECTION_LIMIT, kConnectionsMax, MHD_OPTION_CONNECTION_TIMEOUT,
                           kConnectionSeconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT, size_t{16384}, MHD_OPTION_END);
  if (endpoint->daemon_->daemon == nullptr) {
    return Status::Text(fmt::format("metrics-port {}: {}", port, SystemErrorText(errno)));
  }
  return endpoint;
}

MetricsEndpoint::Page MetricsEndpoint::Answer(const std::string& path) {
  if (path == "/metrics") {
    const std::string info = Info("everything");
    if (info.empty()) return {MHD_HTTP_SERVICE_UNAVAILABLE, kPrometheus, "redis_up 0\n"};
    return {MHD_HTTP_OK, kPrometheus, PrometheusText(info)};
  }
  if (path == "/healthz") {
    const std::string info = Info("node");
    if (info.empty()) return {MHD_HTTP_SERVICE_UNAVAILABLE, kPlain, "no answer\n"};
    const bool is_serving = FieldOf(info, "node_serving") == "1";
    const std::string status(FieldOf(info, "node_status"));
    const unsigned code = is_serving ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
    return {code, kPlain, status + "\n"};
  }
  return {MHD_HTTP_NOT_FOUND, kPlain, "/metrics and /healthz\n"};
}

// Empty when the node does not answer in time.
std::string MetricsEndpoint::Info(const std::string& section) {
  const auto question = std::make_shared<Question>();
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return {};
    waiting_ = question;
  }
  ask_info_(section, [question](std::string info) { question->Answer(std::move(info)); });
  std::unique_lock lock(question->mutex);
  question->answered.wait_for(lock, std::chrono::milliseconds(kAnswerMsMax), [&question] { return question->done; });
  return std::move(question->info);
}

}  // namespace cachenode
