// What the process asks of the operating system: descriptors, OOM score, CPU affinity, huge pages.
//
// Thread-safety: process-wide effects; called at the start, or under the exclusive world lock.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "server/config/option_types.h"
#include "storage/base/log.h"
#include "storage/base/status.h"

namespace cachenode {

// Descriptors the server needs for itself: log, snapshot, listeners, loops.
inline constexpr uint64_t kReservedDescriptors = 32;

// Raises RLIMIT_NOFILE for `clients` connections and kReservedDescriptors, to what the system allows. Returns how many
// clients fit; fewer than asked for is logged the way redis-server does. 0: not even one, the server cannot start.
uint64_t RaiseFileLimit(uint64_t clients, Log& log);

// This process' OOM score as oom-score-adj has it. Anything but "no" starts from the score the process has then, which
// may have been set from outside; "no" gives that score back once, and touches nothing while nothing was set.
// Thread-safety: at the start, then under the exclusive world lock.
class OomScore {
 public:
  // Errors: kIo when the kernel refuses, and then nothing has changed.
  Status Apply(OomScoreMode mode, int32_t value);

 private:
  bool is_ours_ = false;
  int base_ = 0;  // The score before it was ours.
};

// Binds the calling thread to the processors of `list` ("0,2-4", "0-7:2", empty: no change). False when malformed or
// refused; the log has it.
bool PinThread(std::string_view list, Log& log);

// Asks for no transparent huge pages in this process, which would grow what is touched here and there, but for those it
// moves full memory into. Linux before 6.18 knows only none at all.
void DisableHugePages();

// Warns when the kernel's somaxconn cuts `backlog`.
void CheckBacklog(int64_t backlog, Log& log);

}  // namespace cachenode
