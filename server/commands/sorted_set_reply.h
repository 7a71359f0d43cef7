// Elements of sorted sets as replies: members, and pairs of member and score.
//
// Thread-safety: under the key's shard lock, on the worker whose reply it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/resp_writer.h"
#include "storage/value/sorted_set_value.h"

namespace cachenode {

// Announces `count` elements. With scores they are pairs in RESP3 and a flat list in RESP2.
inline void WriteElementsHeader(RespWriter& reply, uint64_t count, bool with_scores) {
  const bool is_flat = with_scores && !reply.IsResp3();
  reply.ArrayHeader(static_cast<size_t>(is_flat ? 2 * count : count));
}

inline void WriteElement(RespWriter& reply, std::string_view member, double score, bool with_scores) {
  if (with_scores && reply.IsResp3()) reply.ArrayHeader(2);
  reply.Bulk(member);
  if (with_scores) reply.Double(score);
}

}  // namespace cachenode
