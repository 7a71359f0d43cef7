// REG_RIP and its like are named in glibc's headers for _GNU_SOURCE, which g++ defines.
#include "server/process/crash_registers.h"

#include <ucontext.h>

#include <array>
#include <cstdint>
#include <string_view>

namespace cachenode {

namespace {

struct Register {
  std::string_view name;
  uint64_t value;
};

template <size_t kCount>
void LogThreeAbreast(Log& log, const std::array<Register, kCount>& registers) {
  static_assert(kCount % 3 == 0);
  for (size_t i = 0; i < kCount; i += 3) {
    CN_LOG(log, kWarning, "{:<4}:{:016x} {:<4}:{:016x} {:<4}:{:016x}", registers[i].name, registers[i].value,
           registers[i + 1].name, registers[i + 1].value, registers[i + 2].name, registers[i + 2].value);
  }
}

}  // namespace

void LogRegisters(Log& log, const void* context) noexcept {
  log.WriteLine(LogLevel::kWarning, "------ REGISTERS ------");
  [[maybe_unused]] const auto* user = static_cast<const ucontext_t*>(context);
#if defined(__x86_64__)
  const auto value = [user](int index) { return static_cast<uint64_t>(user->uc_mcontext.gregs[index]); };
  LogThreeAbreast<18>(log, {{{"RAX", value(REG_RAX)},
                             {"RBX", value(REG_RBX)},
                             {"RCX", value(REG_RCX)},
                             {"RDX", value(REG_RDX)},
                             {"RDI", value(REG_RDI)},
                             {"RSI", value(REG_RSI)},
                             {"RBP", value(REG_RBP)},
                             {"RSP", value(REG_RSP)},
                             {"R8", value(REG_R8)},
                             {"R9", value(REG_R9)},
                             {"R10", value(REG_R10)},
                             {"R11", value(REG_R11)},
                             {"R12", value(REG_R12)},
                             {"R13", value(REG_R13)},
                             {"R14", value(REG_R14)},
                             {"R15", value(REG_R15)},
                             {"RIP", value(REG_RIP)},
                             {"EFL", value(REG_EFL)}}});
#elif defined(__aarch64__)
  for (size_t i = 0; i < 30; i += 3) {
    CN_LOG(log, kWarning, "X{:<2}:{:016x} X{:<2}:{:016x} X{:<2}:{:016x}", i, user->uc_mcontext.regs[i], i + 1,
           user->uc_mcontext.regs[i + 1], i + 2, user->uc_mcontext.regs[i + 2]);
  }
  LogThreeAbreast<3>(
      log, {{{"X30", user->uc_mcontext.regs[30]}, {"SP", user->uc_mcontext.sp}, {"PC", user->uc_mcontext.pc}}});
#else
  log.WriteLine(LogLevel::kWarning, "Registers of this processor are not shown.");
#endif
}

}  // namespace cachenode
