#include "server/process/crash_report.h"

#include <execinfo.h>
#include <pthread.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "server/process/crash_registers.h"
#include "server/process/unfinished_file.h"

namespace cachenode {

namespace {

// Handlers have no argument to carry these.
std::atomic<Log*> report_log{nullptr};
std::atomic<bool> report_enabled{true};
std::atomic<bool> exits_on_panic{false};
std::function<void()> report_details;

// The stack that the watchdog asked for, one at a time.
struct StackCapture {
  static constexpr int kWanted = -1;
  std::array<void*, CrashReport::kFramesMax> frames;
  std::atomic<int> count{0};  // kWanted until the handler has filled `frames`.
};
StackCapture watchdog_capture;

constexpr std::array<int, 5> kFatalSignals = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

void Reset(int number) {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, nullptr);
}

void LogFrames(Log& log, std::span<void* const> frames) {
  log.WriteLine(LogLevel::kWarning, "------ STACK TRACE ------");
  char** names = backtrace_symbols(frames.data(), static_cast<int>(frames.size()));
  for (size_t i = 0; names != nullptr && i < frames.size(); ++i) log.WriteLine(LogLevel::kWarning, names[i]);
  std::free(static_cast<void*>(names));
}

std::atomic<int> fatal_number{0};

// The report hangs, on a lock that the interrupted thread holds, say: the process ends by the signal that began it.
extern "C" void EndReport(int /*number*/) {
  const int number = fatal_number.load();
  Reset(number);
  sigset_t own;
  sigemptyset(&own);
  sigaddset(&own, number);
  pthread_sigmask(SIG_UNBLOCK, &own, nullptr);
  raise(number);
}

// Not everything here may be called from a handler by the book (formatting, the log's mutex). The process is lost
// anyway, the report is worth the risk, and the alarm ends it should it hang.
extern "C" void HandleFatalSignal(int number, siginfo_t* info, void* context) {
  for (const int fatal : kFatalSignals) Reset(fatal);
  RemoveUnfinishedFile();
  Log* log = report_log.load();
  if (log != nullptr && report_enabled.load()) {
    fatal_number.store(number);
    struct sigaction end {};
    end.sa_handler = EndReport;
    sigemptyset(&end.sa_mask);
    sigaction(SIGALRM, &end, nullptr);
    alarm(CrashReport::kReportSecondsMax);
    log->WriteLine(LogLevel::kWarning, "=== CACHENODE BUG REPORT START: Cut & paste starting from here ===");
    CN_LOG(*log, kWarning, "Cachenode " CACHENODE_VERSION " crashed by signal: {}, si_code: {}", number, info->si_code);
    if (number == SIGSEGV || number == SIGBUS) {
      CN_LOG(*log, kWarning, "Accessing address: {}", fmt::ptr(info->si_addr));
    }
    if (info->si_code <= 0 && info->si_pid > 0)
      CN_LOG(*log, kWarning, "Killed by PID: {}, UID: {}", info->si_pid, info->si_uid);
    std::array<void*, CrashReport::kFramesMax> frames{};
    LogFrames(*log, {frames.data(), static_cast<size_t>(backtrace(frames.data(), CrashReport::kFramesMax))});
    LogRegisters(*log, context);
    if (report_details) report_details();
    log->WriteLine(LogLevel::kWarning, "=== CACHENODE BUG REPORT END. Make sure to include from START to END. ===");
  }
  if (number == SIGABRT && exits_on_panic.load()) _exit(1);
  raise(number);
}

extern "C" void HandleWatchdogSignal(int) {
  const int error_number = errno;
  if (watchdog_capture.count.load(std::memory_order_acquire) == StackCapture::kWanted) {
    const int count = backtrace(watchdog_capture.frames.data(), CrashReport::kFramesMax);
    watchdog_capture.count.store(count, std::memory_order_release);
  }
  errno = error_number;
}

}  // namespace

