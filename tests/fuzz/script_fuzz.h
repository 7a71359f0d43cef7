// For fuzz targets that are Lua scripts: a script answers a bulk string when all is well, an error when it found a
// fault, which ends the process.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/server/command_harness.h"

namespace cachenode {

inline void RunFuzzScript(const char* script, std::vector<std::string> arguments) {
  static CommandHarness harness;
  std::vector<std::string> words = {"EVAL", script, "0"};
  for (std::string& argument : arguments) words.push_back(std::move(argument));
  const std::string reply = harness.RunRaw(harness.session(), words);
  if (reply.starts_with('$')) return;
  std::fprintf(stderr, "%s", reply.c_str());
  std::abort();
}

}  // namespace cachenode
