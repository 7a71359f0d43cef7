#include "server/config/command_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "server/config/config.h"
#include "server/config/config_lines.h"
#include "server/config/embedded_conf.h"
#include "server/config/option_table.h"
#include "storage/base/bytes.h"
#include "storage/base/numbers.h"
#include "storage/base/quoting.h"

namespace cachenode {
namespace {

constexpr int64_t kTestMegabytesMax = 1 << 20;

bool IsOptionName(std::string_view word) { return word.starts_with("--"); }

// Turns the words behind the file into lines of a configuration file. The first word behind a bare "--name" is
// always its value, even when it looks like an option, because a value may begin with two dashes.
class DirectiveWriter {
 public:
  void Take(std::string_view word, std::string_view next, bool has_next) {
    if (!name_waits_ && IsOptionName(word)) {
      TakeName(word, next, has_next);
      return;
    }
    AppendQuoted(text_, word);
    text_.push_back(' ');
    name_waits_ = false;
  }

  [[nodiscard]] std::string Text() && { return std::move(text_); }

 private:
  void TakeName(std::string_view word, std::string_view next, bool has_next) {
    if (!text_.empty()) text_.push_back('\n');
    text_.append(word.substr(2)).push_back(' ');
    std::vector<std::string> inside;
    const bool is_bare = SplitQuotedWords(word, inside) && inside.size() == 1;
    name_waits_ = is_bare;
    // "--save" without a value means no save points, which scripts that build command lines rely on.
    if (is_bare && LowerCased(word) == "--save" && (!has_next || IsOptionName(next))) {
      text_.append("\"\"");
      name_waits_ = false;
    }
  }

