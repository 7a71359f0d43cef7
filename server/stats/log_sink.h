// Where log lines go: standard output or a file, and syslog besides, in redis-server's line format
// "<pid>:<role> <day> <month> <year> <time>.<ms> <level> <text>".
//
// Thread-safety: every method from any thread, but for Open, which comes before the first line.
// Invariants: a line is one write(2) to a descriptor in append mode, so that lines never mix, not even with other
//   writers of the same file; nothing is buffered. A file that was moved or removed is opened anew by the next line.
// Limits: a line is cut at kLogLineBytesMax. A disk that cannot be written loses lines, never blocks a shard: callers
//   do not log under a shard lock.
#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>

#include "server/config/option_types.h"
#include "storage/base/clock.h"
#include "storage/base/log.h"
#include "storage/base/status.h"

namespace cachenode {

inline constexpr size_t kLogLineBytesMax = 4096;

// The letter behind the process id.
enum class LogRole : char { kPrimary = 'M', kReplica = 'S' };

struct LogSinkOptions {
  std::string file{};  // Empty: standard output.
  bool syslog_enabled = false;
  std::string syslog_ident{};
  SyslogFacility syslog_facility = SyslogFacility::kLocal0;
};

class ServerLogSink final : public LogSink {
 public:
  // Writes to standard output until Open. `clock` outlives this object.
  explicit ServerLogSink(const Clock& clock) noexcept : clock_(clock) {}
  ~ServerLogSink() override;
  ServerLogSink(const ServerLogSink&) = delete;
  ServerLogSink& operator=(const ServerLogSink&) = delete;

  // Takes the final destination; a relative file is resolved against the working directory now. kIo with
  // "Can't open the log file: <reason>" when the file cannot be opened for appending.
  Status Open(const LogSinkOptions& options);

  void WriteLine(LogLevel level, std::string_view line) noexcept override;
  // `text` without prefix, as it is: the banner of the start. Not limited to kLogLineBytesMax.
  void WriteRaw(LogLevel level, std::string_view text) noexcept;
  void SetRole(LogRole role) noexcept { role_.store(static_cast<char>(role), std::memory_order_relaxed); }

 private:
  void WriteBytes(std::string_view bytes) noexcept;
  [[nodiscard]] bool FileIsStillThere() const noexcept;

  const Clock& clock_;
  std::atomic<char> role_{static_cast<char>(LogRole::kPrimary)};
  // Constant after Open.
  std::string file_;
  std::string syslog_ident_;  // openlog keeps the pointer.
  bool syslog_enabled_ = false;
  // Guarded by mutex_.
  std::mutex mutex_;
  int descriptor_ = -1;  // Of file_; -1: not open.
};

}  // namespace cachenode
