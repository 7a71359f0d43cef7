// hit_ratio: reads keys drawn by a Zipf law from a server and writes those that are missing, as a cache in front of a
// database is used. Prints "reads hits".
//
// With `--value-size-max` the values have all sizes from `--value-size` up to it, small ones more often, and of the
// keys found one in 8 is overwritten by a value of another size and one in 32 deleted: a load that churns the memory.
//
//   hit_ratio --port P  [--keys N]  [--exponent S]  [--reads N]  [--value-size BYTES]  [--value-size-max BYTES]
//             [--pipeline N]  [--rate N]
//             [--seed N]
//
// Reads go out in batches of `--pipeline`; the misses of a batch are written before the next one is read. `--rate`
// holds the reads per second down to what is given, so that servers of different speed see the same passing of time:
// recency is kept in seconds. Thread-safety: one thread.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace cachenode::bench {
namespace {

struct Options {
  uint64_t port = 0;
  uint64_t keys = 1'000'000;
  uint64_t reads = 3'000'000;
  uint64_t value_size = 100;
  uint64_t value_size_max = 0;  // 0: all values are of value_size.
  uint64_t pipeline = 16;
  uint64_t rate = 0;  // Reads a second; 0: as fast as it goes.
  uint64_t seed = 1;
  double exponent = 0.99;
};

[[noreturn]] void Fail(std::string_view why) {
  std::fprintf(stderr, "hit_ratio: %.*s\n", static_cast<int>(why.size()), why.data());
  std::exit(1);
}

class Zipf {
 public:
  Zipf(uint64_t keys, double exponent) {
    double sum = 0;
    for (uint64_t rank = 1; rank <= keys; ++rank)
      sums_.push_back(sum += std::pow(static_cast<double>(rank), -exponent));
  }
  // A rank, 0 the most frequent.
  template <typename Generator>
  uint64_t Draw(Generator& random) {
    const double at = std::uniform_real_distribution<double>(0, sums_.back())(random);
    return static_cast<uint64_t>(std::lower_bound(sums_.begin(), sums_.end(), at) - sums_.begin());
  }