void CrashReport::Install(Log& log) {
  report_log.store(&log);
  // The first backtrace loads a library; not inside a handler.
  std::array<void*, 1> frame{};
  backtrace(frame.data(), 1);
  for (const int number : kFatalSignals) {
    struct sigaction action {};
    action.sa_sigaction = HandleFatalSignal;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, nullptr);
  }
}

void CrashReport::Forget() { report_log.store(nullptr); }

void CrashReport::SetEnabled(bool enabled) { report_enabled.store(enabled); }

void CrashReport::SetExitsOnPanic(bool exits) { exits_on_panic.store(exits); }

void CrashReport::SetDetails(std::function<void()> details) { report_details = std::move(details); }

struct Watchdog::State {
  Log& log;
  const BusyMs busy_ms;
  const Locks locks;
  std::mutex mutex;
  // Guarded by mutex.
  std::condition_variable changed;
  std::vector<pthread_t> threads;
  std::vector<bool> registered;
  bool stopping = false;
};

Watchdog::Watchdog(Log& log, uint32_t worker_count, BusyMs busy_ms, Locks locks)
    : state_(new State{log,
                       std::move(busy_ms),
                       std::move(locks),
                       {},
                       {},
                       std::vector<pthread_t>(worker_count),
                       std::vector<bool>(worker_count),
                       false}) {}

Watchdog::~Watchdog() { SetPeriod(0); }

void Watchdog::RegisterThread(uint32_t index) {
  const std::lock_guard lock(state_->mutex);
  state_->threads[index] = pthread_self();
  state_->registered[index] = true;
}

void Watchdog::SetPeriod(int64_t period_ms) {
  if (thread_.joinable()) {
    {
      const std::lock_guard lock(state_->mutex);
      state_->stopping = true;
      state_->changed.notify_all();
    }
    thread_.join();
    state_->stopping = false;
  }
  if (period_ms <= 0) return;
  struct sigaction action {};
  action.sa_handler = HandleWatchdogSignal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGALRM, &action, nullptr);
  thread_ = std::thread([this, period_ms] { Watch(period_ms); });
}

void Watchdog::Watch(int64_t period_ms) {
  pthread_setname_np(pthread_self(), "cn_watchdog");
  std::unique_lock lock(state_->mutex);
  while (!state_->changed.wait_for(lock, std::chrono::milliseconds(period_ms), [this] { return state_->stopping; })) {
    for (uint32_t i = 0; i < state_->threads.size(); ++i) {
      if (!state_->registered[i] || state_->busy_ms(i) < period_ms) continue;
      Report(lock, i);
    }
  }
}

void Watchdog::Report(std::unique_lock<std::mutex>& lock, uint32_t index) {
  // Before the signal, which may end what the worker waits for.
  const int64_t busy_ms = state_->busy_ms(index);
  const std::vector<std::string> locks = state_->locks();
  watchdog_capture.count.store(StackCapture::kWanted, std::memory_order_release);
  if (pthread_kill(state_->threads[index], SIGALRM) != 0) return;
  for (int waited_ms = 0; waited_ms < kCaptureMsMax && !state_->stopping; ++waited_ms) {
    if (watchdog_capture.count.load(std::memory_order_acquire) != StackCapture::kWanted) break;
    state_->changed.wait_for(lock, std::chrono::milliseconds(1));
  }
  const int count = watchdog_capture.count.exchange(0);
  Log& log = state_->log;
  log.WriteLine(LogLevel::kWarning, "--- WATCHDOG TIMER EXPIRED ---");
  CN_LOG(log, kWarning, "Worker {} is busy with one turn for {} ms", index, busy_ms);
  for (const std::string& line : locks) log.WriteLine(LogLevel::kWarning, line);
  if (count > 0) LogFrames(log, {watchdog_capture.frames.data(), static_cast<size_t>(count)});
  log.WriteLine(LogLevel::kWarning, "--------");
}

}  // namespace cachenode
