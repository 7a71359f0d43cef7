// The processor's registers at the moment of a signal, for the log.
//
// Thread-safety: for the signal handler that got `context`. Knows x86-64 and aarch64; says so on others.
#pragma once

#include "storage/base/log.h"

namespace cachenode {

// `context`: the third argument of a handler installed with SA_SIGINFO.
void LogRegisters(Log& log, const void* context) noexcept;

}  // namespace cachenode
