#include "server/process/daemon.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "storage/base/system_error.h"

namespace cachenode {

bool Daemonize() {
  // tidy: allow(process) daemonize means this; no thread runs yet.
  const pid_t child = fork();
  if (child < 0) return false;
  if (child > 0) _exit(0);
  setsid();
  const int null = open("/dev/null", O_RDWR);
  if (null < 0) return true;
  dup2(null, STDIN_FILENO);
  dup2(null, STDOUT_FILENO);
  dup2(null, STDERR_FILENO);
  if (null > STDERR_FILENO) close(null);
  return true;
}

PidFile::PidFile(std::string path, Log& log) : path_(std::move(path)), log_(log) {
  if (path_.empty()) return;
  const int descriptor = open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  const std::string text = std::to_string(getpid()) + "\n";
  written_ = descriptor >= 0 && write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (!written_) CN_LOG(log_, kWarning, "Failed to write PID file: {}", SystemErrorText(errno));
  if (descriptor >= 0) close(descriptor);
}

PidFile::~PidFile() {
  if (!written_) return;
  CN_LOG(log_, kNotice, "Removing the pid file.");
  unlink(path_.c_str());
}

Supervisor::Supervisor(Supervision wanted, Log& log) : log_(log) {
  const bool detect = wanted == Supervision::kAuto;
  if (detect || wanted == Supervision::kUpstart) DetectUpstart(!detect);
  if (mode_ == Supervision::kNone && (detect || wanted == Supervision::kSystemd)) DetectSystemd(!detect);
}

void Supervisor::DetectUpstart(bool required) {
  if (std::getenv("UPSTART_JOB") == nullptr) {  // NOLINT(concurrency-mt-unsafe): no thread is started yet.
    if (required) CN_LOG(log_, kWarning, "upstart supervision requested, but UPSTART_JOB not found");
    return;
  }
  CN_LOG(log_, kNotice, "supervised by upstart, will stop to signal readiness.");
  mode_ = Supervision::kUpstart;
  raise(SIGSTOP);
  unsetenv("UPSTART_JOB");  // NOLINT(concurrency-mt-unsafe): the same.
}

void Supervisor::DetectSystemd(bool required) {
  const char* path = std::getenv("NOTIFY_SOCKET");  // NOLINT(concurrency-mt-unsafe): the same.
  if (path == nullptr || *path == '\0') {
    if (required) CN_LOG(log_, kWarning, "systemd supervision error: NOTIFY_SOCKET not found!");
    return;
  }
  socket_path_ = path;
  mode_ = Supervision::kSystemd;
  Notify("STATUS=The server is loading...\n");
  CN_LOG(log_, kNotice,
         "Supervised by systemd. Please make sure you set appropriate values for TimeoutStartSec and "
         "TimeoutStopSec in your service unit.");
}

void Supervisor::Notify(std::string_view lines) const {
  if (mode_ != Supervision::kSystemd) return;
  sockaddr_un address{};
  if (socket_path_.size() >= sizeof(address.sun_path)) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket_path_.data(), socket_path_.size());
  // A leading '@' names a socket outside the file system: its first byte is zero.
  if (socket_path_[0] == '@') address.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_path_.size());
  const int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return;
  const auto* raw = reinterpret_cast<const sockaddr*>(&address);
  if (sendto(descriptor, lines.data(), lines.size(), MSG_NOSIGNAL, raw, size) < 0) {
    CN_LOG(log_, kWarning, "systemd supervision error: sd_notify: {}", errno);
  }
  close(descriptor);
}

}  // namespace cachenode
