// PackedTable::FindKnown in three steps, each of which needs the memory that the one before asked the processor for:
// who has many records to find takes one step of all of them after the other, and waits once instead of for each.
//
// Thread-safety: as the table, which must not change from the first step to the last.
#pragma once

#include <cstddef>
#include <cstdint>

#include "storage/value/packed_table.h"

namespace cachenode {

class PackedLookup {
 public:
  void Begin(const PackedTable& table, uint64_t hash) noexcept {
    block_ = table.BlockOf(hash);
    __builtin_prefetch(block_);
  }
  void Locate(uint64_t hash) noexcept {
    slot_ = block_ == nullptr ? PackedBlock::kNoSlot : block_->FindOnlySlot(PackedTable::TagOf(hash));
    if (slot_ != PackedBlock::kNoSlot) __builtin_prefetch(block_->RawAt(slot_));
  }
  // The record that `confirms` accepts, which is there. When it is the only one with its tag, nothing is asked.
  template <typename Confirms>
  [[nodiscard]] PackedRecord Get(const PackedTable& table, uint64_t hash, Confirms&& confirms) const noexcept {
    return slot_ != PackedBlock::kNoSlot ? block_->At(slot_) : table.FindIf(hash, confirms);
  }

 private:
  const PackedBlock* block_;  // Set by Begin.
  size_t slot_;               // Set by Locate.
};

}  // namespace cachenode
