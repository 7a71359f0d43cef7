// How SLOWLOG and COMMANDLOG show their entries.
#pragma once

#include <vector>

#include "protocol/resp_writer.h"
#include "server/stats/slowlog.h"

namespace cachenode {

inline void WriteLogEntries(RespWriter& reply, const std::vector<SlowlogEntry>& entries) {
  reply.ArrayHeader(entries.size());
  for (const SlowlogEntry& entry : entries) {
    reply.ArrayHeader(6);
    reply.Integer(static_cast<int64_t>(entry.id));
    reply.Integer(entry.time_s);
    reply.Integer(static_cast<int64_t>(entry.amount));
    reply.ArrayHeader(entry.arguments.size());
    for (const std::string& argument : entry.arguments) reply.Bulk(argument);
    reply.Bulk(entry.peer_address);
    reply.Bulk(entry.client_name);
  }
}

}  // namespace cachenode