  std::string text_;
  bool name_waits_ = false;  // A name has been written whose first value is still to come.
};

std::optional<CommandLine> ParseQuestion(const std::vector<std::string>& arguments) {
  if (arguments.empty()) return std::nullopt;
  CommandLine line;
  const std::string& word = arguments[0];
  if (arguments.size() == 1 && (word == "-v" || word == "--version")) {
    line.action = LaunchAction::kPrint;
    line.text = VersionLine() + "\n";
    return line;
  }
  if (arguments.size() == 1 && (word == "-h" || word == "--help")) {
    line.action = LaunchAction::kPrint;
    line.text = UsageText();
    return line;
  }
  if (word != "--test-memory") return std::nullopt;
  const bool valid = arguments.size() == 2 && TryParseInt64(arguments[1], line.test_megabytes) &&
                     line.test_megabytes >= 1 && line.test_megabytes <= kTestMegabytesMax;
  line.action = valid ? LaunchAction::kTestMemory : LaunchAction::kPrintError;
  if (!valid) {
    line.text = "Please specify the amount of memory to test in megabytes.\nExample: cachenode --test-memory 4096\n";
  }
  return line;
}

Result<std::string> ReadStandardInput() { return ReadConfigBytes("/dev/stdin"); }

constexpr std::string_view kAppliedMark = "# applied ";

std::vector<ConfigPair> ReadAppliedLines(std::string_view text) {
  std::vector<ConfigPair> changes;
  while (text.starts_with(kAppliedMark)) {
    const std::string_view line = text.substr(0, text.find('\n'));
    std::vector<std::string> words;
    if (SplitQuotedWords(line.substr(kAppliedMark.size()), words) && words.size() == 2) {
      changes.push_back({std::move(words[0]), std::move(words[1])});
    }
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return changes;
}

// Fills in the sources in their order of precedence, or `launch.failure`.
std::vector<ConfigSource> CollectSources(const CommandLine& line, LaunchConfig& launch) {
  std::vector<ConfigSource> sources;
  if (!line.restart_state.empty()) {
    if (!line.file.empty()) launch.file_path = std::filesystem::absolute(line.file).lexically_normal().string();
    Result<std::string> bytes = ReadConfigBytes(line.restart_state);
    if (bytes) launch.applied = ReadAppliedLines(*bytes);
    if (bytes) return {{"the state before the restart", *std::move(bytes), SourceKind::kText}};
    launch.failure = fmt::format("Fatal error, can't read the state before the restart: {}\n", bytes.status().text());
    return {};
  }
  if (!line.file.empty()) {
    launch.file_path = std::filesystem::absolute(line.file).lexically_normal().string();
    Result<std::string> bytes = ReadConfigBytes(launch.file_path);
    if (!bytes) {
      launch.failure =
          fmt::format("Fatal error, can't open config file '{}': {}\n", launch.file_path, bytes.status().text());
      return {};
    }
    sources.push_back({launch.file_path, *std::move(bytes), SourceKind::kFile});
  } else if (!line.from_stdin) {
    const std::string_view embedded = FindEmbeddedFile(kDefaultConfPath);
    sources.push_back({"the built-in configuration", std::string(embedded), SourceKind::kBuiltin});
  }
  if (line.from_stdin) {
    Result<std::string> bytes = ReadStandardInput();
    if (!bytes) {
      launch.failure =
          fmt::format("Fatal error, can't read the configuration from standard input: {}\n", bytes.status().text());
      return {};
    }
    sources.push_back({"standard input", *std::move(bytes), SourceKind::kText});
  }
  sources.push_back({"the command line", line.directives, SourceKind::kText});
  return sources;
}

}  // namespace

CommandLine ParseCommandLine(const std::vector<std::string>& arguments) {
  if (std::optional<CommandLine> question = ParseQuestion(arguments)) return *std::move(question);
  CommandLine line;
  DirectiveWriter writer;
  size_t i = 0;
  if (arguments.size() >= 2 && arguments[0] == kRestartStateOption) {
    line.restart_state = arguments[1];
    i = 2;
    if (arguments.size() > 2) line.file = arguments[i++];
    return line;
  }
  if (!arguments.empty() && !arguments[0].starts_with('-')) line.file = arguments[i++];
  for (; i < arguments.size(); ++i) {
    const bool is_last = i + 1 == arguments.size();
    if (arguments[i] == "-" && (i == 0 || is_last)) {
      line.from_stdin = true;
      continue;
    }
    writer.Take(arguments[i], is_last ? std::string_view() : arguments[i + 1], !is_last);
  }
  line.directives = std::move(writer).Text();
  return line;
}

std::string UsageText() {
  return "Usage: cachenode [/path/to/redis.conf] [options] [-]\n"
         "       cachenode -                       (configuration from standard input)\n"
         "       cachenode -v or --version\n"
         "       cachenode -h or --help\n"
         "       cachenode --test-memory <megabytes>\n"
         "       cachenode check-config <file> [options]\n"
         "       cachenode node-types\n"
         "       cachenode parameters --family <name> | --parameter-group <file> [--json]\n"
         "\n"
         "Any directive of redis.conf is an option: a later one wins over an earlier one and over the file.\n"
         "\n"
         "Examples:\n"
         "       cachenode\n"
         "       echo 'maxmemory 128mb' | cachenode -\n"
         "       cachenode /etc/redis/redis.conf --loglevel verbose\n"
         "       cachenode --port 7777 --maxmemory 2gb --maxmemory-policy allkeys-lru\n"
         "       cachenode --s3-snapshot-location s3://bucket/dump.rdb\n";
}

std::string AppliedLines(std::span<const ConfigPair> changes) {
  std::string text;
  for (const ConfigPair& change : changes) {
    text.append(kAppliedMark).append(change.name).append(" ");
    AppendQuoted(text, change.value);  // A value may have any bytes, and stay within its line.
    text.push_back('\n');
  }
  return text;
}

LaunchConfig ReadLaunchConfig(const CommandLine& line) {
  LaunchConfig launch;
  const std::vector<ConfigSource> sources = CollectSources(line, launch);
  if (!launch.failure.empty()) return launch;
  LoadOutcome outcome = LoadConfig(sources, DetectMachine());
  if (outcome.error) launch.failure = outcome.error->Report(EngineVersion().RedisVersionText());
  launch.loaded = std::move(outcome.loaded);
  return launch;
}

}  // namespace cachenode
