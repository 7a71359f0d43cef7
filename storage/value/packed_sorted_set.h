// The small form of a sorted set: a listpack of member, score, member, score in order, as RDB stores it.
//
// Scores are integers where they are integral, else the shortest text that reads back the same; -0 becomes 0, as in
// Redis. Order is score, then member as bytes.
// Thread-safety: pure functions over borrowed bytes.
// Errors: only IsValid looks at hostile bytes. Bytes it accepted may be in a wrong order: that spoils answers, not
//   memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "storage/base/numbers.h"
#include "storage/value/listpack.h"

namespace cachenode {

// A score as it is stored.
class PackedScore {
 public:
  explicit PackedScore(double score) noexcept;
  [[nodiscard]] size_t Bytes() const noexcept;
  char* Put(char* to) const noexcept;

 private:
  std::array<char, kDoubleCharsMax> text_;
  size_t text_bytes_ = 0;  // 0: an integer.
  int64_t number_ = 0;
};

class PackedSortedSet {
 public:
  using Offset = ListpackView::Offset;  // Of a member.

  explicit PackedSortedSet(std::string_view bytes) noexcept : list_(bytes) {}

  [[nodiscard]] const ListpackView& list() const noexcept { return list_; }
  [[nodiscard]] size_t Count() const noexcept { return list_.Count() / 2; }
  [[nodiscard]] Offset Begin() const noexcept { return list_.Begin(); }
  [[nodiscard]] Offset End() const noexcept { return list_.EndOffset(); }
  [[nodiscard]] Offset Next(Offset at) const noexcept { return list_.Next(list_.Next(at)); }
  // Requires at > Begin().
  [[nodiscard]] Offset Previous(Offset at) const noexcept { return list_.Previous(list_.Previous(at)); }
  // End() when there is no such rank.
  [[nodiscard]] Offset AtRank(uint64_t rank) const noexcept;
  [[nodiscard]] uint64_t RankOf(Offset at) const noexcept;
  [[nodiscard]] Offset Find(std::string_view member) const noexcept { return list_.Find(member, Begin(), 1); }
  [[nodiscard]] ListpackElement MemberAt(Offset at) const noexcept { return list_.At(at); }
  [[nodiscard]] double ScoreAt(Offset at) const noexcept;
  // The first element not before (score, member).
  [[nodiscard]] Offset PlaceOf(double score, std::string_view member) const noexcept;

  // Whether bytes from outside are a sorted set: a listpack of pairs, scores that are numbers, at least one member and
  // none twice.
  [[nodiscard]] static bool IsValid(std::string_view bytes);

 private:
  ListpackView list_;
};

// Adds an element at its place. Requires that the member is missing. For building; KeySlot's bytes are edited in place.
void InsertIntoPackedSortedSet(std::string& bytes, std::string_view member, double score);

}  // namespace cachenode
