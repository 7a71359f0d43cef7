// The bounded memory between the thread that downloads an object and the one that reads it: part p lives in slot
// p modulo the slot count, and a slot is used again when the reader is done with it.
//
// Thread-safety: one writer thread (IsFree, Buffer, Publish), one reader thread (Read); Fail from any thread.
// Invariants: memory is slots * part size and never grows; parts are read in order, each byte once; a byte is read
//   only after the Publish that covers it.
// Waiting: Read sleeps until a worthwhile piece is there, so that the two threads do not wake each other per packet.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "storage/base/result.h"

namespace cachenode {

// A sleeping reader is woken for this many bytes, or for the rest of its part.
inline constexpr size_t kRingWakeBytes = 512 * 1024;

class PartRing {
 public:
  struct Shape {
    int64_t total_bytes = 0;
    size_t part_bytes = 0;
    size_t slot_count = 0;
  };

  // `on_free` is called by the reader's thread each time a slot becomes free. kOutOfMemory if the memory cannot be had.
  static Result<std::unique_ptr<PartRing>> Create(const Shape& shape, std::function<void()> on_free);
  ~PartRing();
  PartRing(const PartRing&) = delete;
  PartRing& operator=(const PartRing&) = delete;

  [[nodiscard]] int64_t PartCount() const;
  [[nodiscard]] size_t PartBytes(int64_t part) const;

  // Writer: whether the slot of `part` is free for it.
  [[nodiscard]] bool IsFree(int64_t part) const;
  // Writer: all of the part's memory. Requires IsFree(part).
  [[nodiscard]] std::span<char> Buffer(int64_t part);
  // Writer: the first `filled_bytes` of the part can be read. Never less than before.
  void Publish(int64_t part, size_t filled_bytes);
  // Every Read from now on returns this error.
  void Fail(Err code, std::string text);

  // Reader: at least one byte, or 0 at the end of the object. Blocks.
  Result<size_t> Read(std::span<char> into);

 private:
  PartRing(const Shape& shape, std::function<void()> on_free, char* memory);

  [[nodiscard]] size_t SlotOf(int64_t part) const { return static_cast<size_t>(part) % shape_.slot_count; }
  [[nodiscard]] size_t WantedBytes() const;
  // Waits until the reader's part has `wanted` bytes or the ring failed.
  void WaitFor(size_t wanted);

  const Shape shape_;
  const std::function<void()> on_free_;
  char* const memory_;                             // Mapped; slot_count * part_bytes.
  std::unique_ptr<std::atomic<size_t>[]> filled_;  // Per slot, of the part that is in it.

  // Reader only, except read_part_ (atomic: the writer asks what is free) and reader_wants_.
  std::atomic<int64_t> read_part_{0};
  size_t read_offset_ = 0;
  std::atomic<size_t> reader_wants_{0};  // 0: awake.

  std::atomic<bool> failed_{false};
  std::mutex mutex_;  // Leaf lock; guards the two below and the reader's sleep.
  std::condition_variable changed_;
  Err failure_code_ = Err::kOk;
  std::string failure_text_;
};

}  // namespace cachenode
