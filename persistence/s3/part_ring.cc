#include "persistence/s3/part_ring.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace cachenode {

Result<std::unique_ptr<PartRing>> PartRing::Create(const Shape& shape, std::function<void()> on_free) {
  void* memory =
      mmap(nullptr, shape.slot_count * shape.part_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return Status(Err::kOutOfMemory);
  return std::unique_ptr<PartRing>(new PartRing(shape, std::move(on_free), static_cast<char*>(memory)));
}

PartRing::PartRing(const Shape& shape, std::function<void()> on_free, char* memory)
    : shape_(shape),
      on_free_(std::move(on_free)),
      memory_(memory),
      filled_(std::make_unique<std::atomic<size_t>[]>(shape.slot_count)) {}

PartRing::~PartRing() { munmap(memory_, shape_.slot_count * shape_.part_bytes); }

int64_t PartRing::PartCount() const {
  const auto part_bytes = static_cast<int64_t>(shape_.part_bytes);
  return shape_.total_bytes / part_bytes + (shape_.total_bytes % part_bytes != 0 ? 1 : 0);
}

size_t PartRing::PartBytes(int64_t part) const {
  const auto part_bytes = static_cast<int64_t>(shape_.part_bytes);
  return static_cast<size_t>(std::min(part_bytes, shape_.total_bytes - part * part_bytes));
}

bool PartRing::IsFree(int64_t part) const {
  return part < read_part_.load(std::memory_order_acquire) + static_cast<int64_t>(shape_.slot_count);
}

std::span<char> PartRing::Buffer(int64_t part) { return {memory_ + SlotOf(part) * shape_.part_bytes, PartBytes(part)}; }

void PartRing::Publish(int64_t part, size_t filled_bytes) {
  // Sequentially consistent with WaitFor: either the reader sees the bytes, or this sees that it is about to sleep.
  filled_[SlotOf(part)].store(filled_bytes);
  const size_t wanted = reader_wants_.load();
  if (wanted == 0 || filled_bytes < wanted || part != read_part_.load(std::memory_order_relaxed)) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  changed_.notify_one();
}

void PartRing::Fail(Err code, std::string text) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (failed_.load(std::memory_order_relaxed)) return;  // The first reason is the one that matters.
  failure_code_ = code;
  failure_text_ = std::move(text);
  failed_.store(true);
  changed_.notify_one();
}

size_t PartRing::WantedBytes() const {
  return std::min(PartBytes(read_part_.load(std::memory_order_relaxed)), read_offset_ + kRingWakeBytes);
}

void PartRing::WaitFor(size_t wanted) {
  const std::atomic<size_t>& filled = filled_[SlotOf(read_part_.load(std::memory_order_relaxed))];
  std::unique_lock<std::mutex> lock(mutex_);
  reader_wants_.store(wanted);
  changed_.wait(lock, [&] { return filled.load() >= wanted || failed_.load(); });
  reader_wants_.store(0);
}

Result<size_t> PartRing::Read(std::span<char> into) {
  const int64_t part = read_part_.load(std::memory_order_relaxed);
  if (part == PartCount() || into.empty()) return size_t{0};
  std::atomic<size_t>& filled = filled_[SlotOf(part)];
  if (filled.load(std::memory_order_acquire) == read_offset_ && !failed_.load()) WaitFor(WantedBytes());
  if (failed_.load()) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return Status::WithText(failure_code_, failure_text_);
  }
  const size_t count = std::min(into.size(), filled.load(std::memory_order_acquire) - read_offset_);
  std::memcpy(into.data(), memory_ + SlotOf(part) * shape_.part_bytes + read_offset_, count);
  read_offset_ += count;
  if (read_offset_ < PartBytes(part)) return count;
  filled.store(0, std::memory_order_relaxed);
  read_offset_ = 0;
  read_part_.store(part + 1, std::memory_order_release);
  if (on_free_) on_free_();
  return count;
}

}  // namespace cachenode
