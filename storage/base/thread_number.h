// The number by which the system knows the calling thread, for reports of who holds what.
//
// Thread-safety: any thread; asked of the system once per thread. A process that forks does so before any thread asks.
#pragma once

#include <cstdint>
#include <string>

namespace cachenode {

namespace detail {
inline constinit thread_local uint32_t thread_number = 0;
uint32_t AskThreadNumber() noexcept;
}  // namespace detail

// Greater than 0, below 2^22 on Linux.
[[nodiscard]] inline uint32_t ThreadNumber() noexcept {
  const uint32_t known = detail::thread_number;
  return known != 0 ? known : detail::AskThreadNumber();
}

// What the system's tools call the thread; its number when it has ended.
[[nodiscard]] std::string ThreadName(uint32_t number);

}  // namespace cachenode
