#include "storage/fifo_queues.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "storage/base/memory.h"

namespace cachenode {

FifoQueues::~FifoQueues() { FreeGhost(); }

uint32_t FifoQueues::Enter(KeyHash hash, uint64_t key_count) noexcept {
  // Eight rounds of all keys before tickets repeat.
  const auto needed = static_cast<unsigned>(std::bit_width(key_count >> (kTicketBits - 3)));
  shift_ = std::max(shift_, needed);
  if (sets_ != nullptr && Recall(hash)) return EnterMain(0);
  return Bits(small_taken_++, false, 0);
}

FifoQueues::GhostSet& FifoQueues::SetOf(KeyHash hash) const noexcept {
  __extension__ using Wide = unsigned __int128;
  return sets_[static_cast<size_t>((static_cast<Wide>(hash.scaled_position()) * set_count_) >> 64)];
}

bool FifoQueues::Recall(KeyHash hash) noexcept {
  GhostSet& set = SetOf(hash);
  uint16_t* const end = set.prints + kGhostWays;
  uint16_t* const found = std::find(set.prints, end, PrintOf(hash));
  if (found == end) return false;
  std::copy(found + 1, end, found);
  end[-1] = 0;
  return true;
}

void FifoQueues::Remember(KeyHash hash, uint64_t key_count) noexcept {
  SizeGhost(key_count);
  if (sets_ == nullptr) return;
  GhostSet& set = SetOf(hash);
  std::memmove(set.prints + 1, set.prints, sizeof(set.prints) - sizeof(set.prints[0]));
  set.prints[0] = PrintOf(hash);
}

// As many prints as keys. What is remembered is lost when the size changes, so it follows in steps.
void FifoQueues::SizeGhost(uint64_t key_count) noexcept {
  constexpr size_t kSetsMax = kGhostBytesMax / sizeof(GhostSet);
  const size_t fitting = std::clamp<size_t>((key_count + kGhostWays - 1) / kGhostWays, 1, kSetsMax);
  if (set_count_ != 0 && fitting <= set_count_ + set_count_ / 2 && fitting >= set_count_ / 4) return;
  FreeGhost();
  const size_t wanted = std::min(fitting + fitting / 8, kSetsMax);
  sets_ = static_cast<GhostSet*>(memory::Allocate(wanted * sizeof(GhostSet)));
  if (sets_ == nullptr) return;
  set_count_ = wanted;
  std::memset(sets_, 0, ghost_bytes());
}

void FifoQueues::FreeGhost() noexcept {
  memory::Free(sets_, ghost_bytes());
  sets_ = nullptr;
  set_count_ = 0;
}

}  // namespace cachenode
