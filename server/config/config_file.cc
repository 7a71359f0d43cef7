#include "server/config/config_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <glob.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>

#include "server/config/node_layers.h"
#include "server/config/option_value.h"
#include "server/config/renamed_commands.h"
#include "storage/base/blanks.h"
#include "storage/base/bytes.h"
#include "storage/base/quoting.h"
#include "storage/base/system_error.h"

namespace cachenode {
namespace {

constexpr size_t kUsersMax = 65536;
constexpr size_t kRenamesMax = 4096;
constexpr size_t kReadBytes = 65536;
constexpr std::string_view kBadDirective = "Bad directive or wrong number of arguments";

// A rule of a user that holds a password or its hash.
bool IsPasswordRule(const std::string& rule) { return rule.find_first_of("><#!") == 0; }

class Loader {
 public:
  // Lines are read over `start`.
  Loader(const Config& defaults, const Config& start) {
    loaded_.defaults = defaults;
    loaded_.config = start;
  }

  // Where the last line of an option stood; without a line number when there was none.
  [[nodiscard]] ConfigError PlaceOf(std::string_view option) const {
    const auto place = places_.find(FindOption(option));
    return place != places_.end() ? place->second : ConfigError{};
  }

  LoadOutcome Run(const std::vector<ConfigSource>& sources) {
    LoadOutcome outcome;
    const bool read = std::ranges::all_of(
        sources, [this](const ConfigSource& source) { return ReadText(source.label, source.text, source.kind, 0); });
    if (read && Finish()) {
      outcome.loaded = std::move(loaded_);
    } else {
      outcome.error = std::move(error_);
    }
    return outcome;
  }

