#include "server/process/process_limits.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "storage/base/numbers.h"
#include "storage/base/system_error.h"

namespace cachenode {

namespace {

constexpr const char* kOomScorePath = "/proc/self/oom_score_adj";
constexpr int kOomScoreMin = -1000;
constexpr int kOomScoreMax = 1000;

// The first bytes of a small file, empty when it cannot be read.
std::string ReadSmallFile(const char* path) {
  const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return {};
  std::array<char, 64> text{};
  const ssize_t size = read(descriptor, text.data(), text.size());
  close(descriptor);
  return size <= 0 ? std::string() : std::string(text.data(), static_cast<size_t>(size));
}

int LeadingNumber(std::string_view text) {
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// Takes a number from the front of `text`.
bool TakeNumber(std::string_view& text, unsigned& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

// Takes "3", "3-7" or "3-7:2" from the front of `text` into `set`.
bool TakeRange(std::string_view& text, cpu_set_t& set) {
  unsigned first = 0;
  if (!TakeNumber(text, first)) return false;
  unsigned last = first;
  unsigned step = 1;
  if (text.starts_with('-')) {
    text.remove_prefix(1);
    if (!TakeNumber(text, last)) return false;
    if (text.starts_with(':')) {
      text.remove_prefix(1);
      if (!TakeNumber(text, step) || step == 0) return false;
    }
  }
  if (last >= CPU_SETSIZE || first > last) return false;
  for (unsigned cpu = first; cpu <= last; cpu += step) CPU_SET(cpu, &set);
  return true;
}

bool ParseCpuList(std::string_view text, cpu_set_t& set) {
  CPU_ZERO(&set);
  while (true) {
    if (!TakeRange(text, set)) return false;
    if (text.empty()) return true;
    if (!text.starts_with(',')) return false;
    text.remove_prefix(1);
  }
}

}  // namespace

uint64_t RaiseFileLimit(uint64_t clients, Log& log) {
  const uint64_t wanted = clients + kReservedDescriptors;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    CN_LOG(log, kWarning,
           "Unable to obtain the current NOFILE limit ({}), assuming 1024 and setting the max clients "
           "configuration accordingly.",
           SystemErrorText(errno));
    return 1024 - kReservedDescriptors;
  }
  const uint64_t before = limit.rlim_cur;
  if (before >= wanted) return clients;
  int refusal = 0;
  uint64_t reached = before;
  // Downwards in small steps from what is wanted until the kernel agrees.
  for (uint64_t attempt = wanted; attempt > before; attempt -= std::min<uint64_t>(attempt - before, 16)) {
    rlimit raised = limit;
    raised.rlim_cur = attempt;
    raised.rlim_max = std::max<rlim_t>(limit.rlim_max, attempt);
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) {
      reached = attempt;
      break;
    }
    refusal = errno;
    if (attempt > limit.rlim_max && limit.rlim_max > before) attempt = limit.rlim_max + 16;
  }
  if (reached >= wanted) {
    CN_LOG(log, kNotice, "Increased maximum number of open files to {} (it was originally set to {}).", wanted, before);
    return clients;
  }
  if (reached <= kReservedDescriptors) {
    CN_LOG(log, kWarning,
           "Your current 'ulimit -n' of {} is not enough for the server to start. Please increase your "
           "open file limit to at least {}. Exiting.",
           before, wanted);
    return 0;
  }
  const uint64_t fitting = reached - kReservedDescriptors;
  CN_LOG(log, kWarning, "You requested maxclients of {} requiring at least {} max file descriptors.", clients, wanted);
  CN_LOG(log, kWarning, "Server can't set maximum open files to {} because of OS error: {}.", wanted,
         SystemErrorText(refusal));
  CN_LOG(log, kWarning,
         "Current maximum open files is {}. maxclients has been reduced to {} to compensate for low "
         "ulimit. If you need higher maxclients increase 'ulimit -n'.",
         reached, fitting);
  return fitting;
}

Status OomScore::Apply(OomScoreMode mode, int32_t value) {
  if (mode == OomScoreMode::kNo && !is_ours_) return Status::Ok();
  const int base = is_ours_ ? base_ : LeadingNumber(ReadSmallFile(kOomScorePath));
  int score = base;
  if (mode == OomScoreMode::kRelative) score += value;
  if (mode == OomScoreMode::kAbsolute) score = value;
  score = std::clamp(score, kOomScoreMin, kOomScoreMax);
  const std::string text = std::to_string(score);
  const int descriptor = open(kOomScorePath, O_WRONLY | O_CLOEXEC);
  const bool written = descriptor >= 0 && write(descriptor, text.data(), text.size()) >= 0;
  const int error_number = errno;
  if (descriptor >= 0) close(descriptor);
  if (!written) {
    return Status::WithText(Err::kIo, fmt::format("Unable to write oom_score_adj: {}", SystemErrorText(error_number)));
  }
  is_ours_ = mode != OomScoreMode::kNo;
  base_ = base;
  return Status::Ok();
}

bool PinThread(std::string_view list, Log& log) {
  if (list.empty()) return true;
  cpu_set_t set;
  const bool pinned = ParseCpuList(list, set) && pthread_setaffinity_np(pthread_self(), sizeof(set), &set) == 0;
  if (!pinned) CN_LOG(log, kWarning, "Cannot bind a thread to the processors '{}'", list);
  return pinned;
}

void DisableHugePages() {
  constexpr unsigned long kExceptAdvised = 2;  // PR_THP_DISABLE_EXCEPT_ADVISED, since Linux 6.18.
  if (prctl(PR_SET_THP_DISABLE, 1, kExceptAdvised, 0, 0) == 0) return;
  prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
}

void CheckBacklog(int64_t backlog, Log& log) {
  const int limit = LeadingNumber(ReadSmallFile("/proc/sys/net/core/somaxconn"));
  if (limit <= 0 || limit >= backlog) return;
  CN_LOG(log, kWarning,
         "WARNING: The TCP backlog setting of {} cannot be enforced because "
         "/proc/sys/net/core/somaxconn is set to the lower value of {}.",
         backlog, limit);
}

}  // namespace cachenode
