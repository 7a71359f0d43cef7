// Streams to RDB: nodes as they lie, then what the stream remembers, then its groups.
#include "persistence/rdb_value_encoders.h"
#include "storage/base/bytes.h"
#include "storage/value/stream_value.h"

namespace cachenode {
namespace {

constexpr uint64_t kEntriesReadUnknown = UINT64_MAX;

void PutId(StreamId id, RdbOutput& out) noexcept {
  out.Length(id.ms);
  out.Length(id.seq);
}

void PutRawId(StreamId id, RdbOutput& out) noexcept {
  char bytes[kStreamIdBytes];
  StoreStreamId(id, bytes);
  out.buffer().Append({bytes, sizeof(bytes)});
}

void EncodePending(const StreamGroup& group, RdbOutput& out) noexcept {
  out.Length(group.pending().count());
  auto cursor = group.pending().From(kStreamIdMin);
  while (const PendingEntry* const entry = cursor.Next()) {
    PutRawId(entry->id, out);
    out.Int64(entry->delivered_at_ms);
    out.Length(entry->deliveries);
    if (!out.Flow()) return;
  }
}

void EncodeConsumer(RdbType type, const StreamConsumer& consumer, RdbOutput& out) noexcept {
  out.String(consumer.name());
  out.Int64(consumer.seen_at_ms());
  if (type == RdbType::kStream3) out.Int64(consumer.active_at_ms());
  out.Length(consumer.pending().count());
  auto cursor = consumer.pending().From(kStreamIdMin);
  while (const PendingId* const entry = cursor.Next()) {
    PutRawId(entry->id, out);
    if (!out.Flow()) return;
  }
}

void EncodeGroup(RdbType type, const StreamGroup& group, RdbOutput& out) noexcept {
  out.String(group.name());
  PutId(group.last_id(), out);
  if (type != RdbType::kStream) out.Length(group.entries_read().value_or(kEntriesReadUnknown));
  EncodePending(group, out);
  out.Length(group.consumer_count());
  for (uint32_t i = 0; i < group.consumer_count(); ++i) EncodeConsumer(type, group.consumer(i), out);
}

}  // namespace

RdbType StreamTypeFor(int version) noexcept {
  if (version >= kRdbSetListpackVersion) return RdbType::kStream3;
  return version >= kRdbPackedVersion ? RdbType::kStream2 : RdbType::kStream;
}

void EncodeRdbStream(RdbType type, const EntryView& entry, RdbOutput& out) noexcept {
  const StreamView stream = StreamView::Of(entry);
  out.Length(stream.node_count());
  stream.ForEachNode([&out](StreamId master, std::string_view listpack) {
    if (!out.Flow()) return;
    char bytes[kStreamIdBytes];
    StoreStreamId(master, bytes);
    out.String({bytes, sizeof(bytes)});
    out.String(listpack);
  });
  out.Length(stream.length());
  PutId(stream.last_id(), out);
  if (type != RdbType::kStream) {
    PutId(stream.history().first_id, out);
    PutId(stream.history().max_deleted_id, out);
    out.Length(stream.history().entries_added);
  }
  out.Length(stream.group_count());
  for (uint32_t i = 0; i < stream.group_count(); ++i) EncodeGroup(type, stream.group(i), out);
}

}  // namespace cachenode
