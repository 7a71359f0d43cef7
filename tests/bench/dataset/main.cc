// dataset: writes a benchmark data set into a server or a file.
//
//   dataset load --port P [--host H]    sends it, reads every reply, fails on the first error reply
//   dataset load --out FILE             writes the RESP commands ("-" is stdout)
//     --kind string|smallhash|mixed|delete   --count KEYS   --first NUMBER   --value-size BYTES   --ttl SECONDS
//     --bytes PAYLOAD (mixed)   --limit KEYS (stops after so many of --count)   --seed N
//
// Commands go out on one thread and replies come in on another, so the server is never kept waiting.
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/bench/dataset/commands.h"

namespace cachenode::bench {
namespace {

constexpr size_t kBatchBytes = 256 * 1024;

struct Options {
  Plan plan;
  std::string host = "127.0.0.1";
  std::string port;
  std::string out;
};

// Counts the replies in a stream: simple lines and bulk strings, which is all that these commands answer.
// Thread-safety: fed by one thread; the counters may be read by others.
class ReplyCounter {
 public:
  void Feed(std::string_view bytes) {
    while (!bytes.empty()) {
      if (skip_bytes_ > 0) {
        const size_t step = std::min(skip_bytes_, bytes.size());
        skip_bytes_ -= step;
        bytes.remove_prefix(step);
        continue;
      }
      const size_t end = bytes.find('\n');
      line_.append(bytes.substr(0, end));
      if (end == std::string_view::npos) return;
      bytes.remove_prefix(end + 1);
      TakeLine();
    }
  }

  std::atomic<uint64_t> replies = 0;
  std::atomic<bool> failed = false;  // An error reply came.
  std::string first_error;           // Read it only after the feeding thread was joined.

 private:
  void TakeLine() {
    if (line_.starts_with('-') && first_error.empty()) {
      first_error = line_;
      failed.store(true, std::memory_order_relaxed);
    }
    if (line_.starts_with('$') && !line_.starts_with("$-")) {
      std::from_chars(line_.data() + 1, line_.data() + line_.size(), skip_bytes_);
      skip_bytes_ += 2;
    }
    line_.clear();
    replies.fetch_add(1, std::memory_order_relaxed);
  }

  std::string line_;
  size_t skip_bytes_ = 0;
};

bool WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

// Returns a connected socket, or -1.
int Connect(const Options& options) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(options.host.c_str(), options.port.c_str(), &hints, &found) != 0) return -1;
  int fd = -1;
  for (const addrinfo* one = found; one != nullptr && fd < 0; one = one->ai_next) {
    fd = socket(one->ai_family, one->ai_socktype, one->ai_protocol);
    if (fd >= 0 && connect(fd, one->ai_addr, one->ai_addrlen) != 0) {
      close(fd);
      fd = -1;
    }
  }
  freeaddrinfo(found);
  const int on = 1;
  if (fd >= 0) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

void ReadReplies(int fd, ReplyCounter* counter) {
  std::vector<char> buffer(kBatchBytes);
  for (;;) {
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    counter->Feed(std::string_view(buffer.data(), static_cast<size_t>(got)));
  }
}

// Sends or writes the whole plan, or up to the first error. Returns false when the other side is gone.
bool Send(Generator* generator, int fd, const std::atomic<bool>& failed) {
  std::string batch;
  for (bool more = true; more && !failed.load(std::memory_order_relaxed);) {
    batch.clear();
    more = generator->Append(&batch, kBatchBytes);
    if (!WriteAll(fd, batch)) return false;
  }
  return true;
}

int LoadServer(const Options& options) {
  const auto started = std::chrono::steady_clock::now();
  const int fd = Connect(options);
  if (fd < 0) {
    std::fprintf(stderr, "dataset: cannot connect to %s:%s\n", options.host.c_str(), options.port.c_str());
    return 1;
  }
  Generator generator(options.plan);
  ReplyCounter counter;
  std::thread reader(ReadReplies, fd, &counter);
  // The server closes after answering QUIT, which ends the reading.
  const bool sent = Send(&generator, fd, counter.failed) && WriteAll(fd, "*1\r\n$4\r\nQUIT\r\n");
  if (!sent) shutdown(fd, SHUT_RDWR);
  reader.join();
  close(fd);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - started;
  const uint64_t wanted = generator.command_count() + 1;
  std::printf("%llu keys, %llu commands, %.3f s\n", static_cast<unsigned long long>(generator.key_count()),
              static_cast<unsigned long long>(generator.command_count()), seconds.count());
  if (sent && counter.replies == wanted && counter.first_error.empty()) return 0;
  std::fprintf(stderr, "dataset: %llu of %llu replies, first error: %s\n",
               static_cast<unsigned long long>(counter.replies.load()), static_cast<unsigned long long>(wanted),
               counter.first_error.empty() ? "none" : counter.first_error.c_str());
  return 1;
}

int WriteFile(const Options& options) {
  std::FILE* file = options.out == "-" ? stdout : std::fopen(options.out.c_str(), "wb");
  if (file == nullptr) {
    std::fprintf(stderr, "dataset: cannot write %s: %s\n", options.out.c_str(), std::strerror(errno));
    return 1;
  }
  Generator generator(options.plan);
  const bool sent = Send(&generator, fileno(file), std::atomic<bool>(false));
  return std::fclose(file) == 0 && sent ? 0 : 1;
}

bool ParseNumber(std::string_view text, uint64_t* number) {
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, *number);
  return parsed.ec == std::errc() && parsed.ptr == end;
}

