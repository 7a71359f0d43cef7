#include "server/world_lock.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>

#include "storage/base/cpu_pause.h"
#include "storage/base/lock_order.h"
#include "storage/base/lock_wait.h"

namespace cachenode {

namespace {

// What std::atomic offers cannot end after a while; a worker that waits for a script must look after its clients.
constexpr long kLookAfterNs = 5'000'000;
// Pauses, some 10 us: who is inside mostly needs less to step out, and sleeping twice as much to wake.
constexpr int kSpins = 200;

void Wake(std::atomic<uint32_t>& word, int threads) {
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAKE_PRIVATE, threads, nullptr, nullptr, 0);
}

}  // namespace

// Why nobody misses anybody: a thread that steps in writes its flag and then reads the gate; a writer closes the gate
// and then reads the flags. All four are sequentially consistent, so at least one of the two sees the other. Waits
// never miss a wake-up for the same reason: who leaves clears its flag and then looks at the gate; who sleeps counts
// itself and then has the kernel look at the word, and who wakes changed the word and then looks at the count.

void WorldLock::WaitWhile(WaitWord& word, uint32_t value) {
  LockWaitHook* const hook = ThreadLockWaitHook();
  const timespec limit{0, kLookAfterNs};
  word.sleepers.fetch_add(1, std::memory_order_seq_cst);
  while (word.value.load(std::memory_order_seq_cst) == value) {
    syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word.value), FUTEX_WAIT_PRIVATE, value,
            hook == nullptr ? nullptr : &limit, nullptr, 0);
    if (hook != nullptr && word.value.load(std::memory_order_seq_cst) == value) hook->WhileWaiting();
  }
  word.sleepers.fetch_sub(1, std::memory_order_seq_cst);
}

void WorldLock::WakeOne(WaitWord& word) {
  if (word.sleepers.load(std::memory_order_seq_cst) != 0) Wake(word.value, 1);
}

void WorldLock::WakeAll(WaitWord& word) {
  if (word.sleepers.load(std::memory_order_seq_cst) != 0) Wake(word.value, INT32_MAX);
}

WorldLock::Seat* WorldLock::TakeSeat() {
  for (uint32_t i = 0; i < kSeatsMax; ++i) {
    if (seats_[i].taken_.exchange(true, std::memory_order_acquire)) continue;
    Adopt(seats_[i]);
    uint32_t used = seats_used_.load(std::memory_order_seq_cst);
    while (used < i + 1 && !seats_used_.compare_exchange_weak(used, i + 1, std::memory_order_seq_cst)) {
    }
    return &seats_[i];
  }
  return nullptr;
}

void WorldLock::GiveBack(Seat* seat) {
  assert(seat->depth_ == Seat::Depth::kOutside);
  seat->taken_.store(false, std::memory_order_release);
}

void WorldLock::EnterFromOutside(Seat& seat) {
  seat.depth_ = Seat::Depth::kInside;
  if (elided_) {
    seat.flag_.store(epoch_.load(std::memory_order_relaxed), std::memory_order_relaxed);
    return;
  }
  lock_order::BeforeWait(LockRank::kWorld);
  while (true) {
    seat.flag_.exchange(epoch_.load(std::memory_order_acquire), std::memory_order_seq_cst);
    lock_order::PausePoint();
    if (gate_.value.load(std::memory_order_seq_cst) == kOpen) [[likely]]
      break;
    seat.flag_.exchange(0, std::memory_order_seq_cst);
    AwakeWriter();
    for (uint32_t gate = gate_.value.load(); gate != kOpen; gate = gate_.value.load()) WaitWhile(gate_, gate);
  }
  lock_order::Acquired(LockRank::kWorld);
}

void WorldLock::LeaveFromInside(Seat& seat) {
  seat.depth_ = Seat::Depth::kOutside;
  if (elided_) {
    seat.flag_.store(0, std::memory_order_relaxed);
    return;
  }
  lock_order::AssertHoldsNone(LockRank::kShard);
  lock_order::Released(LockRank::kWorld);
  seat.flag_.exchange(0, std::memory_order_seq_cst);
  lock_order::PausePoint();
  if (gate_.value.load(std::memory_order_seq_cst) != kOpen) [[unlikely]]
    AwakeWriter();
}

void WorldLock::StepAside(Seat& seat) {
  if (seat.depth_ != Seat::Depth::kInside) return;
  LeaveFromInside(seat);
  EnterFromOutside(seat);
}

void WorldLock::AwakeWriter() {
  departures_.value.fetch_add(1, std::memory_order_seq_cst);
  WakeAll(departures_);
}

void WorldLock::LockExclusive(Seat& seat) {
  if (seat.depth_ == Seat::Depth::kExclusive) {
    ++seat.exclusive_nesting_;
    return;
  }
  seat.was_inside_ = seat.depth_ == Seat::Depth::kInside;
  if (!elided_) {
    if (seat.was_inside_) LeaveFromInside(seat);
    lock_order::BeforeWait(LockRank::kWorld);
    do {
      TakeWriterTurn();
      gate_.value.store(kWriter, std::memory_order_seq_cst);
      lock_order::PausePoint();
    } while (!WaitForOthers(seat, false));
    lock_order::Acquired(LockRank::kWorld);
    exclusive_.store(ThreadNumber(), std::memory_order_relaxed);
  }
  seat.depth_ = Seat::Depth::kExclusive;
  seat.exclusive_nesting_ = 1;
}

