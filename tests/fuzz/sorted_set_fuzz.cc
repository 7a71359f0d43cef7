// Hostile bytes as the packed form of a sorted set: refused, or readable, editable and convertible to the large form
// with the same elements.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "storage/access_context.h"
#include "storage/keyspace.h"
#include "storage/value/sorted_set_value.h"
#include "storage/value/value_limits.h"

namespace cachenode {
namespace {

constexpr int64_t kNowMs = 1'700'000'000'000;

void Check(bool holds) {
  if (!holds) std::abort();
}

// Asks everything of every element, in whatever order the bytes have.
void ReadAll(const SortedSetView& set, uint64_t count) {
  Check(set.Count() == count);
  uint64_t visited = 0;
  set.ForEach([&](std::string_view member, double score) {
    ++visited;
    const std::string copy(member);
    Check(set.Score(copy).has_value() && set.Rank(copy)->rank < count);
    const ScoreRange around{.min = score, .max = score};
    const RankRange range = set.Select(around);
    Check(range.first <= count && range.count <= count - range.first);
  });
  Check(visited == count);
}

// Changes each element of the key once, then removes them from the front.
void ChangeAll(Keyspace& keyspace, const AccessContext& context, std::string_view bytes) {
  const PackedSortedSet original(bytes);
  KeySlot slot = keyspace.Locate(0, "z", context);
  for (PackedSortedSet::Offset at = original.Begin(); at != original.End(); at = original.Next(at)) {
    ListpackScratch scratch;
    Result<SortedSetValue::Added> moved =
        SortedSetValue(slot).Put(original.MemberAt(at).Read(scratch), -original.ScoreAt(at), {});
    Check(static_cast<bool>(moved));
  }
  while (slot.Exists()) Check(SortedSetValue(slot).RemoveRange({0, 1}).ok());
}

void Read(std::string_view bytes) {
  if (!PackedSortedSet::IsValid(bytes)) return;
  const uint64_t count = PackedSortedSet(bytes).Count();
  Keyspace keyspace{KeyspaceOptions{}};
  AccessContext context;
  context.SetNow(kNowMs);
  for (const size_t entries_max : {size_t{0}, size_t{1} << 20}) {
    value_limits.zset_max_listpack_entries = entries_max;
    value_limits.zset_max_listpack_value = size_t{1} << 20;
    KeySlot slot = keyspace.Locate(0, "z", context);
    Check(StorePackedSortedSet(slot, bytes, Expiry::kClear).ok());
    ReadAll(SortedSetView::Of(slot), count);
    if (entries_max == 0) Check(static_cast<const LargeSortedSet*>(slot.ReadRoot())->IsConsistent());
    ChangeAll(keyspace, context, bytes);
  }
}

}  // namespace
}  // namespace cachenode

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  cachenode::Read({reinterpret_cast<const char*>(data), size});
  return 0;
}
