// lean_client: asks a server for the same few hundred replies again and again and only counts their bytes, so that the
// server and not the client is the heavy side of large replies. (redis-benchmark makes an object of each element.)
//
//   lean_client --port P  [--connections N]  [--requests N]  [--pipeline N]  [--keys N]  [--variants N]  [--seed N]
//               --  word...
//
// `__rand_int__` in a word becomes twelve digits below `--keys`, drawn anew for each of `--variants` requests. Every
// variant is asked once at the start: the length of its reply is what the run waits for, so the data must not change
// meanwhile. Prints one row of CSV with redis-benchmark's column names. Thread-safety: one thread.
// Errors: an error reply, a reply of another length or ten seconds without a byte end it with status 1.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace cachenode::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kRandomWord = "__rand_int__";
constexpr size_t kRandomDigits = 12;
constexpr size_t kReadBytes = size_t{256} << 10;
constexpr int kSilenceMsMax = 10'000;
constexpr int kEventsMax = 64;

struct Options {
  uint64_t port = 0;
  uint64_t connections = 25;
  uint64_t requests = 10'000;
  uint64_t pipeline = 1;
  uint64_t keys = 100;
  uint64_t variants = 100;
  uint64_t seed = 1;
  std::vector<std::string> words;
};

[[noreturn]] void Fail(std::string_view why) {
  std::fprintf(stderr, "lean_client: %.*s\n", static_cast<int>(why.size()), why.data());
  std::exit(1);
}

// A request and the length of its reply.
struct Variant {
  std::string request;
  size_t reply_bytes = 0;
};

int Connect(uint64_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  const int socket_fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(socket_fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) Fail("cannot connect");
  const int on = 1;
  setsockopt(socket_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return socket_fd;
}

// Where the reply that begins at `at` ends; npos while it is not whole. Of RESP2's types.
size_t EndOfReply(std::string_view bytes, size_t at) {
  const size_t line_end = bytes.find("\r\n", at);
  if (line_end == std::string_view::npos) return line_end;
  size_t end = line_end + 2;
  const char type = bytes[at];
  if (type == '-') Fail(bytes.substr(at, line_end - at));
  if (type != '$' && type != '*') return end;
  int64_t count = 0;
  std::from_chars(bytes.data() + at + 1, bytes.data() + line_end, count);
  if (type == '$') {
    if (count >= 0) end += static_cast<size_t>(count) + 2;
    return end <= bytes.size() ? end : std::string_view::npos;
  }
  for (int64_t element = 0; element < count && end != std::string_view::npos; ++element) {
    if (end >= bytes.size()) return std::string_view::npos;
    end = EndOfReply(bytes, end);
  }
  return end;
}

template <typename Generator>
std::string MakeRequest(const Options& options, Generator& random) {
  std::string request = '*' + std::to_string(options.words.size()) + "\r\n";
  for (std::string word : options.words) {
    for (size_t at = word.find(kRandomWord); at != std::string::npos; at = word.find(kRandomWord, at)) {
      std::string digits = std::to_string(random() % options.keys);
      digits.insert(0, digits.size() < kRandomDigits ? kRandomDigits - digits.size() : 0, '0');
      word.replace(at, kRandomWord.size(), digits);
    }
    request += '$' + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  }
  return request;
}

std::vector<Variant> MakeVariants(const Options& options) {
  std::mt19937_64 random(options.seed);
  std::vector<Variant> variants(options.variants);
  const int socket_fd = Connect(options.port);
  std::vector<char> buffer(kReadBytes);
  for (Variant& variant : variants) {
    variant.request = MakeRequest(options, random);
    for (size_t sent = 0; sent < variant.request.size();) {
      const ssize_t count = write(socket_fd, variant.request.data() + sent, variant.request.size() - sent);
      if (count <= 0) Fail("the server closed the connection");
      sent += static_cast<size_t>(count);
    }
    std::string reply;
    do {
      const ssize_t count = read(socket_fd, buffer.data(), buffer.size());
      if (count <= 0) Fail("the server closed the connection");
      reply.append(buffer.data(), static_cast<size_t>(count));
    } while (EndOfReply(reply, 0) == std::string::npos);
    variant.reply_bytes = reply.size();
  }
  close(socket_fd);
  return variants;
}

// Keeps one pipeline of requests under way on each connection until all requests were sent and answered.
class Run {
 public:
  Run(const Options& options, const std::vector<Variant>& variants)
      : options_(options), variants_(variants), poll_fd_(epoll_create1(0)), buffer_(kReadBytes) {
    for (uint64_t i = 0; i < options.connections; ++i) {
      Connection& connection = connections_.emplace_back();
      connection.socket_fd = Connect(options.port);
      connection.next = i * 7;  // Not all the same ones at the same time.
      fcntl(connection.socket_fd, F_SETFL, O_NONBLOCK);
    }
    for (Connection& connection : connections_) {
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.ptr = &connection;
      epoll_ctl(poll_fd_, EPOLL_CTL_ADD, connection.socket_fd, &event);
    }
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  ~Run() {
    for (const Connection& connection : connections_) close(connection.socket_fd);
    close(poll_fd_);
  }

  // Seconds it took.
  double Go() {
    const Clock::time_point begin = Clock::now();
    for (Connection& connection : connections_) StartBatch(connection);
    while (answered_ < started_) {
      epoll_event events[kEventsMax];
      const int count = epoll_wait(poll_fd_, events, kEventsMax, kSilenceMsMax);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) Fail("no answer for ten seconds");
      for (int i = 0; i < count; ++i) {
        Connection& connection = *static_cast<Connection*>(events[i].data.ptr);
        if ((events[i].events & EPOLLOUT) != 0) Send(connection);
        if ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) Receive(connection);
      }
    }
    return std::chrono::duration<double>(Clock::now() - begin).count();
  }

  [[nodiscard]] uint64_t answered() const { return answered_; }
  // Of batches, in milliseconds.
  [[nodiscard]] double Latency(double share) {
    std::sort(latencies_ms_.begin(), latencies_ms_.end());
    const size_t last = latencies_ms_.size() - 1;
    return latencies_ms_[std::min(last, static_cast<size_t>(share * static_cast<double>(latencies_ms_.size())))];
  }

 private:
  struct Connection {
    int socket_fd = -1;
    uint64_t next = 0;  // The variant of its next request.
    std::string out;
    size_t sent = 0;
    size_t reply_bytes_left = 0;
    uint64_t batch = 0;  // Requests under way.
    bool waits_to_send = false;
    Clock::time_point begin;
  };

  void StartBatch(Connection& connection) {
    connection.batch = std::min(options_.pipeline, options_.requests - started_);
    if (connection.batch == 0) return;
    started_ += connection.batch;
    connection.out.clear();
    connection.sent = 0;
    for (uint64_t i = 0; i < connection.batch; ++i) {
      const Variant& variant = variants_[connection.next++ % variants_.size()];
      connection.out += variant.request;
      connection.reply_bytes_left += variant.reply_bytes;
    }
    connection.begin = Clock::now();
    Send(connection);
  }

  void Send(Connection& connection) {
    while (connection.sent < connection.out.size()) {
      const ssize_t count =
          write(connection.socket_fd, connection.out.data() + connection.sent, connection.out.size() - connection.sent);
      if (count < 0 && errno == EAGAIN) break;
      if (count <= 0) Fail("the server closed the connection");
      connection.sent += static_cast<size_t>(count);
    }
    const bool must_wait = connection.sent < connection.out.size();
    if (must_wait == connection.waits_to_send) return;
    connection.waits_to_send = must_wait;
    epoll_event event{};
    event.events = must_wait ? EPOLLIN | EPOLLOUT : EPOLLIN;
    event.data.ptr = &connection;
    epoll_ctl(poll_fd_, EPOLL_CTL_MOD, connection.socket_fd, &event);
  }

  void Receive(Connection& connection) {
    const ssize_t count = read(connection.socket_fd, buffer_.data(), buffer_.size());
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) Fail("the server closed the connection");
    if (static_cast<size_t>(count) > connection.reply_bytes_left) Fail("a reply is longer than at the start");
    connection.reply_bytes_left -= static_cast<size_t>(count);
    if (connection.reply_bytes_left > 0) return;
    const std::chrono::duration<double, std::milli> latency = Clock::now() - connection.begin;
    latencies_ms_.push_back(latency.count());
    answered_ += connection.batch;
    StartBatch(connection);
  }

  const Options& options_;
  const std::vector<Variant>& variants_;
  int poll_fd_;
  std::vector<char> buffer_;
  std::vector<Connection> connections_;
  uint64_t started_ = 0;
  uint64_t answered_ = 0;
  std::vector<double> latencies_ms_;
};