void WorldLock::Upgrade(Seat& seat) {
  if (seat.depth_ == Seat::Depth::kExclusive) {
    ++seat.exclusive_nesting_;
    return;
  }
  assert(seat.depth_ == Seat::Depth::kInside);
  if (!elided_) {
    [[maybe_unused]] const uint32_t waiting = upgrade_waits_.value.exchange(1, std::memory_order_seq_cst);
    assert(waiting == 0);
    lock_order::PausePoint();
    // A writer that waits for our flag steps back now; it leaves the gate closed for us.
    AwakeWriter();
    for (uint32_t free = 0; !turn_.value.compare_exchange_strong(free, 1, std::memory_order_seq_cst); free = 0)
      WaitWhile(turn_, 1);
    gate_.value.store(kUpgrade, std::memory_order_seq_cst);
    [[maybe_unused]] const bool granted = WaitForOthers(seat, true);
    assert(granted);
    upgrade_waits_.value.store(0, std::memory_order_seq_cst);
    WakeAll(upgrade_waits_);
    exclusive_.store(ThreadNumber(), std::memory_order_relaxed);
  }
  seat.was_inside_ = true;
  seat.depth_ = Seat::Depth::kExclusive;
  seat.exclusive_nesting_ = 1;
}

void WorldLock::UnlockExclusive(Seat& seat) {
  assert(seat.depth_ == Seat::Depth::kExclusive);
  if (--seat.exclusive_nesting_ != 0) return;
  seat.depth_ = seat.was_inside_ ? Seat::Depth::kInside : Seat::Depth::kOutside;
  if (elided_) return;
  exclusive_.store(0, std::memory_order_relaxed);
  if (seat.was_inside_) {
    seat.flag_.exchange(epoch_.load(std::memory_order_acquire), std::memory_order_seq_cst);
  } else {
    lock_order::Released(LockRank::kWorld);
  }
  gate_.value.store(kOpen, std::memory_order_seq_cst);
  WakeAll(gate_);
  lock_order::PausePoint();
  ReleaseWriterTurn();
}

// Becomes the one writer that may close the gate. An upgrade goes first.
void WorldLock::TakeWriterTurn() {
  while (true) {
    while (upgrade_waits_.value.load(std::memory_order_seq_cst) != 0) WaitWhile(upgrade_waits_, 1);
    uint32_t free = 0;
    if (!turn_.value.compare_exchange_strong(free, 1, std::memory_order_seq_cst)) {
      WaitWhile(turn_, 1);
      continue;
    }
    if (upgrade_waits_.value.load(std::memory_order_seq_cst) == 0) return;
    ReleaseWriterTurn();
  }
}

// The next writer is enough, but for an upgrade, which sleeps among them: they would give way to it, asleep as it is.
void WorldLock::ReleaseWriterTurn() {
  turn_.value.store(0, std::memory_order_seq_cst);
  if (upgrade_waits_.value.load(std::memory_order_seq_cst) != 0) {
    WakeAll(turn_);
  } else {
    WakeOne(turn_);
  }
}

bool WorldLock::LeavesSoon(const Seat& seat) {
  for (int i = 0; i < kSpins; ++i) {
    if (seat.flag_.load(std::memory_order_relaxed) == 0) return true;
    CpuPause();
  }
  return false;
}

// True when every other seat is outside. False when an upgrade wants to go first: the turn is given up then and the
// gate stays closed, as the upgrade takes it over.
bool WorldLock::WaitForOthers(const Seat& self, bool is_upgrade) {
  const uint32_t used = seats_used_.load(std::memory_order_seq_cst);
  for (uint32_t i = 0; i < used; ++i) {
    const Seat& seat = seats_[i];
    if (&seat == &self) continue;
    while (true) {
      const uint32_t before = departures_.value.load(std::memory_order_seq_cst);
      if (seat.flag_.load(std::memory_order_seq_cst) == 0) break;
      if (LeavesSoon(seat)) continue;
      if (!is_upgrade && upgrade_waits_.value.load(std::memory_order_seq_cst) != 0) {
        ReleaseWriterTurn();
        return false;
      }
      lock_order::PausePoint();
      WaitWhile(departures_, before);
    }
  }
  return true;
}

WorldLock::Occupants WorldLock::OccupantsNow() const {
  Occupants now;
  if (elided_) return now;
  now.exclusive = exclusive_.load(std::memory_order_relaxed);
  now.writer_waits = now.exclusive == 0 && WriterWaits();
  const uint32_t used = seats_used_.load(std::memory_order_relaxed);
  for (uint32_t i = 0; i < used; ++i) {
    if (seats_[i].flag_.load(std::memory_order_relaxed) == 0) continue;
    now.inside.push_back(seats_[i].thread_.load(std::memory_order_relaxed));
  }
  return now;
}

uint64_t WorldLock::PassedStamp() {
  uint64_t oldest = epoch_.load(std::memory_order_seq_cst);
  const uint32_t used = seats_used_.load(std::memory_order_seq_cst);
  for (uint32_t i = 0; i < used; ++i) {
    // Read by a write, so that a thread stepping in after this sees what was unlinked before it.
    const uint64_t entered = elided_ ? seats_[i].flag_.load(std::memory_order_relaxed)
                                     : seats_[i].flag_.fetch_add(0, std::memory_order_seq_cst);
    if (entered != 0) oldest = std::min(oldest, entered);
  }
  return oldest - 1;
}

}  // namespace cachenode
