#include "server/process/crash_report.h"

#include <execinfo.h>
#include <pthread.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <utility>
#include <vector>

#include "server/process/unfinished_file.h"

namespace cachenode {

namespace {

// Handlers have no argument to carry these.
std::atomic<Log*> report_log{nullptr};
std::atomic<bool> report_enabled{true};

constexpr std::array<int, 5> kFatalSignals = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

void Reset(int number) {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, nullptr);
}

// Not everything here may be called from a handler by the book (formatting, the log's mutex). The process is lost
// anyway, the report is worth the risk, and the alarm ends it should it hang.
extern "C" void HandleFatalSignal(int number, siginfo_t* info, void*) {
  for (const int fatal : kFatalSignals) Reset(fatal);
  RemoveUnfinishedFile();
  Log* log = report_log.load();
  if (log != nullptr && report_enabled.load()) {
    Reset(SIGALRM);
    alarm(CrashReport::kReportSecondsMax);
    log->WriteLine(LogLevel::kWarning, "=== CACHENODE BUG REPORT START: Cut & paste starting from here ===");
    CN_LOG(*log, kWarning, "Cachenode " CACHENODE_VERSION " crashed by signal: {}, si_code: {}", number, info->si_code);
    if (number == SIGSEGV || number == SIGBUS) {
      CN_LOG(*log, kWarning, "Accessing address: {}", fmt::ptr(info->si_addr));
    }
    if (info->si_code <= 0 && info->si_pid > 0)
      CN_LOG(*log, kWarning, "Killed by PID: {}, UID: {}", info->si_pid, info->si_uid);
    CrashReport::LogStack(*log, "------ STACK TRACE ------");
    log->WriteLine(LogLevel::kWarning, "=== CACHENODE BUG REPORT END. Make sure to include from START to END. ===");
  }
  raise(number);
}

extern "C" void HandleWatchdogSignal(int) {
  Log* log = report_log.load();
  if (log == nullptr) return;
  log->WriteLine(LogLevel::kWarning, "--- WATCHDOG TIMER EXPIRED ---");
  CrashReport::LogStack(*log, "------ STACK TRACE ------");
  log->WriteLine(LogLevel::kWarning, "--------");
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

void CrashReport::SetEnabled(bool enabled) { report_enabled.store(enabled); }

void CrashReport::LogStack(Log& log, const char* heading) {
  log.WriteLine(LogLevel::kWarning, heading);
  std::array<void*, kFramesMax> frames{};
  const int count = backtrace(frames.data(), kFramesMax);
  char** names = backtrace_symbols(frames.data(), count);
  for (int i = 0; names != nullptr && i < count; ++i) log.WriteLine(LogLevel::kWarning, names[i]);
  std::free(static_cast<void*>(names));
}

struct Watchdog::State {
  Log& log;
  const BusyMs busy_ms;
  std::mutex mutex;
  // Guarded by mutex.
  std::condition_variable changed;
  std::vector<pthread_t> threads;
  std::vector<bool> registered;
  bool stopping = false;
};

Watchdog::Watchdog(Log& log, uint32_t worker_count, BusyMs busy_ms)
    : state_(new State{log,
                       std::move(busy_ms),
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
      pthread_kill(state_->threads[i], SIGALRM);
    }
  }
}

}  // namespace cachenode
