// What list commands share with those that wait for an element: taking elements out of one list and into a reply or
// another list, with the events that follow.
//
// Thread-safety: under the locks of the shards of all slots given.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "protocol/resp_writer.h"
#include "server/command_context.h"
#include "storage/key_slot.h"
#include "storage/value/list_value.h"

namespace cachenode {

// An element as a bulk string; large ones are sent from where they lie, pinned.
void WriteListElement(RespWriter& reply, const ListElement& element);

// Elements of the list from number `first` on towards an end, as so many bulk strings without a header. They exist.
void WriteListElements(RespWriter& reply, const ListView& list, uint64_t first, uint64_t count, ListEnd towards);

// "left" or "right" in any case.
[[nodiscard]] std::optional<ListEnd> ParseListEnd(std::string_view text);

// Takes one element from an end of an existing list and replies it. Sends lpop or rpop, and del when the list is gone.
[[nodiscard]] Status PopListElement(CommandContext& context, KeySlot& slot, ListEnd end, RespWriter& reply);
// Takes up to `count` elements, at least one, and replies an array of them. Same events, once.
[[nodiscard]] Status PopListElements(CommandContext& context, KeySlot& slot, ListEnd end, uint64_t count,
                                     RespWriter& reply);
// Moves an element of an existing list to `to`, which is missing or a list and may be the same key, and replies it.
// Sends lpush or rpush there, then lpop or rpop, then del when the source is gone.
struct ListMove {
  ListEnd from;
  ListEnd to;
};
[[nodiscard]] Status MoveListElement(CommandContext& context, KeySlot& from, KeySlot& to, ListMove move,
                                     RespWriter& reply);
// The same with `destination` by name, replying to the client: Err::kWrongType when it is something else than a list.
[[nodiscard]] Status MoveListElementTo(CommandContext& context, KeySlot& from, std::string_view destination,
                                       ListMove move);

// What LMPOP and BLMPOP ask for.
struct ListMultiPop {
  Args keys;
  ListEnd end = ListEnd::kFront;
  uint64_t count = 1;
};
// numkeys key [key ...] LEFT | RIGHT [COUNT count], from args[1] on.
[[nodiscard]] Status ParseListMultiPop(Args args, ListMultiPop& pop);

}  // namespace cachenode
