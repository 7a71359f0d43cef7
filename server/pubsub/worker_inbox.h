// Messages on their way to the subscribers one worker runs.
//
// Thread-safety: Post from any thread, holding the mutex of the channel's table or none; the rest by the owner worker.
//   The mutex inside is the innermost leaf.
// Invariants: messages are taken in the order of posting. One that was posted is taken by the owner before it sleeps,
//   or has woken it.
// Limits: kBytesMax waiting, unless a single message is larger. What does not fit is not lost silently: the slot is
// told
//   that it has to close its subscribers, once for all that are lost until then.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "server/pubsub/channel_table.h"
#include "storage/base/byte_block.h"

namespace cachenode {

class Mailbox;

// One encoded message for the subscribers of one slot; without bytes: messages were lost.
struct Delivery {
  ChannelSlotRef slot;
  ByteBlockRef message;
};

class alignas(64) WorkerInbox {
 public:
  static constexpr size_t kBytesMax = size_t{64} << 20;
  static constexpr size_t kDeliveryOverheadBytes = 128;  // Charged for each besides its bytes.

  // How the owner is woken. `deliver` runs on it. Before the workers start.
  void SetMailbox(Mailbox& mailbox) { mailbox_ = &mailbox; }

  // `on_wake` makes the letter that wakes the owner; called when it may be asleep.
  template <typename Wake>
  void Post(const ChannelSlotRef& slot, const ByteBlockRef& message, const Wake& wake) {
    if (Push(slot, message) && mailbox_ != nullptr) wake(*mailbox_);
  }

  // Owner.
  [[nodiscard]] bool HasMail() const { return has_mail_.load(std::memory_order_acquire); }
  // Moves all that waits into `to`, which is empty.
  void TakeAll(std::vector<Delivery>& to);

 private:
  // Whether the owner must be woken.
  [[nodiscard]] bool Push(const ChannelSlotRef& slot, const ByteBlockRef& message);

  Mailbox* mailbox_ = nullptr;         // Constant after the start.
  std::atomic<bool> has_mail_{false};  // Written under the mutex.
  std::mutex mutex_;                   // Guards the two below.
  std::vector<Delivery> waiting_;
  size_t waiting_bytes_ = 0;
};

}  // namespace cachenode
