#include "server/commands/stream_replies.h"

#include <string>

#include "storage/base/bytes.h"

namespace cachenode {

namespace {

Status InvalidId() { return Status::Text("ERR Invalid stream ID specified as stream command argument"); }

void WriteElement(RespWriter& reply, const ListpackElement& element) {
  if (element.is_integer) {
    reply.BulkInteger(element.number);
  } else {
    reply.Bulk(element.text);
  }
}

// An end of a range, and whether it is left out itself.
struct RangeEnd {
  StreamId id;
  bool is_exclusive = false;
};

Result<RangeEnd> ParseRangeEndText(std::string_view text, uint64_t missing_seq) {
  if (text == "-") return RangeEnd{kStreamIdMin};
  if (text == "+") return RangeEnd{kStreamIdMax};
  const bool is_exclusive = text.size() > 1 && text.front() == '(';
  Result<StreamId> id = ParseIdArgument(text.substr(is_exclusive ? 1 : 0), missing_seq);
  if (!id) return id.error();
  return RangeEnd{*id, is_exclusive};
}

}  // namespace

void WriteStreamId(RespWriter& reply, StreamId id) {
  StreamIdScratch scratch;
  reply.Bulk(FormatStreamId(id, scratch));
}

void WriteStreamEntry(RespWriter& reply, const StreamEntry& entry) {
  reply.ArrayHeader(2);
  WriteStreamId(reply, entry.id);
  reply.ArrayHeader(2 * size_t{entry.field_count});
  StreamFieldCursor fields(entry);
  ListpackElement field;
  ListpackElement value;
  while (fields.Next(field, value)) {
    WriteElement(reply, field);
    WriteElement(reply, value);
  }
}

Result<StreamId> ParseIdArgument(std::string_view text, uint64_t missing_seq) {
  const std::optional<StreamId> id = ParseStreamId(text, missing_seq);
  if (!id) return InvalidId();
  return *id;
}

Result<std::vector<StreamId>> ParseIdArguments(Args ids) {
  std::vector<StreamId> parsed;
  parsed.reserve(ids.size());
  for (const std::string_view text : ids) {
    Result<StreamId> id = ParseIdArgument(text);
    if (!id) return id.error();
    parsed.push_back(*id);
  }
  return parsed;
}

Result<StreamId> ParseRangeStart(std::string_view text) {
  Result<RangeEnd> start = ParseRangeEndText(text, 0);
  if (!start) return start.error();
  if (!start->is_exclusive) return start->id;
  const std::optional<StreamId> next = NextStreamId(start->id);
  if (!next) return Status::Text("ERR invalid start ID for the interval");
  return *next;
}

Result<StreamId> ParseRangeEnd(std::string_view text) {
  Result<RangeEnd> end = ParseRangeEndText(text, UINT64_MAX);
  if (!end) return end.error();
  if (!end->is_exclusive) return end->id;
  const std::optional<StreamId> previous = PreviousStreamId(end->id);
  if (!previous) return Status::Text("ERR invalid end ID for the interval");
  return *previous;
}

Status NoSuchKeyOrGroup(std::string_view key, std::string_view group, std::string_view suffix) {
  std::string text("NOGROUP No such key '");
  text.append(UpToZero(key)).append("' or consumer group '").append(UpToZero(group)).append("'").append(suffix);
  return Status::Text(std::move(text));
}

Status NoSuchGroup(std::string_view key, std::string_view group) {
  std::string text("NOGROUP No such consumer group '");
  return Status::Text(text.append(UpToZero(group)).append("' for key name '").append(UpToZero(key)).append("'"));
}

std::optional<StreamReferences> ParseReferences(std::string_view text) {
  if (EqualsIgnoreCase(text, "keepref")) return StreamReferences::kKeep;
  if (EqualsIgnoreCase(text, "delref")) return StreamReferences::kDelete;
  if (EqualsIgnoreCase(text, "acked")) return StreamReferences::kOnlyAcknowledged;
  return std::nullopt;
}

}  // namespace cachenode
