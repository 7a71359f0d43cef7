// `cachenode snapshot ...`: the catalogue of a node that is not running, from the command line.
//
//   cachenode snapshot list | describe NAME | check NAME | create NAME | copy FROM TO
//                      | export NAME TARGET | delete NAME  [configuration file] [--directive value ...]
//
// The file and the directives are those the node is started with: `dir`, `snapshot-dir`, `cluster-id`, `s3-*`. `create`
// makes a snapshot of what lies in `dbfilename`. A running node may share the folder.
//
// Thread-safety: one thread of a process that does nothing else.
#pragma once

#include <cstdio>
#include <span>
#include <string>

namespace cachenode {

// `arguments` follow the word "snapshot". Writes what was asked for to `out`, or one line to `errors`. Returns the exit
// code: 0, 1 when it failed, 2 when the words make no sense.
int RunSnapshotTool(std::span<const std::string> arguments, std::FILE* out, std::FILE* errors);

}  // namespace cachenode
