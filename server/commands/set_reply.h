// Members of sets as replies.
//
// Thread-safety: under the key's shard lock.
#pragma once

#include "protocol/resp_writer.h"
#include "storage/value/set_value.h"

namespace cachenode {

inline void WriteMember(RespWriter& reply, const ListpackElement& member) {
  if (member.is_integer) {
    reply.BulkInteger(member.number);
    return;
  }
  reply.Bulk(member.text);
}

// All members, behind a header that announced Count().
inline void WriteAllMembers(RespWriter& reply, const SetView& set) {
  ListpackElement member;
  for (SetView::Iterator members(set); members.Next(member);) WriteMember(reply, member);
}

}  // namespace cachenode