bool ParseKind(std::string_view text, Kind* kind) {
  if (text == "string") *kind = Kind::kString;
  if (text == "smallhash") *kind = Kind::kSmallHash;
  if (text == "mixed") *kind = Kind::kMixed;
  if (text == "delete") *kind = Kind::kDelete;
  return text == "string" || text == "smallhash" || text == "mixed" || text == "delete";
}

bool ParseOption(std::string_view name, std::string_view value, Options* options) {
  Plan& plan = options->plan;
  if (name == "--kind") return ParseKind(value, &plan.kind);
  if (name == "--count") return ParseNumber(value, &plan.key_count) && plan.key_count < uint64_t{1} << 32;
  if (name == "--limit") return ParseNumber(value, &plan.key_limit);
  if (name == "--first") return ParseNumber(value, &plan.first);
  if (name == "--bytes") return ParseNumber(value, &plan.payload_bytes);
  if (name == "--value-size") return ParseNumber(value, &plan.value_bytes);
  if (name == "--ttl") return ParseNumber(value, &plan.ttl_seconds);
  if (name == "--seed") return ParseNumber(value, &plan.seed);
  if (name == "--host") options->host = value;
  if (name == "--port") options->port = value;
  if (name == "--out") options->out = value;
  return name == "--host" || name == "--port" || name == "--out";
}

int Main(const std::vector<std::string_view>& words) {
  Options options;
  bool good = words.size() % 2 == 1 && words[0] == "load";
  for (size_t i = 1; good && i < words.size(); i += 2) good = ParseOption(words[i], words[i + 1], &options);
  if (options.plan.kind == Kind::kMixed && options.plan.payload_bytes == 0) good = false;
  if (!good || options.port.empty() == options.out.empty()) {
    std::fprintf(stderr,
                 "usage: dataset load (--port P [--host H] | --out FILE) [--kind string|smallhash|mixed|delete]\n"
                 "       [--count N] [--first N] [--limit N] [--value-size N] [--ttl S] [--bytes N (needed by mixed)] "
                 "[--seed N]\n");
    return 2;
  }
  return options.out.empty() ? LoadServer(options) : WriteFile(options);
}

}  // namespace
}  // namespace cachenode::bench

int main(int argc, char** argv) { return cachenode::bench::Main({argv + 1, argv + argc}); }
