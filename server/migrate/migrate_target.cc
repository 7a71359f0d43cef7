#include "server/migrate/migrate_target.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

#include "storage/base/numbers.h"

namespace cachenode {

namespace {

// How long a wait lasts before it looks whether the node is stopping.
constexpr int64_t kWaitSliceMs = 100;

}  // namespace

int64_t SteadyMs() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

MigrateTarget::MigrateTarget(MigrateTarget&& other) noexcept { *this = std::move(other); }

MigrateTarget& MigrateTarget::operator=(MigrateTarget&& other) noexcept {
  if (this == &other) return *this;
  Close();
  descriptor_ = std::exchange(other.descriptor_, -1);
  buffer_ = std::move(other.buffer_);
  stop = other.stop;
  database = other.database;
  last_use_ms = other.last_use_ms;
  timed_out_ = other.timed_out_;
  return *this;
}

void MigrateTarget::Close() {
  if (descriptor_ >= 0) close(descriptor_);
  descriptor_ = -1;
  buffer_.clear();
  database = -1;
}

bool MigrateTarget::Open(const std::string& host, const std::string& port, int64_t timeout_ms) {
  Close();
  timed_out_ = false;
  // A port that is no number is port 0, which refuses.
  int64_t number = 0;
  if (!TryParseInt64(port, number) || number < 0 || number > 65535) number = 0;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), std::to_string(number).c_str(), &hints, &found) != 0) return false;
  for (const addrinfo* info = found; info != nullptr && descriptor_ < 0; info = info->ai_next) {
    descriptor_ = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor_ < 0) continue;
    const int at_once = 1;
    setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof(at_once));
    if (connect(descriptor_, info->ai_addr, info->ai_addrlen) != 0 && errno != EINPROGRESS && errno != ECONNREFUSED) {
      Close();
    }
  }
  freeaddrinfo(found);
  if (descriptor_ < 0) return false;
  if (Wait(POLLOUT, SteadyMs() + timeout_ms)) return true;
  Close();
  return false;
}

bool MigrateTarget::Wait(short events, int64_t deadline_ms) {
  for (;;) {
    const int64_t left_ms = deadline_ms - SteadyMs();
    pollfd wait{descriptor_, events, 0};
    const int ready = poll(&wait, 1, static_cast<int>(std::clamp<int64_t>(left_ms, 0, kWaitSliceMs)));
    if (ready == 1) return true;
    if (ready < 0 && errno != EINTR) return false;
    if (left_ms > 0 && (stop == nullptr || !stop->load(std::memory_order_relaxed))) continue;
    timed_out_ = true;
    return false;
  }
}

bool MigrateTarget::Send(std::string_view bytes, int64_t timeout_ms) {
  timed_out_ = false;
  // Each piece has the whole time: a large value over a slow line is no failure.
  while (!bytes.empty()) {
    const ssize_t sent = send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<size_t>(sent));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (!Wait(POLLOUT, SteadyMs() + timeout_ms)) return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

bool MigrateTarget::ReadLine(std::string& line, int64_t timeout_ms) {
  timed_out_ = false;
  const int64_t deadline_ms = SteadyMs() + timeout_ms;
  for (;;) {
    const size_t end = buffer_.find("\r\n");
    if (end != std::string::npos) {
      line.assign(buffer_, 0, end);
      buffer_.erase(0, end + 2);
      return true;
    }
    if (buffer_.size() > kLineBytesMax) return false;
    std::array<char, 4096> chunk;
    const ssize_t got = recv(descriptor_, chunk.data(), chunk.size(), 0);
    if (got > 0) {
      buffer_.append(chunk.data(), static_cast<size_t>(got));
    } else if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      if (!Wait(POLLIN, deadline_ms)) return false;
    } else if (got == 0 || errno != EINTR) {
      return false;
    }
  }
}

}  // namespace cachenode
