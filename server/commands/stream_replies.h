// What the stream families share: ids and entries as replies, ids and ranges as arguments, the errors of missing
// groups.
//
// Thread-safety: as the writer and the views handed in. Nothing here changes a stream.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "protocol/resp_writer.h"
#include "server/key_spec.h"
#include "storage/base/result.h"
#include "storage/value/stream_value.h"

namespace cachenode {

void WriteStreamId(RespWriter& reply, StreamId id);
// [id, [field, value...]].
void WriteStreamEntry(RespWriter& reply, const StreamEntry& entry);

// "<ms>-<seq>" or "<ms>", where seq is `missing_seq`. Error: that the id is invalid.
[[nodiscard]] Result<StreamId> ParseIdArgument(std::string_view text, uint64_t missing_seq = 0);
// All of `ids`. The same error.
[[nodiscard]] Result<std::vector<StreamId>> ParseIdArguments(Args ids);

// The ends of a range: ids, "-", "+", or "(" and an id, which is left out then.
[[nodiscard]] Result<StreamId> ParseRangeStart(std::string_view text);
[[nodiscard]] Result<StreamId> ParseRangeEnd(std::string_view text);

// "NOGROUP No such key 'k' or consumer group 'g'" and what `suffix` adds.
[[nodiscard]] Status NoSuchKeyOrGroup(std::string_view key, std::string_view group, std::string_view suffix = {});
// "NOGROUP No such consumer group 'g' for key name 'k'".
[[nodiscard]] Status NoSuchGroup(std::string_view key, std::string_view group);

// KEEPREF, DELREF or ACKED, in any case.
[[nodiscard]] std::optional<StreamReferences> ParseReferences(std::string_view text);

}  // namespace cachenode
