// Starts a thread without an exception when the system has none to give.
//
// Thread-safety: any thread.
#pragma once

#include <pthread.h>

#include <system_error>
#include <thread>
#include <utility>

namespace cachenode {

// Runs `body` on a new thread, `name` (15 characters at most) showing in the system's tools. False when there is none.
template <typename Body>
[[nodiscard]] bool StartThread(std::thread& thread, const char* name, Body body) noexcept {
  try {
    thread = std::thread(std::move(body));
  } catch (const std::system_error&) {
    return false;
  }
  pthread_setname_np(thread.native_handle(), name);
  return true;
}

}  // namespace cachenode
