// The tables that subcommands print: node types, parameters, and whether a configuration is valid.
//
// Thread-safety: pure but for reading the files that are named.
#pragma once

#include <span>
#include <string>

namespace cachenode {

struct Report {
  std::string text;
  bool failed = false;  // The text is for standard error, the exit status is 1.
};

// Each takes the arguments behind the subcommand's name.
Report NodeTypesReport(std::span<const std::string> arguments);
Report ParametersReport(std::span<const std::string> arguments);
Report CheckConfigReport(std::span<const std::string> arguments);

}  // namespace cachenode
