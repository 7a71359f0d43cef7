// What the log gets when the process dies of its own fault: the signal, the stack, the registers, and what the server
// adds (crash_details.h). The unfinished file (unfinished_file.h) goes with the process.
//
// Thread-safety: Install before threads start; the report itself runs on the thread that crashed. The watchdog prints
//   the stack of a worker that has not ended a loop turn for its period: the worker's signal handler only takes the
//   addresses, since the worker may hold the log's or the allocator's lock; the watchdog's thread names and writes
//   them.
// Limits: kFramesMax frames. A report that hangs is killed after kReportSecondsMax. A worker has kCaptureMsMax to show
//   its stack.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "storage/base/log.h"

namespace cachenode {

class CrashReport {
 public:
  static constexpr int kFramesMax = 100;
  static constexpr unsigned kReportSecondsMax = 10;

  // `log` lives until Forget. SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT are caught from now on.
  static void Install(Log& log);
  // The log is about to go: a crash from here on, while the process ends, is not reported.
  static void Forget();
  // crash-log-enabled: without it those signals do what they do by default.
  static void SetEnabled(bool enabled);
  // use-exit-on-panic: SIGABRT, which is how assertions fail, ends with status 1 instead of a core.
  static void SetExitsOnPanic(bool exits);
  // Writes the rest of the report. Empty when the parts it reads are about to go. While no other thread may crash.
  static void SetDetails(std::function<void()> details);
};

// Calls Forget when it goes: for who owns the log, as the member behind it.
class CrashReportEnd {
 public:
  CrashReportEnd() = default;
  ~CrashReportEnd() { CrashReport::Forget(); }
  CrashReportEnd(const CrashReportEnd&) = delete;
  CrashReportEnd& operator=(const CrashReportEnd&) = delete;
};

// watchdog-period. Off costs nothing: no thread, no signal.
class Watchdog {
 public:
  // Milliseconds since worker `index` began its loop turn, 0 while it sleeps. Any thread.
  using BusyMs = std::function<int64_t(uint32_t index)>;

  // Who holds which lock, in lines. On the watchdog's thread.
  using Locks = std::function<std::vector<std::string>()>;

  static constexpr int kCaptureMsMax = 1000;

  Watchdog(Log& log, uint32_t worker_count, BusyMs busy_ms, Locks locks);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // By each worker on its own thread, before its loop runs.
  void RegisterThread(uint32_t index);
  // 0 is off. Exclusive world lock, or before the workers run.
  void SetPeriod(int64_t period_ms);

 private:
  struct State;
  void Watch(int64_t period_ms);
  void Report(std::unique_lock<std::mutex>& lock, uint32_t index);

  std::unique_ptr<State> state_;
  std::thread thread_;
};

}  // namespace cachenode
