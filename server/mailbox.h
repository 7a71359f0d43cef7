// Messages to a worker from any thread: a queue of many writers and one reader that wakes the reader's loop only
// when it may be asleep.
//
// Thread-safety: Post and TryPost from any thread; Drain by the owning worker only. The waker must be callable from
//   any thread (EventLoop's AsyncSignal is).
// Invariants: letters of one sender are delivered in the order of posting. A letter posted before Drain begins is
//   delivered by that Drain or has woken the loop for another one.
// Limits: TryPost refuses beyond kBytesMax waiting bytes, so that a slow worker cannot hold unbounded pub/sub
//   traffic; Post is for control messages, whose number is bounded by clients and workers.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

namespace cachenode {

class Worker;

// One message. Runs once on the receiving worker, inside its world flag, then is destroyed there.
class Letter {
 public:
  virtual ~Letter() = default;
  virtual void Deliver(Worker& worker) = 0;

 private:
  friend class Mailbox;
  Letter* next_ = nullptr;
  size_t size_bytes_ = 0;
};

template <typename Action>
class ActionLetter final : public Letter {
 public:
  explicit ActionLetter(Action action) : action_(std::move(action)) {}
  void Deliver(Worker& worker) override { action_(worker); }

 private:
  Action action_;
};

// A letter that calls `action(worker)`.
template <typename Action>
std::unique_ptr<Letter> MakeLetter(Action action) {
  return std::make_unique<ActionLetter<Action>>(std::move(action));
}

class Mailbox {
 public:
  static constexpr size_t kBytesMax = size_t{64} << 20;
  // Letters delivered per loop turn; the rest wait for the next one.
  static constexpr size_t kLettersPerTurn = 4096;

  explicit Mailbox(std::function<void()> wake) : wake_(std::move(wake)) {}
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  void Post(std::unique_ptr<Letter> letter);
  // Charges `size_bytes` until delivery. False, and the letter is dropped, when that would exceed kBytesMax.
  [[nodiscard]] bool TryPost(std::unique_ptr<Letter> letter, size_t size_bytes);

  // Delivers up to kLettersPerTurn waiting letters. True when some are left: drain again in the next turn.
  bool Drain(Worker& worker);
  [[nodiscard]] size_t waiting_bytes() const { return waiting_bytes_.load(std::memory_order_relaxed); }

 private:
  void Push(Letter* letter);
  void Collect();
  static void Destroy(Letter* first);

  const std::function<void()> wake_;
  // Any thread.
  alignas(64) std::atomic<Letter*> newest_{nullptr};  // Stack, newest first.
  std::atomic<bool> awake_{false};                    // The reader will look again without being woken.
  std::atomic<size_t> waiting_bytes_{0};
  // Owner only.
  alignas(64) Letter* oldest_ = nullptr;  // Collected, in order of posting.
  Letter* last_ = nullptr;
};

}  // namespace cachenode
