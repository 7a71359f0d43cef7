// SORT and SORT_RO.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/resp_writer.h"
#include "server/acl/acl_check.h"
#include "server/acl/acl_selector.h"
#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/sort_elements.h"
#include "server/commands/sort_pattern.h"
#include "storage/base/numbers.h"
#include "storage/value/list_value.h"

namespace cachenode {
namespace {

enum class MayStore : uint8_t { kNo, kYes };
using Order = SortElements::Order;

struct SortOptions {
  Order order = Order::kAscending;
  bool by_text = false;
  int64_t offset = 0;
  int64_t count = -1;
  std::optional<SortPattern> by;
  std::vector<SortPattern> gets;
  std::optional<std::string_view> destination;

  [[nodiscard]] bool Sorts() const { return !by || by->HasStar(); }
};

// The error of a pattern whose client may not read any key whatever, as BY and GET do.
Status CheckPattern(CommandContext& context, Args args, std::string_view option) {
  if (MayRunWithEveryKey(context.session(), context.command(), args, kAclReadAccess)) return Status::Ok();
  return Status::Text(
      std::string("ERR ").append(option).append(" option of SORT denied due to insufficient ACL permissions."));
}

Status ParseSortOptions(CommandContext& context, Args args, MayStore may_store, SortOptions& options) {
  ArgParser parser(args, 2);
  while (parser.HasNext()) {
    if (parser.Match("asc")) {
      options.order = Order::kAscending;
    } else if (parser.Match("desc")) {
      options.order = Order::kDescending;
    } else if (parser.Match("alpha")) {
      options.by_text = true;
    } else if (parser.Match("limit", 2)) {
      options.offset = parser.NextInt64();
      options.count = parser.NextInt64();
    } else if (may_store == MayStore::kYes && parser.Match("store", 1)) {
      options.destination = parser.NextString();
    } else if (parser.Match("by", 1)) {
      options.by.emplace(parser.NextString());
      if (!options.by->HasStar()) continue;  // Looks nothing up.
      if (Status error = CheckPattern(context, args, "BY"); !error.ok()) return error;
    } else if (parser.Match("get", 1)) {
      options.gets.emplace_back(parser.NextString());
      if (Status error = CheckPattern(context, args, "GET"); !error.ok()) return error;
    } else {
      return Err::kSyntax;
    }
  }
  return parser.Finish();
}

// The part of `size` elements that LIMIT names.
struct Window {
  uint64_t first = 0;
  uint64_t count = 0;
};

Window WindowOf(const SortOptions& options, uint64_t size) {
  const auto length = static_cast<int64_t>(size);
  const int64_t first = std::clamp<int64_t>(options.offset, 0, length);
  const int64_t wanted = options.count < 0 ? length : options.count;
  return {static_cast<uint64_t>(first), static_cast<uint64_t>(std::min(wanted, length - first))};
}

// The number a text is, as strtod reads it: blanks may precede it, a zero byte ends it, and no text at all is zero.
bool ReadScore(std::string_view text, double& score) {
  score = 0;
  text = UpToZero(text);
  if (text.empty()) return true;
  while (!text.empty() && IsSpaceAscii(text.front())) text.remove_prefix(1);
  return TryParseDouble(text, score);
}

// Gives each element what it is ordered by.
Status Weigh(CommandContext& context, const SortOptions& options, SortElements& elements) {
  bool all_numbers = true;
  for (size_t i = 0; i < elements.size(); ++i) {
    const auto weigh = [&](std::optional<std::string_view> weight) {
      if (!weight) return;
      if (options.by_text) {
        elements.SetWeight(i, *weight);
        return;
      }
      double score = 0;
      all_numbers = ReadScore(*weight, score) && all_numbers;
      elements.SetScore(i, score);
    };
    if (options.by) {
      options.by->LookUp(context, elements.text(i), weigh);
    } else if (!options.by_text) {
      weigh(elements.text(i));
    }
  }
  if (all_numbers) return Status::Ok();
  return Status::Text("ERR One or more scores can't be converted into double");
}

// Loads the elements of `slot` so that those of `window` are in their places, counted from where loading began;
// answers the window among the loaded.
Result<Window> LoadOrdered(CommandContext& context, const KeySlot& slot, const SortOptions& options,
                           SortElements& elements) {
  if (!slot.Exists()) return Window{};
  const uint64_t size = SortElements::CountOf(slot);
  const Window window = WindowOf(options, size);
  // A set has no order to keep: what is stored, or a script goes on with, must not depend on how it lies.
  const bool needs_order = options.destination.has_value() || context.session().caller != nullptr;
  const bool sorts_anyway = slot.type() == ValueType::kSet && needs_order;
  if (!options.Sorts() && !sorts_anyway) {
    elements.Load(slot, window.first, window.count, options.order);
    return Window{0, window.count};
  }
  elements.Load(slot, 0, size, Order::kAscending);
  const auto ordered = static_cast<size_t>(window.first + window.count);
  if (!options.Sorts()) {
    elements.SortByText(options.order, ordered);
    return window;
  }
  if (Status error = Weigh(context, options, elements); !error.ok()) return error;
  if (!options.by_text) {
    elements.SortByScore(options.order, ordered);
  } else if (options.by) {
    elements.SortByWeight(options.order, ordered);
  } else {
    elements.SortByText(options.order, ordered);
  }
  return window;
}

// Calls `tell` with each value of the result: the elements, or what GET finds for them.
template <typename Tell>
void TellResult(CommandContext& context, const SortOptions& options, const SortElements& elements, Window window,
                const Tell& tell) {
  for (uint64_t i = window.first; i < window.first + window.count; ++i) {
    const std::string_view element = elements.text(static_cast<size_t>(i));
    if (options.gets.empty()) tell(std::optional<std::string_view>(element));
    for (const SortPattern& get : options.gets) get.LookUp(context, element, tell);
  }
}

void ReplyResult(CommandContext& context, const SortOptions& options, const SortElements& elements, Window window) {
  RespWriter& reply = context.reply();
  reply.ArrayHeader(static_cast<size_t>(window.count) * std::max<size_t>(options.gets.size(), 1));
  TellResult(context, options, elements, window, [&](std::optional<std::string_view> value) {
    if (value) {
      reply.Bulk(*value);
    } else {
      reply.Null();
    }
  });
}

// The result becomes a list; what is missing becomes an empty string. No result leaves no key.
Status StoreResult(CommandContext& context, const SortOptions& options, const SortElements& elements, Window window) {
  ListBuilder list;
  bool has_memory = true;
  TellResult(context, options, elements, window, [&](std::optional<std::string_view> value) {
    has_memory = has_memory && list.Append(value.value_or(std::string_view()));
  });
  if (!has_memory) return Err::kOutOfMemory;
  const uint64_t count = list.Count();
  KeySlot slot = context.FindForWrite(*options.destination);
  if (count > 0) {
    if (Status error = list.Finish(slot, Expiry::kClear); !error.ok()) return error;
    context.Notify(kNotifyList, "sortstore", slot.key());
  } else if (slot.Exists()) {
    slot.Erase();
    context.Notify(kNotifyGeneric, "del", slot.key());
  }
  context.reply().Integer(static_cast<int64_t>(count));
  return Status::Ok();
}

bool IsSortable(const KeySlot& slot) {
  return slot.type() == ValueType::kList || slot.type() == ValueType::kSet || slot.type() == ValueType::kSortedSet;
}

Status SortInto(CommandContext& context, Args args, MayStore may_store) {
  SortOptions options;
  if (Status error = ParseSortOptions(context, args, may_store, options); !error.ok()) return error;
  const KeySlot slot = context.FindForRead(args[1]);
  if (slot.Exists() && !IsSortable(slot)) return Err::kWrongType;
  SortElements elements;
  Result<Window> window = LoadOrdered(context, slot, options, elements);
  if (!window) return window.error();
  if (options.destination) return StoreResult(context, options, elements, *window);
  ReplyResult(context, options, elements, *window);
  return Status::Ok();
}

// SORT key [BY pattern] [LIMIT offset count] [GET pattern ...] [ASC | DESC] [ALPHA] [STORE destination] -> the elements
// in order, or how many were stored.
Status Sort(CommandContext& context, Args args) { return SortInto(context, args, MayStore::kYes); }

// SORT_RO key [BY pattern] [LIMIT offset count] [GET pattern ...] [ASC | DESC] [ALPHA] -> the elements in order.
Status SortRo(CommandContext& context, Args args) { return SortInto(context, args, MayStore::kNo); }

// The key and the destination. Patterns name further keys, which only the elements tell.
KeySearch FindSortKeys(Args args, std::vector<KeyPosition>& positions) {
  positions.assign(1, {1, kKeyReadOnly | kKeyAccess});
  KeySearch search = KeySearch::kFound;
  uint32_t destination = 0;
  for (size_t i = 2; i < args.size(); ++i) {
    if (EqualsIgnoreCase(args[i], "limit")) {
      i += 2;
    } else if (i + 1 == args.size()) {
      break;
    } else if (EqualsIgnoreCase(args[i], "by") || EqualsIgnoreCase(args[i], "get")) {
      if (SortPattern(args[++i]).HasStar()) search = KeySearch::kIncomplete;
    } else if (EqualsIgnoreCase(args[i], "store")) {
      destination = static_cast<uint32_t>(++i);
    }
  }
  if (destination > 0) positions.push_back({destination, kKeyOverwrite | kKeyUpdate});
  return search;
}

KeySearch FindSortRoKeys(Args args, std::vector<KeyPosition>& positions) {
  const KeySearch search = FindSortKeys(args, positions);
  positions.resize(1);
  return search;
}

constexpr CommandSpec kSortCommands[] = {
    {.name = "sort",
     .arity = -2,
     .flags = kDenyOom | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess), KeySpec::Unknown(kKeyReadOnly | kKeyAccess),
                      KeySpec::Unknown(kKeyOverwrite | kKeyUpdate)),
     .find_keys = FindSortKeys,
     .acl = kAclDangerous | kAclList | kAclSet | kAclSortedSet,
     .handler = Sort,
     .group = CommandGroup::kGeneric,
     .doc = {.summary = "Sorts the elements of a list, a set or a sorted set, and may store the result.",
             .since = "1.0.0",
             .complexity = "O(N+M*log(M)); O(N)",
             .arguments = "key:key@0 [by-pattern:pattern=BY@1] [limit:block(offset:integer count:integer)=LIMIT] "
                          "[get-pattern:pattern=GET@1+] [order:oneof(asc:pure-token=ASC desc:pure-token=DESC)] "
                          "[sorting:pure-token=ALPHA] [destination:key=STORE@2]"}},
    {.name = "sort_ro",
     .arity = -2,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess), KeySpec::Unknown(kKeyReadOnly | kKeyAccess)),
     .find_keys = FindSortRoKeys,
     .acl = kAclDangerous | kAclList | kAclSet | kAclSortedSet,
     .handler = SortRo,
     .group = CommandGroup::kGeneric,
     .doc = {.summary = "Sorts the elements of a list, a set or a sorted set.",
             .since = "7.0.0",
             .complexity = "O(N+M*log(M)); O(N)",
             .arguments = "key:key@0 [by-pattern:pattern=BY@1] [limit:block(offset:integer count:integer)=LIMIT] "
                          "[get-pattern:pattern=GET@1+] [order:oneof(asc:pure-token=ASC desc:pure-token=DESC)] "
                          "[sorting:pure-token=ALPHA]"}},
};
}  // namespace

std::span<const CommandSpec> SortCommands() { return kSortCommands; }

}  // namespace cachenode
