// The lock over everything: each thread that touches shards holds its own flag while it works (cheap, no shared
// line written), and an exclusive holder waits until all flags are down.
//
// Thread-safety: a Seat is used by the thread that took it; WorldLock's other methods by any thread.
// Invariants:
//   - While a thread is exclusive, every other seat is outside.
//   - An exclusive request is made holding no shard lock; the caller's own seat is stepped out of while waiting.
//     Upgrade is the exception: it keeps the seat and its shard locks, so it must come from the one running script,
//     and it goes before every writer not yet granted. It can end because nobody who is inside sleeps on a shard
//     lock: a thread steps out (holding no shard lock) before it sleeps.
//   - A thread inside never waits for the world.
// Elision: with `elided` there is one thread, every call is a branch and no atomic is written.
// Also the clock of deferred frees: see RetireStamp.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "storage/base/thread_number.h"

namespace cachenode {

class WorldLock {
 public:
  // Workers plus walkers and pool threads that touch shards.
  static constexpr size_t kSeatsMax = 320;

  // One thread's place. Outside, inside (shared with the other seats), or exclusive.
  class Seat {
   public:
    Seat() = default;
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;
    [[nodiscard]] bool inside() const { return depth_ == Depth::kInside; }
    [[nodiscard]] bool exclusive() const { return depth_ == Depth::kExclusive; }

   private:
    friend class WorldLock;
    enum class Depth : uint8_t { kOutside, kInside, kExclusive };

    // The epoch at which the thread stepped in, 0 outside. Written by the owner, read by writers.
    alignas(64) std::atomic<uint64_t> flag_{0};
    std::atomic<bool> taken_{false};
    std::atomic<uint32_t> thread_{0};  // ThreadNumber of whose it is.
    // Owner thread only.
    Depth depth_ = Depth::kOutside;
    uint32_t exclusive_nesting_ = 0;
    bool was_inside_ = false;
  };

  explicit WorldLock(bool elided) : elided_(elided) {}
  WorldLock(const WorldLock&) = delete;
  WorldLock& operator=(const WorldLock&) = delete;

  [[nodiscard]] bool elided() const { return elided_; }
  // A seat for the calling thread, outside. Null when kSeatsMax are taken. Give it back from outside.
  [[nodiscard]] Seat* TakeSeat();
  void GiveBack(Seat* seat);
  // The seat, outside, is the calling thread's from now on.
  static void Adopt(Seat& seat) { seat.thread_.store(ThreadNumber(), std::memory_order_relaxed); }

  // Steps in, after waiting for an exclusive holder or a pending writer. Nothing when already inside or exclusive.
  void Enter(Seat& seat) {
    if (seat.depth_ == Seat::Depth::kOutside) EnterFromOutside(seat);
  }
  // Steps out. Holds no shard lock. Nothing when outside or exclusive.
  void Leave(Seat& seat) {
    if (seat.depth_ == Seat::Depth::kInside) LeaveFromInside(seat);
  }
  // Lets a waiting writer pass: out and in again. Holds no shard lock; one load when nobody waits.
  void Yield(Seat& seat) {
    if (WriterWaits()) [[unlikely]]
      StepAside(seat);
  }
  [[nodiscard]] bool WriterWaits() const { return !elided_ && gate_.value.load(std::memory_order_relaxed) != kOpen; }

  // Waits until every other thread is outside. Nests. Holds no shard lock.
  void LockExclusive(Seat& seat);
  // Back to where the seat was before.
  void UnlockExclusive(Seat& seat);
  // From inside to exclusive without stepping out; shard locks stay held. At most one thread at a time may ask.
  void Upgrade(Seat& seat);

  // Who is where at this moment, for reports; ThreadNumbers.
  struct Occupants {
    uint32_t exclusive = 0;  // 0: nobody.
    bool writer_waits = false;
    std::vector<uint32_t> inside;
  };
  // Any thread. Empty when elided.
  [[nodiscard]] Occupants OccupantsNow() const;

  // Deferred frees: a stamp taken after something was unlinked has passed once every thread that was inside then
  // has stepped out. Cost of PassedStamp: one locked instruction per seat; ask once per batch of frees.
  [[nodiscard]] uint64_t RetireStamp() { return epoch_.fetch_add(1, std::memory_order_seq_cst); }
  // Every stamp smaller than or equal to the result has passed.
  [[nodiscard]] uint64_t PassedStamp();

 private:
  // What gate_ says to threads that want in.
  enum Gate : uint32_t { kOpen, kWriter, kUpgrade };

  // A word that threads sleep on, and how many of them may: a wake-up is a system call, and mostly nobody sleeps.
  struct WaitWord {
    std::atomic<uint32_t> value{0};
    std::atomic<uint32_t> sleepers{0};
  };
  static void WaitWhile(WaitWord& word, uint32_t value);
  static void WakeOne(WaitWord& word);
  static void WakeAll(WaitWord& word);

  void EnterFromOutside(Seat& seat);
  void LeaveFromInside(Seat& seat);
  void StepAside(Seat& seat);
  void TakeWriterTurn();
  void ReleaseWriterTurn();
  [[nodiscard]] static bool LeavesSoon(const Seat& seat);
  [[nodiscard]] bool WaitForOthers(const Seat& self, bool is_upgrade);
  void AwakeWriter();

  // Constant after construction.
  const bool elided_;
  // Any thread.
  alignas(64) WaitWord gate_;  // A Gate.
  std::atomic<uint64_t> epoch_{1};
  alignas(64) WaitWord turn_;            // 1: a writer waits or is exclusive. Owner writes gate_.
  WaitWord upgrade_waits_;               // A writer not yet granted must give up its turn.
  WaitWord departures_;                  // Changes when a thread leaves while a writer waits.
  std::atomic<uint32_t> seats_used_{0};  // Seats beyond were never taken.
  std::atomic<uint32_t> exclusive_{0};   // ThreadNumber of the exclusive holder, for reports.
  std::array<Seat, kSeatsMax> seats_;
};

// Exclusive for the life of this object.
class WorldExclusive {
 public:
  WorldExclusive(WorldLock& world, WorldLock::Seat& seat) : world_(world), seat_(seat) { world_.LockExclusive(seat_); }
  ~WorldExclusive() { world_.UnlockExclusive(seat_); }
  WorldExclusive(const WorldExclusive&) = delete;
  WorldExclusive& operator=(const WorldExclusive&) = delete;

 private:
  WorldLock& world_;
  WorldLock::Seat& seat_;
};

}  // namespace cachenode
