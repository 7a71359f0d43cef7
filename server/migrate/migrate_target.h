// A connection to the server that keys are sent to: connect, send and read lines, each within a time limit.
//
// Thread-safety: one thread at a time. Every call may block for its time limit: never on a loop's thread, unless the
//   command came in a transaction or a script.
// Limits: kLineBytesMax of one line of an answer.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace cachenode {

class MigrateTarget {
 public:
  static constexpr size_t kLineBytesMax = 64 * 1024;

  MigrateTarget() = default;
  MigrateTarget(MigrateTarget&& other) noexcept;
  MigrateTarget& operator=(MigrateTarget&& other) noexcept;
  ~MigrateTarget() { Close(); }

  // False when there is no such host or it does not answer in time. A host that refuses shows it with the first write.
  [[nodiscard]] bool Open(const std::string& host, const std::string& port, int64_t timeout_ms);
  [[nodiscard]] bool Send(std::string_view bytes, int64_t timeout_ms);
  // The next line without its end.
  [[nodiscard]] bool ReadLine(std::string& line, int64_t timeout_ms);
  void Close();

  // The last failure was a time limit.
  [[nodiscard]] bool timed_out() const { return timed_out_; }
  [[nodiscard]] bool is_open() const { return descriptor_ >= 0; }

  // When it turns true every call soon ends as one that ran out of time. May be null.
  const std::atomic<bool>* stop = nullptr;
  // Which database the connection is in; -1: not known.
  int64_t database = -1;
  int64_t last_use_ms = 0;  // Of a monotonic clock.

 private:
  [[nodiscard]] bool Wait(short events, int64_t deadline_ms);

  int descriptor_ = -1;
  bool timed_out_ = false;
  std::string buffer_;
};

// Milliseconds of a clock that never goes back.
[[nodiscard]] int64_t SteadyMs();

}  // namespace cachenode
