#include "server/commands/sorted_set_store.h"

#include <algorithm>

#include "server/arg_parser.h"
#include "server/commands/sorted_set_reply.h"

namespace cachenode {

Status StoreSortedSet(CommandContext& context, std::string_view key, SortedSetBuilder& result, std::string_view event) {
  KeySlot destination = context.FindForWrite(key);
  const uint64_t count = result.count();
  if (count == 0) {
    if (destination.Exists()) {
      destination.Erase();
      context.Notify(kNotifyGeneric, "del", key);
    }
    context.reply().Integer(0);
    return Status::Ok();
  }
  if (Status error = result.Finish(destination, Expiry::kClear); !error.ok()) return error;
  context.Notify(kNotifyZset, event, key);
  context.reply().Integer(static_cast<int64_t>(count));
  return Status::Ok();
}

Status RemoveRanks(CommandContext& context, KeySlot& slot, const RankRange& range, std::string_view event) {
  if (range.count == 0) return Status::Ok();
  if (Status error = SortedSetValue(slot).RemoveRange(range); !error.ok()) return error;
  context.Notify(kNotifyZset, event, slot.key());
  if (!slot.Exists()) context.Notify(kNotifyGeneric, "del", slot.key());
  return Status::Ok();
}

Status PopInto(CommandContext& context, KeySlot& slot, const PopRequest& request) {
  RespWriter& reply = context.reply();
  const ReplyBuffer::Mark mark = reply.MarkHere();
  const SortedSetView set = SortedSetView::Of(slot);
  const uint64_t total = set.Count();
  const uint64_t count = std::min(request.count, total);
  const bool is_max = request.end == PopEnd::kMax;
  const RankRange range{is_max ? total - count : 0, count};
  reply.ArrayHeader(static_cast<size_t>(request.nests_pairs ? count : 2 * count));
  set.VisitRange(range, is_max, [&](std::string_view member, double score) {
    if (request.nests_pairs) reply.ArrayHeader(2);
    reply.Bulk(member);
    reply.Double(score);
  });
  Status status = RemoveRanks(context, slot, range, is_max ? "zpopmax" : "zpopmin");
  if (!status.ok()) reply.RollbackTo(mark);
  return status;
}

Status PopWithName(CommandContext& context, KeySlot& slot, const PopRequest& request) {
  RespWriter& reply = context.reply();
  const ReplyBuffer::Mark mark = reply.MarkHere();
  reply.ArrayHeader(2);
  reply.Bulk(slot.key());
  Status status = PopInto(context, slot, request);
  if (!status.ok()) reply.RollbackTo(mark);
  return status;
}

namespace {

// Reads MIN | MAX [COUNT count] from args[at] on.
Status ParseEnd(Args args, size_t at, PopRequest& request) {
  ArgParser parser(args, at);
  if (parser.Match("max")) {
    request.end = PopEnd::kMax;
  } else if (!parser.Match("min")) {
    return Err::kSyntax;
  }
  bool has_count = false;
  while (parser.HasNext()) {
    if (has_count || !parser.Match("count", 1)) return Err::kSyntax;
    has_count = true;
    int64_t count = 0;
    if (!TryParseInt64(parser.NextString(), count) || count < 1) {
      return Status::Text("ERR count should be greater than 0");
    }
    request.count = static_cast<uint64_t>(count);
  }
  return parser.Finish();
}

}  // namespace

Status ParseSortedSetMultiPop(Args args, SortedSetMultiPop& pop) {
  int64_t key_count = 0;
  if (!TryParseInt64(args[1], key_count) || key_count < 1) {
    return Status::Text("ERR numkeys should be greater than 0");
  }
  if (static_cast<uint64_t>(key_count) >= args.size() - 2) return Err::kSyntax;
  pop.keys = args.subspan(2, static_cast<size_t>(key_count));
  return ParseEnd(args, 2 + pop.keys.size(), pop.request);
}

}  // namespace cachenode
