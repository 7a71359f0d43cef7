#include "server/stats/log_sink.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <filesystem>

#include "storage/base/system_error.h"

namespace cachenode {
namespace {

constexpr mode_t kLogFileMode = 0644;
constexpr std::string_view kLevelMarks = ".-*#";
constexpr int kSyslogLevels[] = {LOG_DEBUG, LOG_INFO, LOG_NOTICE, LOG_WARNING};
constexpr int kSyslogFacilities[] = {LOG_USER,   LOG_LOCAL0, LOG_LOCAL1, LOG_LOCAL2, LOG_LOCAL3,
                                     LOG_LOCAL4, LOG_LOCAL5, LOG_LOCAL6, LOG_LOCAL7};

int OpenForAppending(const std::string& path) {
  return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, kLogFileMode);
}

// A line that asks for kNothing is as grave as a warning.
size_t LevelIndex(LogLevel level) { return std::min(static_cast<size_t>(level), kLevelMarks.size() - 1); }

// "21 Nov 2026 21:20:11.342" in the local time zone.
std::string_view FormatTime(int64_t unix_us, std::array<char, 64>& buffer) {
  const std::time_t seconds = static_cast<std::time_t>(unix_us / 1'000'000);
  std::tm local{};
  ::localtime_r(&seconds, &local);
  const size_t size = std::strftime(buffer.data(), buffer.size(), "%d %b %Y %H:%M:%S", &local);
  const auto end = fmt::format_to_n(buffer.data() + size, buffer.size() - size, ".{:03}", unix_us / 1000 % 1000);
  return {buffer.data(), static_cast<size_t>(end.out - buffer.data())};
}

}  // namespace

ServerLogSink::~ServerLogSink() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (syslog_enabled_) ::closelog();
}

Status ServerLogSink::Open(const LogSinkOptions& options) {
  if (!options.file.empty()) {
    file_ = std::filesystem::absolute(options.file).string();
    const std::lock_guard lock(mutex_);
    descriptor_ = OpenForAppending(file_);
    if (descriptor_ < 0) {
      return Status::WithText(Err::kIo, std::string("Can't open the log file: ") + SystemErrorText(errno));
    }
  }
  if (options.syslog_enabled) {
    syslog_ident_ = options.syslog_ident;
    syslog_enabled_ = true;
    ::openlog(syslog_ident_.c_str(), LOG_PID | LOG_NDELAY | LOG_NOWAIT,
              kSyslogFacilities[static_cast<size_t>(options.syslog_facility)]);
  }
  return Status::Ok();
}

void ServerLogSink::WriteLine(LogLevel level, std::string_view line) noexcept {
  std::array<char, 64> time;
  std::array<char, kLogLineBytesMax> buffer;
  const auto prefix =
      fmt::format_to_n(buffer.data(), buffer.size(), "{}:{} {} {} ", ::getpid(), role_.load(std::memory_order_relaxed),
                       FormatTime(clock_.NowUs(), time), kLevelMarks[LevelIndex(level)]);
  char* out = prefix.out;
  const size_t room = static_cast<size_t>(buffer.data() + buffer.size() - out) - 1;
  line = line.substr(0, room);
  out = std::ranges::copy(line, out).out;
  *out++ = '\n';
  WriteBytes({buffer.data(), static_cast<size_t>(out - buffer.data())});
  if (syslog_enabled_) {
    ::syslog(kSyslogLevels[LevelIndex(level)], "%.*s", static_cast<int>(line.size()), line.data());
  }
}

void ServerLogSink::WriteRaw(LogLevel level, std::string_view text) noexcept {
  WriteBytes(text);
  if (syslog_enabled_) {
    ::syslog(kSyslogLevels[LevelIndex(level)], "%.*s", static_cast<int>(std::min(text.size(), kLogLineBytesMax)),
             text.data());
  }
}

bool ServerLogSink::FileIsStillThere() const noexcept {
  struct stat opened {};
  struct stat named {};
  return ::fstat(descriptor_, &opened) == 0 && ::stat(file_.c_str(), &named) == 0 && opened.st_dev == named.st_dev &&
         opened.st_ino == named.st_ino;
}

void ServerLogSink::WriteBytes(std::string_view bytes) noexcept {
  const std::lock_guard lock(mutex_);
  if (!file_.empty() && (descriptor_ < 0 || !FileIsStillThere())) {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = OpenForAppending(file_);
  }
  const int descriptor = file_.empty() ? STDOUT_FILENO : descriptor_;
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written > 0) {
      bytes.remove_prefix(static_cast<size_t>(written));
    } else if (errno != EINTR) {
      return;  // Nowhere to complain to.
    }
  }
}

}  // namespace cachenode
