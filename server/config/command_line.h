// The command line of the server: cachenode [file] [-] [--directive value ...], and the words that answer and exit.
//
// Thread-safety: pure functions; ReadStart reads files and standard input, and may change nothing.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/config_file.h"
#include "server/config/config_store.h"

namespace cachenode {

// A process that starts itself again gives its configuration behind this word, and then the file it was started with.
inline constexpr std::string_view kRestartStateOption = "--restart-state";

enum class LaunchAction : uint8_t {
  kServe,
  kPrint,       // Print `text` to standard output and exit 0.
  kPrintError,  // Print `text` to standard error and exit 1.
  kTestMemory,  // Test `test_megabytes` of memory and exit.
};

struct CommandLine {
  LaunchAction action = LaunchAction::kServe;
  std::string text;
  int64_t test_megabytes = 0;

  std::string restart_state;  // The path of the configuration to go on with; empty: a start like any other.
  std::string file;           // As given; empty: none.
  bool from_stdin = false;    // "-" was given.
  std::string directives;     // The options as lines of a configuration file.
};

// `arguments` without the program's own name. Never fails: what a directive means is the loader's business.
CommandLine ParseCommandLine(const std::vector<std::string>& arguments);

// "Cachenode server v=7.4.0 sha=... malloc=... bits=64 build=... cachenode=0.1.0"
std::string VersionLine();
std::string UsageText();

// What a node starts with.
struct LaunchConfig {
  std::optional<LoadedConfig> loaded;  // There unless `failure` is not empty.
  std::string file_path;               // Absolute; empty without a file.
  std::string failure;                 // The report for standard error.
  std::vector<ConfigPair> applied;     // What had waited for this restart.
};
// Reads the file (without one: the embedded default), standard input and directives of `line`.
LaunchConfig ReadLaunchConfig(const CommandLine& line);

// The head of a restart's state: comments that become LaunchConfig::applied.
std::string AppliedLines(std::span<const ConfigPair> changes);

// Writes and reads patterns over `megabytes` of memory. Returns the report and whether every byte held.
struct MemoryTestResult {
  std::string report;
  bool passed = false;
};
MemoryTestResult TestMemory(int64_t megabytes);

}  // namespace cachenode