 private:
  bool ReadText(const std::string& label, std::string_view text, SourceKind kind, int depth) {
    place_ = {label, 0, {}, {}, {}};
    if (text.size() > kConfigBytesMax) return Fail("the configuration is too long");
    size_t line_number = 0;
    while (!text.empty()) {
      const size_t end = std::min(text.find('\n'), text.size());
      const std::string_view line = TrimBlanks(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
      ++line_number;
      if (line.empty() || line[0] == '#') continue;
      place_ = {label, line_number, std::string(line), {}, {}};
      if (!ReadLine(line, kind, depth)) return false;
    }
    return true;
  }

  bool ReadLine(std::string_view line, SourceKind kind, int depth) {
    std::vector<std::string> words;
    if (!SplitQuotedWords(line, words)) return Fail("Unbalanced quotes in configuration line");
    if (words.empty()) return true;
    words[0] = LowerCased(words[0]);
    const OptionSpec* option = FindOption(words[0]);
    if (option != nullptr) return ReadOption(*option, words, kind);
    if (words[0] == "include" && words.size() == 2) return Include(words[1], depth);
    if (words[0] == "rename-command" && words.size() == 3) return Rename(words);
    if (words[0] == "user" && words.size() >= 2) return User(line, words);
    if (words[0] == "loadmodule" && words.size() >= 2) {
      return Fail("loading modules is not built into this server, so 'loadmodule' cannot be used");
    }
    if (words[0] == "sentinel") return Fail("sentinel directive while not in sentinel mode");
    const std::string_view nearest = NearestOptionName(words[0]);
    return Fail(std::string(kBadDirective), nearest.empty() ? "" : fmt::format("did you mean '{}'?", nearest));
  }

  bool ReadOption(const OptionSpec& option, std::vector<std::string>& words, SourceKind kind) {
    if (option.Has(kOptionSensitive)) place_.text = words[0] + " \"(redacted)\"";
    std::vector<std::string> values(words.begin() + 1, words.end());
    if (option.Has(kOptionManyWords) && values.size() == 1) values = ValueWords(option, values[0]);
    const Status parsed = ParseOption(option, loaded_.config, values, places_.contains(&option));
    if (!parsed) return Fail(std::string(parsed.text()), AllowedValues(option));
    if (kind != SourceKind::kBuiltin) places_.insert_or_assign(&option, place_);
    return true;
  }

  bool Include(const std::string& pattern, int depth) {
    if (depth >= kIncludeDepthMax) return Fail("includes are nested too deeply");
    const ConfigError include_line = place_;
    const std::string path = (std::filesystem::path(loaded_.config.dir) / pattern).string();
    std::vector<std::string> files = {path};
    if (pattern.find_first_of("*?[") != std::string::npos) files = Expand(path);
    for (const std::string& file : files) {
      place_ = include_line;
      if (++included_ > kIncludeFilesMax) return Fail("too many files are included");
      Result<std::string> bytes = ReadConfigBytes(file);
      if (!bytes) return Fail(fmt::format("can't open config file '{}': {}", file, bytes.status().text()));
      if (!ReadText(file, *bytes, SourceKind::kFile, depth + 1)) return false;
    }
    return true;
  }

  // The files that match, in alphabetical order; none is fine.
  static std::vector<std::string> Expand(const std::string& pattern) {
    std::vector<std::string> files;
    glob_t matches{};
    // NOLINTNEXTLINE(concurrency-mt-unsafe): no thread changes the environment or the working directory.
    if (::glob(pattern.c_str(), 0, nullptr, &matches) == 0) {
      files.assign(matches.gl_pathv, matches.gl_pathv + matches.gl_pathc);
    }
    ::globfree(&matches);
    return files;
  }

  bool Rename(const std::vector<std::string>& words) {
    if (loaded_.renamed_commands.size() >= kRenamesMax) return Fail("too many renamed commands");
    loaded_.renamed_commands.push_back({words[1], words[2], place_, false});
    return true;
  }

  bool User(std::string_view line, const std::vector<std::string>& words) {
    if (std::any_of(words.begin() + 2, words.end(), IsPasswordRule)) place_.text = "user " + words[1] + " (redacted)";
    if (loaded_.users.size() >= kUsersMax) return Fail("too many users");
    if (!user_places_.try_emplace(words[1], place_).second) {
      return Fail(
          fmt::format("Error in user declaration '{}': Duplicate user found. A user can only be defined once "
                      "in config files",
                      words[1]));
    }
    loaded_.users.emplace_back(TrimBlanks(line.substr(std::string_view("user").size())));
    return true;
  }

  // What only the last line of an option decides.
  bool Finish() {
    ClampOptions(loaded_.config);
    for (const OptionSpec* option : Options()) {
      const auto place = places_.find(option);
      if (place == places_.end()) continue;
      place_ = place->second;
      std::string refused = RefusedByFeature(*option, loaded_.config, loaded_.defaults);
      if (!refused.empty()) return Fail(std::move(refused));
      WarnIfUnbuilt(*option);
    }
    return true;
  }

  void WarnIfUnbuilt(const OptionSpec& option) {
    if (FeatureIsBuilt(option.feature)) return;
    if (FormatOption(option, loaded_.config) == FormatOption(option, loaded_.defaults)) return;
    loaded_.warnings.push_back(fmt::format("'{}' at line {} of {} has no effect: {} is not built into this server yet",
                                           option.name, place_.line, place_.label, FeatureName(option.feature)));
  }

  bool Fail(std::string reason, std::string hint = {}) {
    error_ = place_;
    error_.reason = std::move(reason);
    error_.hint = std::move(hint);
    return false;
  }

  LoadedConfig loaded_;
  ConfigError place_;  // Of the line being read.
  ConfigError error_;
  std::map<const OptionSpec*, ConfigError> places_;  // The last line of each option that had one.
  std::map<std::string, ConfigError, std::less<>> user_places_;
  int included_ = 0;
};

}  // namespace

std::string ConfigError::Report(std::string_view version) const {
  std::string report = fmt::format("\n*** FATAL CONFIG FILE ERROR (Redis {}) ***\n", version);
  auto out = std::back_inserter(report);
  if (line > 0) fmt::format_to(out, "Reading the configuration file, at line {}\n>>> '{}'\n", line, text);
  fmt::format_to(out, "{}\n", reason);
  if (!hint.empty()) fmt::format_to(out, "{}\n", hint);
  if (!label.empty()) fmt::format_to(out, "(line {} of {})\n", line, label);
  return report;
}

Result<std::string> ReadConfigBytes(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return Status::WithText(Err::kIo, SystemErrorText(errno));
  std::string bytes;
  ssize_t got = 0;
  int error = 0;
  do {
    const size_t used = bytes.size();
    bytes.resize(used + kReadBytes);
    got = ::read(descriptor, bytes.data() + used, kReadBytes);
    if (got < 0) error = errno;
    bytes.resize(used + static_cast<size_t>(std::max<ssize_t>(got, 0)));
  } while ((got > 0 || error == EINTR) && bytes.size() <= kConfigBytesMax);
  ::close(descriptor);
  if (got < 0) return Status::WithText(Err::kIo, SystemErrorText(error));
  return bytes;
}

namespace {

// rename-commands, which a parameter group may have set, joins the renames that lines asked for.
LoadOutcome WithCommandRenames(LoadOutcome outcome, const PlaceOfOption& place_of) {
  if (!outcome.loaded) return outcome;
  std::vector<CommandRename> renames;
  static_cast<void>(ParseCommandRenames(outcome.loaded->config.rename_commands, renames));  // Its row checked it.
  for (const CommandRename& rename : renames) {
    ConfigError place = place_of("rename-commands");
    if (place.line == 0) place = {outcome.loaded->config.parameter_group, 0, "rename-commands", {}, {}};
    outcome.loaded->renamed_commands.push_back({rename.old_name, rename.new_name, std::move(place), true});
  }
  return outcome;
}

// Reads the lines again, now over what their parameter group and node type decide.
LoadOutcome LoadOverLayers(const std::vector<ConfigSource>& sources, const MachineFacts& machine, const Config& asked,
                           const PlaceOfOption& place_of) {
  const Config defaults = DefaultConfig(machine);
  std::vector<ConfigSource> builtin;
  std::vector<ConfigSource> own;
  for (const ConfigSource& source : sources) {
    (source.kind == SourceKind::kBuiltin ? builtin : own).push_back(source);
  }
  LoadOutcome outcome = Loader(defaults, defaults).Run(builtin);
  if (!outcome.loaded) return outcome;
  NodeLayers layers = MakeNodeLayers(asked, defaults, outcome.loaded->config, place_of);
  if (layers.error) return {std::nullopt, std::move(layers.error)};
  outcome = Loader(layers.defaults, layers.start).Run(own);
  if (!outcome.loaded) return outcome;
  outcome.loaded->group = layers.group;
  for (std::string& warning : layers.warnings) outcome.loaded->warnings.push_back(std::move(warning));
  if (std::optional<ConfigError> error = FinishNodeLayers(*outcome.loaded, machine, place_of)) {
    return {std::nullopt, std::move(error)};
  }
  return outcome;
}

}  // namespace

LoadOutcome LoadConfig(const std::vector<ConfigSource>& sources, const MachineFacts& machine) {
  const Config defaults = DefaultConfig(machine);
  Loader loader(defaults, defaults);
  LoadOutcome outcome = loader.Run(sources);
  const PlaceOfOption place_of = [&loader](std::string_view option) { return loader.PlaceOf(option); };
  if (outcome.loaded && NeedsLayers(outcome.loaded->config)) {
    outcome = LoadOverLayers(sources, machine, Config(outcome.loaded->config), place_of);
  }
  return WithCommandRenames(std::move(outcome), place_of);
}

}  // namespace cachenode
