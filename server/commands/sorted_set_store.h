// What commands do that put a sorted set under a key or take elements out of one.
//
// Thread-safety: under the locks of the request's keys, inside a handler.
#pragma once

#include <cstdint>
#include <string_view>

#include "server/command_context.h"
#include "storage/value/sorted_set_value.h"

namespace cachenode {

// Gives `key` the set that was built, replies with its count and tells `event`; without elements the key goes.
[[nodiscard]] Status StoreSortedSet(CommandContext& context, std::string_view key, SortedSetBuilder& result,
                                    std::string_view event);

// Removes elements of existing ranks and tells `event`, and "del" when the key went with the last.
[[nodiscard]] Status RemoveRanks(CommandContext& context, KeySlot& slot, const RankRange& range,
                                 std::string_view event);

// --- ZPOPMIN, ZPOPMAX, ZMPOP and the commands that wait for them to have something ----------------------------------

enum class PopEnd : uint8_t { kMin, kMax };

struct PopRequest {
  PopEnd end = PopEnd::kMin;
  uint64_t count = 1;
  bool nests_pairs = false;  // Pairs are arrays of their own, whatever the protocol version.
};

// Takes up to request.count elements from one end of the sorted set of an existing key, writes them to the reply as one
// array, and tells of it. On failure nothing was replied.
[[nodiscard]] Status PopInto(CommandContext& context, KeySlot& slot, const PopRequest& request);
// The same within an array of two: the key, and what PopInto writes.
[[nodiscard]] Status PopWithName(CommandContext& context, KeySlot& slot, const PopRequest& request);

// What ZMPOP and BZMPOP ask for.
struct SortedSetMultiPop {
  Args keys;
  PopRequest request{.nests_pairs = true};
};
// numkeys key [key ...] MIN | MAX [COUNT count], from args[1] on.
[[nodiscard]] Status ParseSortedSetMultiPop(Args args, SortedSetMultiPop& pop);

}  // namespace cachenode
