// Log call sites. Where lines go, their prefix and their limit in length are the sink's affair (the server owns it).
//
//   CN_LOG(log, kNotice, "DB loaded from {}: {:.3f} seconds", name, seconds);
//
// Thread-safety: a Log may be used from any thread; its sink must accept lines from any thread. The level may change
//   at any time. Cost of a disabled line: one relaxed load and a branch, the arguments are not evaluated.
// Format strings are {fmt}'s and are checked when the program is compiled.
#pragma once

#include <fmt/format.h>

#include <atomic>
#include <cstdint>
#include <string_view>

namespace cachenode {

enum class LogLevel : uint8_t { kDebug, kVerbose, kNotice, kWarning, kNothing };

class LogSink {
 public:
  virtual ~LogSink() = default;
  // Takes one line without a line end; the view is valid during the call.
  virtual void WriteLine(LogLevel level, std::string_view line) noexcept = 0;
};

class Log {
 public:
  // The sink must outlive the log.
  explicit Log(LogSink& sink, LogLevel level = LogLevel::kNotice) noexcept : sink_(sink), level_(level) {}

  [[nodiscard]] bool Enabled(LogLevel level) const noexcept { return level >= level_.load(std::memory_order_relaxed); }
  void SetLevel(LogLevel level) noexcept { level_.store(level, std::memory_order_relaxed); }
  [[nodiscard]] LogLevel level() const noexcept { return level_.load(std::memory_order_relaxed); }

  // Prefer CN_LOG, which does not evaluate the arguments of a disabled line.
  template <typename... Args>
  void Write(LogLevel level, fmt::format_string<Args...> format, Args&&... args) noexcept {
    WriteFormatted(level, format, fmt::make_format_args(args...));
  }
  void WriteLine(LogLevel level, std::string_view line) noexcept { sink_.WriteLine(level, line); }

 private:
  void WriteFormatted(LogLevel level, fmt::string_view format, fmt::format_args args) noexcept;

  LogSink& sink_;
  std::atomic<LogLevel> level_;
};

// A sink that drops every line.
class NullLogSink final : public LogSink {
 public:
  void WriteLine(LogLevel, std::string_view) noexcept override {}
};

}  // namespace cachenode

#define CN_LOG(log, level, ...)                                                                              \
  do {                                                                                                       \
    if ((log).Enabled(::cachenode::LogLevel::level)) (log).Write(::cachenode::LogLevel::level, __VA_ARGS__); \
  } while (false)
