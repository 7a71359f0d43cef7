// Reads the configuration a node starts with: files with their includes, standard input and the command line.
//
// Thread-safety: pure but for reading files; nothing is changed outside the result (dir is resolved, not entered).
// Invariant: a later line wins; a loaded Config holds only values its rows allow.
// Limits: kConfigBytesMax per source, kIncludeDepthMax levels, kIncludeFilesMax files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/config.h"
#include "server/config/option_table.h"
#include "storage/base/result.h"

namespace cachenode {

inline constexpr size_t kConfigBytesMax = size_t{16} << 20;
inline constexpr int kIncludeDepthMax = 16;
inline constexpr int kIncludeFilesMax = 1024;

enum class SourceKind : uint8_t {
  kBuiltin,  // The embedded default: as if it were the option table's defaults.
  kFile,
  kText,  // Standard input, command line.
};

// One text to read, in order of precedence: file, standard input, command line.
struct ConfigSource {
  std::string label;  // "/etc/redis.conf", "standard input", "the command line"; stands in error reports.
  std::string text;
  SourceKind kind = SourceKind::kFile;
};

// Why a configuration cannot be used.
struct ConfigError {
  std::string label;   // The file, standard input or command line.
  size_t line = 0;     // From 1.
  std::string text;    // The line itself; the value of a sensitive option is masked.
  std::string reason;  // As redis-server words it.
  std::string hint;    // Allowed values or the nearest name; may be empty.

  // The report for standard error, in redis-server's form. `version` is the server's.
  [[nodiscard]] std::string Report(std::string_view version) const;
};

struct RenamedCommand {
  std::string old_name;
  std::string new_name;       // Empty: the command is gone.
  ConfigError place;          // Without a reason: for the report when the command table refuses it.
  bool is_of_option = false;  // rename-commands asked for it, not a line rename-command.
};

// The parameter group that is in force.
struct ActiveGroup {
  std::string name;
  size_t family = 0;  // server/config/parameter_table.h
  bool is_read_only = false;
};

struct LoadedConfig {
  Config config;
  Config defaults;
  std::vector<RenamedCommand> renamed_commands;
  std::vector<std::string> users;     // "user" lines without the word.
  std::optional<ActiveGroup> group;   // None without parameter-group.
  std::vector<std::string> warnings;  // Sentences for the log: options that have no effect yet.
};

// The bytes of the file at `path`. kIo with the operating system's reason.
Result<std::string> ReadConfigBytes(const std::string& path);

// Reads `sources` over `machine`'s defaults. Exactly one of result and error is there.
struct LoadOutcome {
  std::optional<LoadedConfig> loaded;
  std::optional<ConfigError> error;
};
LoadOutcome LoadConfig(const std::vector<ConfigSource>& sources, const MachineFacts& machine);

}  // namespace cachenode
