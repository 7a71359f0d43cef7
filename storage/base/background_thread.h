// Threads whose work may wait, and how they leave the processors to those that answer clients.
//
// Who wakes up does not get the processor at once: Linux lets a thread that computes finish its slice, and since 6.6 go
// on for as long as its turn is due before the other's, which is looked at with the ticks: some 3.5 ms, measured, also
// for threads of a higher nice value now and then. A background thread gives the rest of its turn back while it works:
// others wait 0.05 to 0.15 ms for it.
//
// Thread-safety: each call concerns the calling thread only.
#pragma once

#include <cstdint>

namespace cachenode {

inline constexpr uint32_t kGiveWayUs = 50;
// What others may run for in return before the background thread is due again: a thirtieth of a busy processor is left
// to it, and what is idle of it. Asked for as the length of its slice, which kernels before 6.12 do not hear; there it
// is theirs, about 3 ms.
inline constexpr uint32_t kGivenUpUs = 1500;

namespace detail {
inline constinit thread_local bool is_background_thread = false;
void GiveWayIfDue() noexcept;
}  // namespace detail

// Makes the calling thread a background thread for good, with this nice value unless it has a higher one.
// A system that forbids it changes nothing but that.
void BecomeBackgroundThread(int nice) noexcept;

// Between two steps of work that takes long: lets others run when kGiveWayUs have passed since the last time. Does
// nothing on other threads, so that code which runs on both kinds may call it. Never with a lock held that a loop
// takes.
inline void GiveWay() noexcept {
  if (detail::is_background_thread) [[unlikely]]
    detail::GiveWayIfDue();
}

}  // namespace cachenode
