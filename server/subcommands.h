// What the program does instead of serving: "cachenode node-types", "cachenode check-config FILE" and so on.
//
// Thread-safety: the program's only thread.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace cachenode {

// One subcommand. A new one is a row in subcommands.cc.
struct Subcommand {
  std::string_view name;
  std::string_view usage;    // Its arguments: "FILE [--directive value ...]".
  std::string_view summary;  // One line.
  // `arguments` without the subcommand's name. Prints to standard output and error; returns the process' exit status.
  int (*run)(std::span<const std::string> arguments);
};

std::span<const Subcommand> Subcommands();

// Runs the subcommand that `arguments` name first; none when they name none.
std::optional<int> RunSubcommand(std::span<const std::string> arguments);

}  // namespace cachenode
