// Which channels, patterns or shard channels have subscribers, and on which workers. One table for each of the three.
//
// Thread-safety: any thread. A name's bucket is guarded by a leaf mutex of its own; with one worker nothing is locked.
//   What a visitor does with a Channel happens under that mutex: it may post to inboxes (worker_inbox.h) and to
//   sessions of its own worker, nothing else. A slot's `subscribers` belong to its worker alone.
// Invariants: a channel is listed exactly while it has a subscriber, and one of its slots exactly while that slot has.
// Cost: one hash look-up; patterns are kept in order and looked at one by one.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "storage/base/hash.h"

namespace cachenode {

struct Session;

// The subscribers of one channel that one worker runs.
struct ChannelSlot {
  struct Subscriber {
    Session* session;
    uint32_t* position;  // Its own index, kept by the session.
  };

  ChannelSlot(uint32_t owner, std::string_view channel) : worker_index(owner), name(channel) {}

  const uint32_t worker_index;
  const std::string name;
  size_t joined = 0;                      // Under the table's mutex: those that joined and did not leave.
  std::atomic<bool> has_overflow{false};  // A message was lost: the subscribers must be closed.
  std::vector<Subscriber> subscribers;    // Owner worker.
};

// Shared: a slot lives on in messages that are on their way to it, and which of them is the last nobody knows.
using ChannelSlotRef = std::shared_ptr<ChannelSlot>;

struct Channel {
  std::vector<ChannelSlotRef> slots;  // At most one for each worker.
  size_t subscriber_count = 0;

  // The slot of `worker_index` with one more subscriber.
  ChannelSlotRef Join(uint32_t worker_index, std::string_view name);
  void Leave(ChannelSlot& slot);
};

class ChannelTable {
 public:
  using Visitor = std::function<void(std::string_view name, const Channel& channel)>;

  explicit ChannelTable(bool threaded) : threaded_(threaded) {}

  // `meanwhile` runs under the mutex, after the change.
  template <typename Action>
  [[nodiscard]] ChannelSlotRef Join(std::string_view name, uint32_t worker_index, const Action& meanwhile) {
    Bucket& bucket = BucketOf(name);
    const auto lock = Lock(bucket);
    auto found = bucket.channels.find(name);
    if (found == bucket.channels.end()) {
      found = bucket.channels.emplace(std::string(name), Channel()).first;
      count_.fetch_add(1, std::memory_order_relaxed);
    }
    ChannelSlotRef slot = found->second.Join(worker_index, name);
    meanwhile();
    return slot;
  }
  template <typename Action>
  void Leave(ChannelSlot& slot, const Action& meanwhile) {
    Bucket& bucket = BucketOf(slot.name);
    const auto lock = Lock(bucket);
    const auto found = bucket.channels.find(slot.name);
    found->second.Leave(slot);
    if (found->second.subscriber_count == 0) {
      bucket.channels.erase(found);
      count_.fetch_sub(1, std::memory_order_relaxed);
    }
    meanwhile();
  }
  // `visit` gets the channel, or null when nobody subscribed to it, under the mutex either way.
  template <typename Action>
  void With(std::string_view name, const Action& visit) {
    Bucket& bucket = BucketOf(name);
    const auto lock = Lock(bucket);
    const auto found = bucket.channels.find(name);
    visit(found == bucket.channels.end() ? nullptr : &found->second);
  }
  // All channels, bucket by bucket; one that comes or goes meanwhile may be missed.
  void ForEach(const Visitor& visit);

  [[nodiscard]] size_t count() const { return count_.load(std::memory_order_relaxed); }

 private:
  static constexpr size_t kBucketCount = 64;

  struct NameHash {
    using is_transparent = void;
    size_t operator()(std::string_view name) const noexcept { return HashKey(name); }
  };
  struct alignas(64) Bucket {
    std::mutex mutex;
    std::unordered_map<std::string, Channel, NameHash, std::equal_to<>> channels;
  };

  [[nodiscard]] Bucket& BucketOf(std::string_view name) {
    return threaded_ ? buckets_[HashKey(name) >> 58] : buckets_[0];
  }
  [[nodiscard]] std::unique_lock<std::mutex> Lock(Bucket& bucket) const {
    return threaded_ ? std::unique_lock(bucket.mutex) : std::unique_lock<std::mutex>();
  }

  const bool threaded_;
  std::array<Bucket, kBucketCount> buckets_;
  std::atomic<size_t> count_{0};
};

// The same for patterns, which every message is compared with. Publishers share the lock; it comes before a bucket's.
class PatternTable {
 public:
  explicit PatternTable(bool threaded) : threaded_(threaded) {}

  template <typename Action>
  [[nodiscard]] ChannelSlotRef Join(std::string_view pattern, uint32_t worker_index, const Action& meanwhile) {
    const auto lock = threaded_ ? std::unique_lock(mutex_) : std::unique_lock<std::shared_mutex>();
    auto found = patterns_.find(pattern);
    if (found == patterns_.end()) found = patterns_.emplace(std::string(pattern), Channel()).first;
    ChannelSlotRef slot = found->second.Join(worker_index, pattern);
    count_.store(patterns_.size(), std::memory_order_relaxed);
    meanwhile();
    return slot;
  }
  template <typename Action>
  void Leave(ChannelSlot& slot, const Action& meanwhile) {
    const auto lock = threaded_ ? std::unique_lock(mutex_) : std::unique_lock<std::shared_mutex>();
    const auto found = patterns_.find(slot.name);
    found->second.Leave(slot);
    if (found->second.subscriber_count == 0) patterns_.erase(found);
    count_.store(patterns_.size(), std::memory_order_relaxed);
    meanwhile();
  }
  // Keeps patterns from coming and going.
  [[nodiscard]] std::shared_lock<std::shared_mutex> Hold() {
    return threaded_ ? std::shared_lock(mutex_) : std::shared_lock<std::shared_mutex>();
  }
  // Those that match `channel`, in alphabetical order. The caller holds what Hold gave.
  template <typename Action>
  void ForEachMatch(std::string_view channel, const Action& visit) const {
    for (const auto& [pattern, subscribers] : patterns_) {
      if (Matches(pattern, channel)) visit(pattern, subscribers);
    }
  }
  [[nodiscard]] size_t count() const { return count_.load(std::memory_order_relaxed); }

 private:
  static bool Matches(std::string_view pattern, std::string_view channel) noexcept;

  const bool threaded_;
  std::shared_mutex mutex_;
  std::map<std::string, Channel, std::less<>> patterns_;  // Guarded by mutex_.
  std::atomic<size_t> count_{0};
};

}  // namespace cachenode
