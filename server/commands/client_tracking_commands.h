// The handlers of CLIENT TRACKING and its kin; their rows stand with the other subcommands in client_commands.cc.
//
// Thread-safety: as all handlers. ClientTrackingMode needs the world lock, as it looks for other workers' clients.
#pragma once

#include "server/command_spec.h"

namespace cachenode {

// CLIENT TRACKING ON|OFF [REDIRECT id] [PREFIX prefix ...] [BCAST] [OPTIN] [OPTOUT] [NOLOOP] -> OK.
Status ClientTrackingMode(CommandContext& context, Args args);
// CLIENT CACHING YES|NO -> OK; whether what the next command reads is tracked, for clients that opt in, or out.
Status ClientCaching(CommandContext& context, Args args);
// CLIENT GETREDIR -> the id of the client redirected to, 0 for none, -1 without tracking.
Status ClientGetredir(CommandContext& context, Args args);
// CLIENT TRACKINGINFO -> map of flags, redirection and prefixes.
Status ClientTrackinginfo(CommandContext& context, Args args);

}  // namespace cachenode
