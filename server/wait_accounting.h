// What INFO, SLOWLOG and LATENCY are told of requests that made their client wait.
//
// Thread-safety: each function counts on the worker that calls it.
// Engines up to 7.0 count a call when it begins to wait, later ones when it ends; both as Redis does.
#pragma once

#include <cstdint>
#include <string_view>

namespace cachenode {

class CommandContext;
struct BlockedClient;
struct ServerParts;

// `client` begins to wait after an attempt of `ticks`.
void CountWaitBegun(CommandContext& context, BlockedClient& client, uint64_t ticks);
// `client` was served by the worker of `context`, in `ticks`; `error` is the text of an error reply, empty for none.
void CountWaitServed(CommandContext& context, const BlockedClient& client, uint64_t ticks, std::string_view error);

enum class WaitEnd : uint8_t { kTimeout, kUnblocked };
// The wait ended on the client's own worker without being served. `error`: as above.
void CountWaitEnded(const ServerParts& parts, const BlockedClient& client, WaitEnd end, std::string_view error);

}  // namespace cachenode
