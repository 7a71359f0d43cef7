// The commands a managed cache service hides from its users (managed-mode).
//
// Thread-safety: before the workers start.
#pragma once

#include "server/command_table.h"
#include "server/config/config.h"

namespace cachenode {

// Takes the commands out of `commands` that managed-mode hides on a node of this engine version: they are unknown then,
// to clients and to COMMAND. config-readonly leaves CONFIG GET, RESETSTAT and HELP.
void HideManagedCommands(CommandTable& commands, const Config& config);

}  // namespace cachenode
