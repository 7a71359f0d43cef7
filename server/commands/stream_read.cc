#include "server/commands/stream_read.h"

#include "protocol/resp_writer.h"
#include "server/commands/stream_replies.h"
#include "server/config/config.h"

namespace cachenode {

namespace {

// Notes that `id` was delivered, which is how far the group is now.
void AdvanceGroup(StreamGroup& group, StreamView view, StreamId id) {
  if (id <= group.last_id()) return;
  std::optional<uint64_t> read = group.entries_read();
  if (read && !view.HasTombstoneFrom(id)) {
    ++*read;
  } else if (view.history().entries_added > 0) {
    read = view.EstimateEntriesRead(id);
  }
  group.SetPosition(id, read);
}

// The consumer, seen now; created when it is missing.
Result<ConsumerNumber> SeeConsumer(CommandContext& context, StreamGroup& group, std::string_view key,
                                   std::string_view name) {
  if (const StreamConsumer* const known = group.FindConsumer(name)) {
    const ConsumerNumber number = known->number();
    if (Status error = group.SetTimes(number, context.now_ms(), std::nullopt); !error.ok()) return error;
    return number;
  }
  Result<ConsumerNumber> created = group.AddConsumer(name, context.now_ms());
  if (created) context.Notify(kNotifyStream, "xgroup-createconsumer", key);
  return created;
}

Status DeliverNew(CommandContext& context, StreamView view, StreamGroup& group, ConsumerNumber number,
                  const StreamReader& reader) {
  RespWriter& reply = context.reply();
  const RespWriter::Deferred array = reply.DeferArray();
  StreamCursor cursor = view.Range(*NextStreamId(group.last_id()), kStreamIdMax, StreamCursor::Direction::kForward);
  StreamEntry entry;
  uint64_t written = 0;
  for (; written < reader.count_max && cursor.Next(entry); ++written) {
    AdvanceGroup(group, view, entry.id);
    WriteStreamEntry(reply, entry);
    if (reader.acknowledges) continue;
    Status error =
        group.Assign({.id = entry.id, .delivered_at_ms = context.now_ms(), .deliveries = 1, .consumer = number});
    if (!error.ok()) return error;
  }
  reply.Close(array, written);
  if (written == 0 || reader.acknowledges) return Status::Ok();
  return group.SetTimes(number, std::nullopt, context.now_ms());
}

Status DeliverHistory(CommandContext& context, StreamView view, StreamGroup& group, ConsumerNumber number,
                      const StreamRequest& request, const StreamReader& reader) {
  RespWriter& reply = context.reply();
  const RespWriter::Deferred array = reply.DeferArray();
  uint64_t written = 0;
  std::optional<StreamId> from = NextStreamId(request.after);
  while (from && written < reader.count_max) {
    // Asked anew each time: the delivery below changes the group's records, not the consumer's.
    const PendingId* const pending = group.ByNumber(number).pending().From(*from).Next();
    if (pending == nullptr) break;
    const StreamId id = pending->id;
    if (const std::optional<StreamEntry> entry = view.Find(id)) {
      PendingEntry record = *group.pending().Find(id);
      record.delivered_at_ms = context.now_ms();
      ++record.deliveries;
      if (Status error = group.Assign(record); !error.ok()) return error;
      WriteStreamEntry(reply, *entry);
    } else {
      reply.ArrayHeader(2);  // Deleted meanwhile.
      WriteStreamId(reply, id);
      reply.NullArray();
    }
    ++written;
    from = NextStreamId(id);
  }
  reply.Close(array, written);
  return Status::Ok();
}

}  // namespace

bool HasStreamAnswer(const KeySlot& slot, const StreamRequest& request, const StreamReader& reader) {
  if (request.kind == StreamRequest::Kind::kHistory) return true;
  if (!slot.Exists()) return false;
  const StreamView view = StreamView::Of(slot);
  StreamId after = request.after;
  if (request.kind == StreamRequest::Kind::kNew) after = view.FindGroup(reader.group)->last_id();
  const std::optional<StreamId> last = view.LastEntryId();
  return last && *last > after;
}

void WriteStreamAfter(CommandContext& context, const KeySlot& slot, const StreamRequest& request,
                      const StreamReader& reader) {
  RespWriter& reply = context.reply();
  const RespWriter::Deferred array = reply.DeferArray();
  StreamCursor cursor =
      StreamView::Of(slot).Range(*NextStreamId(request.after), kStreamIdMax, StreamCursor::Direction::kForward);
  StreamEntry entry;
  uint64_t written = 0;
  for (; written < reader.count_max && cursor.Next(entry); ++written) WriteStreamEntry(reply, entry);
  reply.Close(array, written);
}

Status WriteStreamForConsumer(CommandContext& context, KeySlot& slot, const StreamRequest& request,
                              const StreamReader& reader) {
  const bool answers = HasStreamAnswer(slot, request, reader);
  // Before 7.2 only who gets something is seen.
  if (!answers && !context.config().engine_version.AtLeast(7, 2)) return Status::Ok();
  const KeyEvents::Unwatched unwatched(context.events());
  StreamValue stream(slot);
  if (Status error = stream.Open(); !error.ok()) return error;
  StreamGroup* const group = stream.EditGroup(reader.group);
  if (group == nullptr) return Err::kOutOfMemory;
  Result<ConsumerNumber> number = SeeConsumer(context, *group, request.key, reader.consumer);
  if (!number) return number.error();
  if (!answers) return Status::Ok();
  if (request.kind == StreamRequest::Kind::kNew) {
    return DeliverNew(context, stream.view(), *group, *number, reader);
  }
  return DeliverHistory(context, stream.view(), *group, *number, request, reader);
}

}  // namespace cachenode
