#include "storage/value/packed_sorted_set.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace cachenode {

namespace {

// Integral doubles up to here are stored as integers.
constexpr double kIntegerMax = 4611686018427387904.0;  // 2^62.

}  // namespace

PackedScore::PackedScore(double score) noexcept {
  if (score >= -kIntegerMax && score <= kIntegerMax) {
    number_ = static_cast<int64_t>(score);
    if (static_cast<double>(number_) == score) return;
  }
  text_bytes_ = static_cast<size_t>(FormatDouble(score, DoubleRule::kShortest, text_.data()) - text_.data());
}

size_t PackedScore::Bytes() const noexcept {
  return text_bytes_ == 0 ? ListpackIntegerBytes(number_) : ListpackElementBytes({text_.data(), text_bytes_});
}

char* PackedScore::Put(char* to) const noexcept {
  return text_bytes_ == 0 ? PutListpackInteger(to, number_) : PutListpackElement(to, {text_.data(), text_bytes_});
}

PackedSortedSet::Offset PackedSortedSet::AtRank(uint64_t rank) const noexcept {
  return rank < Count() ? list_.Seek(static_cast<int64_t>(2 * rank)) : End();
}

uint64_t PackedSortedSet::RankOf(Offset at) const noexcept {
  uint64_t rank = 0;
  for (Offset walk = Begin(); walk != at; walk = Next(walk)) ++rank;
  return rank;
}

double PackedSortedSet::ScoreAt(Offset at) const noexcept {
  const ListpackElement score = list_.At(list_.Next(at));
  if (score.is_integer) [[likely]]
    return static_cast<double>(score.number);
  double value = 0;
  // False only for what IsValid refuses.
  static_cast<void>(TryParseDouble(score.text, value));
  return value;
}

PackedSortedSet::Offset PackedSortedSet::PlaceOf(double score, std::string_view member) const noexcept {
  Offset at = Begin();
  for (; at != End(); at = Next(at)) {
    const double here = ScoreAt(at);
    if (here > score) break;
    if (here < score) continue;
    ListpackScratch scratch;
    if (MemberAt(at).Read(scratch) >= member) break;
  }
  return at;
}

bool PackedSortedSet::IsValid(std::string_view bytes) {
  size_t count = 0;
  if (!IsValidListpack(bytes, count) || count == 0 || count % 2 != 0) return false;
  const PackedSortedSet set(bytes);
  std::vector<std::string> members;
  members.reserve(count / 2);
  for (Offset at = set.Begin(); at != set.End(); at = set.Next(at)) {
    const ListpackElement score = set.list().At(set.list().Next(at));
    double value = 0;
    if (!score.is_integer && !TryParseDouble(score.text, value)) return false;
    ListpackScratch scratch;
    members.emplace_back(set.MemberAt(at).Read(scratch));
  }
  std::sort(members.begin(), members.end());
  return std::adjacent_find(members.begin(), members.end()) == members.end();
}

void InsertIntoPackedSortedSet(std::string& bytes, std::string_view member, double score) {
  const PackedScore stored(score);
  const PackedSortedSet::Offset at = PackedSortedSet(bytes).PlaceOf(score, member);
  const size_t gap_bytes = ListpackElementBytes(member) + stored.Bytes();
  const size_t old_bytes = bytes.size();
  bytes.resize(old_bytes + gap_bytes);
  stored.Put(PutListpackElement(OpenListpackGap(bytes.data(), old_bytes, at, gap_bytes, 2), member));
}

}  // namespace cachenode
