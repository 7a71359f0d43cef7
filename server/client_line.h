// One client as CLIENT LIST, CLIENT INFO and the log show it: "id=7 addr=127.0.0.1:52814 ... resp=2".
//
// Thread-safety: pure functions over a session the caller may read (its owner worker, or the exclusive world lock).
// Invariant: the fields and their order are those of the engine version; fields of later versions are left out.
#pragma once

#include <cstdint>
#include <string>

#include "server/config/engine_version.h"
#include "server/session.h"

namespace cachenode {

// The request a client is in the middle of, if it is: its bytes are counted with the client's input.
struct RunningRequest {
  uint64_t wire_bytes = 0;
  uint64_t argument_bytes = 0;  // Without lengths and line ends.
};

// Appends the line of `session`, without a line end. `now_ms`: Unix milliseconds.
void AppendClientLine(std::string& to, const Session& session, const EngineVersion& engine, int64_t now_ms,
                      RunningRequest running = {});

// The client's flag letters ("N" when nothing special is to be said), as in the line.
[[nodiscard]] std::string ClientFlagsOf(const Session& session);
// Every letter ClientFlagsOf of any engine may give.
inline constexpr std::string_view kClientFlagLetters = "ONSMPxbtRBducAUreTIiE";

}  // namespace cachenode
