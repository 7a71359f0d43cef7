// One cache line of a table: eleven tags, eleven references, and what concerns the bucket as a whole.
//
// Thread-safety: written under the lock that guards the table, with relaxed atomic stores, because prefetchers read
//   tags and references without it. The lock's holder reads plainly.
// Invariants: tag 0 marks an empty slot. The saved mark and ttl_hint count in the first bucket of a chain only. Bits of
//   the mark's mask are set while the chain is that one bucket, or all at once.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#else
#include <cstring>
#endif

namespace cachenode {

struct alignas(64) Bucket {
  static constexpr uint32_t kSlots = 11;
  static constexpr uint32_t kSlotMask = (1U << kSlots) - 1;

  // A snapshot's mark: the epoch of the last one that took anything from here, and which slots it is done with.
  static constexpr uint16_t kEpochMax = (1U << 13) - 1;

  uint8_t tags[kSlots];
  uint8_t saved_low;    // Slots 0-7.
  uint16_t saved_high;  // Slots 8-10, and the epoch in the 13 bits above.
  uint16_t ttl_hint;
  uint32_t refs[kSlots];
  uint32_t overflow;  // The next bucket of the chain, in the heap; 0: none.

  // Bit i is set when slot i has this tag.
  [[nodiscard]] uint32_t Match(uint8_t tag) const noexcept {
#if defined(__SSE2__)
    const __m128i line = _mm_load_si128(reinterpret_cast<const __m128i*>(this));
    const __m128i equal = _mm_cmpeq_epi8(line, _mm_set1_epi8(static_cast<char>(tag)));
    return static_cast<uint32_t>(_mm_movemask_epi8(equal)) & kSlotMask;
#else
    return MatchPortable(tag);
#endif
  }
  // The same eight bytes at a time.
  [[nodiscard]] uint32_t MatchPortable(uint8_t tag) const noexcept {
    uint32_t mask = 0;
    for (uint32_t i = 0; i < kSlots; ++i) mask |= static_cast<uint32_t>(tags[i] == tag) << i;
    return mask;
  }
  [[nodiscard]] uint32_t UsedMask() const noexcept { return ~Match(0) & kSlotMask; }
  [[nodiscard]] uint32_t UsedCount() const noexcept { return static_cast<uint32_t>(std::popcount(UsedMask())); }

  void SetSlot(uint32_t slot, uint8_t tag, uint32_t ref) noexcept {
    Store(refs[slot], ref);
    Store(tags[slot], tag);
  }
  void SetRef(uint32_t slot, uint32_t ref) noexcept { Store(refs[slot], ref); }
  void ClearSlot(uint32_t slot) noexcept { Store(tags[slot], uint8_t{0}); }
  [[nodiscard]] uint16_t epoch() const noexcept { return static_cast<uint16_t>(saved_high >> 3); }
  // Slots that the snapshot of `epoch` is done with.
  [[nodiscard]] uint32_t SavedMask(uint16_t of_epoch) const noexcept {
    return epoch() == of_epoch ? saved_low | (saved_high & 7U) << 8 : 0;
  }
  [[nodiscard]] bool IsSaved(uint16_t of_epoch) const noexcept { return SavedMask(of_epoch) == kSlotMask; }
  void SetSaved(uint16_t of_epoch, uint32_t mask) noexcept {
    Store(saved_low, static_cast<uint8_t>(mask));
    Store(saved_high, static_cast<uint16_t>(unsigned{of_epoch} << 3 | mask >> 8));
  }
  void SetHint(uint16_t value) noexcept {
    if (ttl_hint != value) Store(ttl_hint, value);
  }
  void SetOverflow(uint32_t value) noexcept { Store(overflow, value); }

  // For prefetchers, without the lock: what a slot refers to, or did a moment ago; 0 when that is nothing.
  [[nodiscard]] uint32_t PeekSlot(uint32_t slot) const noexcept { return Load(refs[slot]); }
  // The same of the first slot with this tag.
  [[nodiscard]] uint32_t PeekRef(uint8_t tag) const noexcept {
#if defined(__SSE2__)
    // Tags are read as two words; what they say may be out of date, which costs a useless prefetch.
    const auto* words = reinterpret_cast<const AliasedWord*>(this);
    const __m128i line = _mm_set_epi64x(__atomic_load_n(words + 1, __ATOMIC_RELAXED),  // Bytes 8-15.
                                        __atomic_load_n(words, __ATOMIC_RELAXED));
    const __m128i equal = _mm_cmpeq_epi8(line, _mm_set1_epi8(static_cast<char>(tag)));
    const uint32_t mask = static_cast<uint32_t>(_mm_movemask_epi8(equal)) & kSlotMask;
    return mask == 0 ? 0 : Load(refs[std::countr_zero(mask)]);
#else
    for (uint32_t i = 0; i < kSlots; ++i) {
      if (Load(tags[i]) == tag) return Load(refs[i]);
    }
    return 0;
#endif
  }

 private:
#if defined(__SSE2__)
  using AliasedWord [[gnu::may_alias]] = long long;
#endif

  template <typename T>
  static void Store(T& field, T value) noexcept {
    std::atomic_ref<T>(field).store(value, std::memory_order_relaxed);
  }
  template <typename T>
  static T Load(const T& field) noexcept {
    return __atomic_load_n(&field, __ATOMIC_RELAXED);
  }
};

static_assert(sizeof(Bucket) == 64);
static_assert(offsetof(Bucket, tags) == 0 && offsetof(Bucket, refs) == 16 && offsetof(Bucket, overflow) == 60);

}  // namespace cachenode