 private:
  std::vector<double> sums_;
};

// One connection: commands are gathered, sent, and their replies read.
class Client {
 public:
  explicit Client(uint64_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    socket_ = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) Fail("cannot connect");
    const int on = 1;
    setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  ~Client() { close(socket_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void Add(std::initializer_list<std::string_view> words) {
    out_ += '*' + std::to_string(words.size()) + "\r\n";
    for (const std::string_view word : words) {
      out_ += '$' + std::to_string(word.size()) + "\r\n";
      out_.append(word) += "\r\n";
    }
  }
  void Send() {
    for (size_t sent = 0; sent < out_.size();) {
      const ssize_t count = write(socket_, out_.data() + sent, out_.size() - sent);
      if (count <= 0) Fail("the server closed the connection");
      sent += static_cast<size_t>(count);
    }
    out_.clear();
  }
  // Reads one reply: a bulk string, null or a status. False for null.
  bool Receive() {
    const std::string line = Line();
    if (line[0] == '-') Fail(line);
    if (line[0] != '$') return true;
    if (line[1] == '-') return false;
    Skip(std::stoul(line.substr(1)) + 2);
    return true;
  }

 private:
  void Fill() {
    in_.erase(0, at_);
    at_ = 0;
    char bytes[65536];
    const ssize_t count = read(socket_, bytes, sizeof(bytes));
    if (count <= 0) Fail("the server closed the connection");
    in_.append(bytes, static_cast<size_t>(count));
  }
  std::string Line() {
    size_t end;
    while ((end = in_.find("\r\n", at_)) == std::string::npos) Fill();
    std::string line = in_.substr(at_, end - at_);
    at_ = end + 2;
    return line;
  }
  void Skip(size_t bytes) {
    while (in_.size() - at_ < bytes) Fill();
    at_ += bytes;
  }

  int socket_ = -1;
  std::string out_;
  std::string in_;
  size_t at_ = 0;
};

// The sizes of values: with a maximum, as many between 1 and 2 times any size as between 2 and 4 times it.
class Sizes {
 public:
  explicit Sizes(const Options& options)
      : smallest_(static_cast<double>(options.value_size)),
        octaves_(options.value_size_max <= options.value_size
                     ? 0
                     : std::log2(static_cast<double>(options.value_size_max) / smallest_)) {}
  [[nodiscard]] bool vary() const { return octaves_ > 0; }
  template <typename Generator>
  size_t Draw(Generator& random) {
    if (!vary()) return static_cast<size_t>(smallest_);
    return static_cast<size_t>(smallest_ * std::exp2(std::uniform_real_distribution<double>(0, octaves_)(random)));
  }

 private:
  double smallest_;
  double octaves_;
};

uint64_t CountHits(const Options& options) {
  using Clock = std::chrono::steady_clock;
  Zipf zipf(options.keys, options.exponent);
  std::mt19937_64 random(options.seed);
  Client client(options.port);
  Sizes sizes(options);
  const std::string value(std::max(options.value_size, options.value_size_max), 'v');
  const auto some_value = [&] { return std::string_view(value).substr(0, sizes.Draw(random)); };
  std::vector<std::string> keys(options.pipeline);
  const Clock::time_point begin = Clock::now();
  uint64_t hits = 0;
  for (uint64_t done = 0; done < options.reads;) {
    const uint64_t batch = std::min(options.pipeline, options.reads - done);
    for (uint64_t i = 0; i < batch; ++i) {
      keys[i] = "key:" + std::to_string(zipf.Draw(random));
      client.Add({"GET", keys[i]});
    }
    client.Send();
    uint64_t writes = 0;
    for (uint64_t i = 0; i < batch; ++i) {
      if (client.Receive()) {
        ++hits;
        const uint64_t chance = sizes.vary() ? random() % 32 : 31;
        if (chance > 4) continue;
        if (chance == 0) {
          client.Add({"DEL", keys[i]});
        } else {
          client.Add({"SET", keys[i], some_value()});
        }
      } else {
        client.Add({"SET", keys[i], some_value()});
      }
      ++writes;
    }
    client.Send();
    for (uint64_t i = 0; i < writes; ++i) static_cast<void>(client.Receive());
    done += batch;
    if (options.rate != 0)
      std::this_thread::sleep_until(begin + std::chrono::microseconds(done * 1'000'000 / options.rate));
  }
  return hits;
}

bool Parse(int count, char** words, Options& options) {
  const struct {
    std::string_view name;
    uint64_t* value;
  } numbers[] = {{"--port", &options.port},
                 {"--keys", &options.keys},
                 {"--reads", &options.reads},
                 {"--value-size", &options.value_size},
                 {"--value-size-max", &options.value_size_max},
                 {"--pipeline", &options.pipeline},
                 {"--rate", &options.rate},
                 {"--seed", &options.seed}};
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string_view name(words[i]);
    if (name == "--exponent") {
      options.exponent = std::atof(words[i + 1]);
      continue;
    }
    const auto* const found =
        std::find_if(std::begin(numbers), std::end(numbers), [&](const auto& n) { return n.name == name; });
    if (found == std::end(numbers)) return false;
    const std::string_view text(words[i + 1]);
    if (std::from_chars(text.data(), text.data() + text.size(), *found->value).ec != std::errc()) return false;
  }
  return count % 2 == 1 && options.port != 0 && options.pipeline != 0 && options.keys != 0;
}

}  // namespace
}  // namespace cachenode::bench

int main(int count, char** words) {
  cachenode::bench::Options options;
  if (!cachenode::bench::Parse(count, words, options)) cachenode::bench::Fail("wrong arguments");
  std::printf("%lu %lu\n", options.reads, cachenode::bench::CountHits(options));
  return 0;
}