bool Parse(int count, char** words, Options& options) {
  const struct {
    std::string_view name;
    uint64_t* value;
  } numbers[] = {{"--port", &options.port},         {"--connections", &options.connections},
                 {"--requests", &options.requests}, {"--pipeline", &options.pipeline},
                 {"--keys", &options.keys},         {"--variants", &options.variants},
                 {"--seed", &options.seed}};
  int i = 1;
  for (; i + 1 < count && std::string_view(words[i]) != "--"; i += 2) {
    const std::string_view text(words[i + 1]);
    bool known = false;
    for (const auto& number : numbers) {
      if (number.name != words[i]) continue;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number.value);
      known = error == std::errc() && end == text.data() + text.size();
    }
    if (!known) return false;
  }
  options.words.assign(words + std::min(i + 1, count), words + count);
  return !options.words.empty() && options.port > 0 && options.port < 65536 && options.connections > 0 &&
         options.requests > 0 && options.pipeline > 0 && options.keys > 0 && options.variants > 0;
}

}  // namespace
}  // namespace cachenode::bench

int main(int count, char** words) {
  using namespace cachenode::bench;
  Options options;
  if (!Parse(count, words, options)) Fail("usage: see the head of tests/bench/lean_client/main.cc");
  const std::vector<Variant> variants = MakeVariants(options);
  Run run(options, variants);
  const double seconds = run.Go();
  std::printf("\"rps\",\"p50_latency_ms\",\"p99_latency_ms\",\"max_latency_ms\"\n");
  std::printf("\"%.2f\",\"%.3f\",\"%.3f\",\"%.3f\"\n", static_cast<double>(run.answered()) / seconds, run.Latency(0.5),
              run.Latency(0.99), run.Latency(1));
  return 0;
}
