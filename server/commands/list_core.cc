#include "server/commands/list_core.h"

#include <algorithm>
#include <string>

#include "protocol/reply_buffer.h"
#include "server/arg_parser.h"
#include "storage/base/bytes.h"

namespace cachenode {
namespace {

void TellRemoval(CommandContext& context, const KeySlot& slot, std::string_view event) {
  context.Notify(kNotifyList, event, slot.key());
  if (!slot.Exists()) context.Notify(kNotifyGeneric, "del", slot.key());
}

std::string_view PopEvent(ListEnd end) { return end == ListEnd::kFront ? "lpop" : "rpop"; }

}  // namespace

void WriteListElement(RespWriter& reply, const ListElement& element) {
  if (element.value.is_integer) {
    reply.BulkInteger(element.value.number);
  } else if (element.block != nullptr && element.value.text.size() >= ReplyBuffer::kPinBytesMin) {
    reply.BulkPinned(ByteBlockRef::Share(element.block), element.value.text);
  } else {
    reply.Bulk(element.value.text);
  }
}

void WriteListElements(RespWriter& reply, const ListView& list, uint64_t first, uint64_t count, ListEnd towards) {
  for (ListCursor cursor(list, first, towards); count > 0; --count, cursor.Advance()) {
    WriteListElement(reply, cursor.Get());
  }
}

std::optional<ListEnd> ParseListEnd(std::string_view text) {
  if (EqualsIgnoreCase(text, "left")) return ListEnd::kFront;
  if (EqualsIgnoreCase(text, "right")) return ListEnd::kBack;
  return std::nullopt;
}

Status PopListElement(CommandContext& context, KeySlot& slot, ListEnd end, RespWriter& reply) {
  WriteListElement(reply, ListView::Of(slot).Edge(end));
  Status status = ListValue(slot).Pop(end);
  if (status.ok()) TellRemoval(context, slot, PopEvent(end));
  return status;
}

Status PopListElements(CommandContext& context, KeySlot& slot, ListEnd end, uint64_t count, RespWriter& reply) {
  const ListView list = ListView::Of(slot);
  const uint64_t size = list.Count();
  const uint64_t popped = std::min(count, size);
  reply.ArrayHeader(static_cast<size_t>(popped));
  const bool front = end == ListEnd::kFront;
  WriteListElements(reply, list, front ? 0 : size - 1, popped, front ? ListEnd::kBack : ListEnd::kFront);
  Status status = ListValue(slot).Erase(front ? 0 : size - popped, popped);
  if (status.ok()) TellRemoval(context, slot, PopEvent(end));
  return status;
}

Status MoveListElement(CommandContext& context, KeySlot& from, KeySlot& to, ListMove move, RespWriter& reply) {
  const ListElement element = ListView::Of(from).Edge(move.from);
  WriteListElement(reply, element);
  // The element outlives its list: a block is held, other bytes are copied.
  const ByteBlockRef held = element.block != nullptr ? ByteBlockRef::Share(element.block) : ByteBlockRef();
  ListpackScratch scratch;
  const std::string copy(held ? std::string_view() : element.Read(scratch));
  if (Status error = ListValue(to).Push(move.to, held ? held->view() : std::string_view(copy)); !error.ok()) {
    return error;
  }
  context.Notify(kNotifyList, move.to == ListEnd::kFront ? "lpush" : "rpush", to.key());
  Status status = ListValue(from).Pop(move.from);
  if (status.ok()) TellRemoval(context, from, PopEvent(move.from));
  return status;
}

Status MoveListElementTo(CommandContext& context, KeySlot& from, std::string_view destination, ListMove move) {
  KeySlot to = context.FindForWrite(destination);
  if (Status error = to.Require(ValueType::kList); !error.ok()) return error;
  return MoveListElement(context, from, to, move, context.reply());
}

Status ParseListMultiPop(Args args, ListMultiPop& pop) {
  int64_t key_count = 0;
  if (!TryParseInt64(args[1], key_count) || key_count < 1) {
    return Status::Text("ERR numkeys should be greater than 0");
  }
  if (static_cast<uint64_t>(key_count) > args.size() - 3) return Err::kSyntax;
  const size_t where = static_cast<size_t>(key_count) + 2;
  pop.keys = args.subspan(2, static_cast<size_t>(key_count));
  const std::optional<ListEnd> end = ParseListEnd(args[where]);
  if (!end) return Err::kSyntax;
  pop.end = *end;
  ArgParser parser(args, where + 1);
  if (parser.Match("count", 1)) {
    int64_t count = 0;
    if (!TryParseInt64(parser.NextString(), count) || count < 1) {
      return Status::Text("ERR count should be greater than 0");
    }
    pop.count = static_cast<uint64_t>(count);
  }
  return parser.Finish();
}

}  // namespace cachenode
