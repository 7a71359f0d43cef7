// The process as a service: background start, pid file, telling the supervisor.
//
// Thread-safety: before the first thread starts, and after the last one ended; Notify any time.
#pragma once

#include <string>
#include <string_view>

#include "server/config/option_types.h"
#include "storage/base/log.h"

namespace cachenode {

// Forks; the parent exits 0. The child leads a session of its own with /dev/null as standard streams. False in the
// caller when the fork failed.
bool Daemonize();

// A file with the process id for as long as this object lives. A failure to write is only logged.
class PidFile {
 public:
  // Empty `path`: no file.
  PidFile(std::string path, Log& log);
  ~PidFile();
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;

 private:
  const std::string path_;
  Log& log_;
  bool written_ = false;
};

// The init system that watches this process, if any.
class Supervisor {
 public:
  // Finds out what `wanted` comes to in this environment. For upstart, stops the process until upstart continues it.
  Supervisor(Supervision wanted, Log& log);

  // systemd's readiness protocol, spoken directly: one datagram of lines to the socket it named
  // ("READY=1\nSTATUS=..."). Nothing under another supervisor.
  void Notify(std::string_view lines) const;
  [[nodiscard]] bool is_supervised() const { return mode_ != Supervision::kNone; }

 private:
  void DetectUpstart(bool required);
  void DetectSystemd(bool required);

  Log& log_;
  Supervision mode_ = Supervision::kNone;
  std::string socket_path_;
};

}  // namespace cachenode
