#include "server/config/special_options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <filesystem>
#include <system_error>

#include "persistence/s3/s3_uri.h"
#include "server/config/config.h"
#include "server/config/config_lines.h"
#include "storage/base/bytes.h"
#include "storage/base/numbers.h"
#include "storage/base/quoting.h"

namespace cachenode {
namespace {

Status Reason(std::string text) { return Status::WithText(Err::kConfig, std::move(text)); }

bool IsSingleEmptyWord(std::span<const std::string> words) { return words.size() == 1 && words[0].empty(); }

// Joins the texts of `items` with single blanks.
template <typename Items, typename Append>
std::string Joined(const Items& items, Append append) {
  std::string text;
  for (const auto& item : items) {
    if (!text.empty()) text.push_back(' ');
    append(text, item);
  }
  return text;
}

// --- bind ---

Status ParseBind(Config& config, std::span<const std::string> words, bool) {
  if (words.size() > kBindAddressesMax) return Reason("Too many bind addresses specified.");
  if (IsSingleEmptyWord(words)) words = {};
  config.bind.assign(words.begin(), words.end());
  return Status::Ok();
}

std::string FormatBind(const Config& config) {
  return Joined(config.bind, [](std::string& text, const std::string& address) { text.append(address); });
}

std::vector<std::string> BindLines(const Config& config, const Config& defaults) {
  if (config.bind == defaults.bind) return {};
  if (config.bind.empty()) return {"\"\""};
  return {FormatBind(config)};
}

// --- allow-cidr ---

Status ParseAllowCidr(Config& config, std::span<const std::string> words, bool add) {
  AddressRanges ranges;
  if (add) ranges = config.allow_cidr;
  if (IsSingleEmptyWord(words)) {
    config.allow_cidr = {};
    return Status::Ok();
  }
  if (words.size() > AddressRanges::kRangesMax) return Reason("Too many address ranges specified.");
  for (const std::string& word : words) {
    if (!ranges.Add(word)) return Reason("'" + word + "' is not a range of addresses like 10.0.0.0/8 or 2001:db8::/32");
  }
  config.allow_cidr = std::move(ranges);
  return Status::Ok();
}

std::string FormatAllowCidr(const Config& config) {
  return Joined(config.allow_cidr.texts(), [](std::string& text, const std::string& range) { text.append(range); });
}

// One line a range, as files read them.
std::vector<std::string> AllowCidrLines(const Config& config, const Config& /*defaults*/) {
  return config.allow_cidr.texts();
}

// --- save ---

Status ParseSave(Config& config, std::span<const std::string> words, bool add) {
  if (IsSingleEmptyWord(words)) {
    config.save.clear();
    return Status::Ok();
  }
  if (words.size() % 2 != 0) return Reason("Invalid save parameters");
  std::vector<SavePoint> points;
  if (add) points = config.save;
  for (size_t i = 0; i < words.size(); i += 2) {
    SavePoint point;
    const bool valid = TryParseInt64(words[i], point.seconds) && TryParseInt64(words[i + 1], point.changes);
    if (!valid || point.seconds < 1 || point.changes < 0) return Reason("Invalid save parameters");
    points.push_back(point);
  }
  if (points.size() > kSavePointsMax) return Reason("Invalid save parameters");
  config.save = std::move(points);
  return Status::Ok();
}

std::string FormatSave(const Config& config) {
  return Joined(config.save, [](std::string& text, const SavePoint& point) {
    fmt::format_to(std::back_inserter(text), "{} {}", point.seconds, point.changes);
  });
}

std::vector<std::string> SaveLines(const Config& config, const Config&) {
  if (config.save.empty()) return {"\"\""};
  std::vector<std::string> lines;
  for (const SavePoint& point : config.save) lines.push_back(fmt::format("{} {}", point.seconds, point.changes));
  return lines;
}

// --- client-output-buffer-limit ---

constexpr size_t kWordsPerLimit = 4;
constexpr std::string_view kClassNames[kOutputClassCount] = {"normal", "slave", "pubsub"};

// kOutputClassCount when there is no such class.
size_t FindOutputClass(std::string_view name) {
  const std::string lower = LowerCased(name);
  if (lower == "replica") return static_cast<size_t>(OutputClass::kReplica);
  return static_cast<size_t>(std::ranges::find(kClassNames, lower) - std::begin(kClassNames));
}

Status ParseOutputLimits(Config& config, std::span<const std::string> words, bool) {
  if (words.empty() || words.size() % kWordsPerLimit != 0) {
    return Reason("Wrong number of arguments in buffer limit configuration.");
  }
  auto limits = config.client_output_buffer_limit;
  for (; !words.empty(); words = words.subspan(kWordsPerLimit)) {
    const size_t index = FindOutputClass(words[0]);
    if (index == kOutputClassCount) {
      return Reason("Invalid client class specified in buffer limit configuration.");
    }
    const Result<uint64_t> hard = ParseMemoryBytes(words[1]);
    const Result<uint64_t> soft = ParseMemoryBytes(words[2]);
    int64_t seconds = 0;
    if (!hard || !soft || !TryParseInt64(words[3], seconds) || seconds < 0) {
      return Reason("Error in hard, soft or soft_seconds setting in buffer limit configuration.");
    }
    limits[index] = {*hard, *soft, seconds};
  }
  config.client_output_buffer_limit = limits;
  return Status::Ok();
}

std::string FormatOutputLimits(const Config& config) {
  std::string text;
  for (size_t i = 0; i < kOutputClassCount; ++i) {
    const OutputBufferLimit& limit = config.client_output_buffer_limit[i];
    fmt::format_to(std::back_inserter(text), "{}{} {} {} {}", i == 0 ? "" : " ", kClassNames[i], limit.hard_bytes,
                   limit.soft_bytes, limit.soft_seconds);
  }
  return text;
}

std::vector<std::string> OutputLimitLines(const Config& config, const Config&) {
  std::vector<std::string> lines;
  for (size_t i = 0; i < kOutputClassCount; ++i) {
    const OutputBufferLimit& limit = config.client_output_buffer_limit[i];
    const bool is_replica = i == static_cast<size_t>(OutputClass::kReplica);
    lines.push_back(fmt::format("{} {} {} {}", is_replica ? "replica" : kClassNames[i],
                                FormatMemoryBytes(limit.hard_bytes), FormatMemoryBytes(limit.soft_bytes),
                                limit.soft_seconds));
  }
  return lines;
}

// --- dir ---

// Resolves against the directory of earlier lines, as a server that enters each directory at once would.
Status ParseDir(Config& config, std::span<const std::string> words, bool) {
  if (words.size() != 1) return Reason("wrong number of arguments");
  std::error_code error;
  const std::filesystem::path joined = std::filesystem::path(config.dir) / words[0];
  const std::filesystem::path real = std::filesystem::canonical(joined, error);
  if (words[0].empty()) error = std::make_error_code(std::errc::no_such_file_or_directory);
  if (!error && !std::filesystem::is_directory(real)) error = std::make_error_code(std::errc::not_a_directory);
  if (!error && ::access(real.c_str(), X_OK) != 0) error = std::error_code(errno, std::generic_category());
  if (error) return Reason(error.message());
  config.dir = real.string();
  return Status::Ok();
}

std::string FormatDir(const Config& config) { return config.dir; }

std::vector<std::string> DirLines(const Config& config, const Config&) {
  std::string line;
  AppendQuoted(line, config.dir);
  return {line};
}

// --- notify-keyspace-events ---

struct NotifyLetter {
  char letter;
  uint32_t bits;
};
// In the order of the canonical text, "A" apart.
constexpr NotifyLetter kNotifyLetters[] = {
    {'g', kNotifyGeneric}, {'$', kNotifyString},   {'l', kNotifyList},     {'s', kNotifySet},     {'h', kNotifyHash},
    {'z', kNotifyZset},    {'x', kNotifyExpired},  {'e', kNotifyEvicted},  {'t', kNotifyStream},  {'d', kNotifyModule},
    {'n', kNotifyNewKey},  {'K', kNotifyKeyspace}, {'E', kNotifyKeyevent}, {'m', kNotifyKeyMiss},
};

Status ParseNotify(Config& config, std::span<const std::string> words, bool) {
  if (words.size() != 1) return Reason("wrong number of arguments");
  uint32_t flags = 0;
  for (const char letter : words[0]) {
    if (letter == 'A') {
      flags |= kNotifyAll;
      continue;
    }
    const auto* found = std::ranges::find(kNotifyLetters, letter, &NotifyLetter::letter);
    if (found == std::end(kNotifyLetters)) {
      return Reason("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
    }
    flags |= found->bits;
  }
  config.notify_keyspace_events = flags;
  return Status::Ok();
}

std::string FormatNotify(const Config& config) { return NotifyFlagsText(config.notify_keyspace_events); }

// --- oom-score-adj-values ---

constexpr int64_t kOomScoreMax = 2000;

Status ParseOomValues(Config& config, std::span<const std::string> words, bool) {
  if (words.size() != config.oom_score_adj_values.size()) return Reason("wrong number of arguments");
  std::array<int32_t, 3> values{};
  for (size_t i = 0; i < words.size(); ++i) {
    int64_t value = 0;
    if (!TryParseInt64(words[i], value) || value < -kOomScoreMax || value > kOomScoreMax) {
      return Reason("Invalid oom-score-adj-values, elements must be between -2000 and 2000.");
    }
    values[i] = static_cast<int32_t>(value);
  }
  config.oom_score_adj_values = values;
  return Status::Ok();
}

std::string FormatOomValues(const Config& config) {
  return Joined(config.oom_score_adj_values, [](std::string& text, int32_t value) { AppendInt64(text, value); });
}

std::vector<std::string> OomValuesLines(const Config& config, const Config&) { return {FormatOomValues(config)}; }

// --- latency-tracking-info-percentiles ---

Status ParsePercentiles(Config& config, std::span<const std::string> words, bool) {
  if (IsSingleEmptyWord(words)) words = {};
  if (words.size() > kPercentilesMax) return Reason("Invalid latency-tracking-info-percentiles parameters");
  std::vector<double> values;
  for (const std::string& word : words) {
    double value = 0;
    if (!TryParseDouble(word, value)) return Reason("Invalid latency-tracking-info-percentiles parameters");
    if (value < 0 || value > 100) {
      return Reason("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]");
    }
    values.push_back(value);
  }
  config.latency_tracking_info_percentiles = std::move(values);
  return Status::Ok();
}

// Six decimals at most, as redis-server shows them.
std::string FormatPercentiles(const Config& config) {
  return Joined(config.latency_tracking_info_percentiles, [](std::string& text, double value) {
    AppendFixed(text, value, 6);
    text.erase(text.find_last_not_of('0') + 1);
    if (text.ends_with('.')) text.pop_back();
  });
}

std::vector<std::string> PercentileLines(const Config& config, const Config&) {
  if (config.latency_tracking_info_percentiles.empty()) return {"\"\""};
  return {FormatPercentiles(config)};
}

// --- replicaof ---

Status ParseReplicaof(Config& config, std::span<const std::string> words, bool) {
  if (words.size() == 1 && words[0].empty()) {
    config.replicaof = {};
    return Status::Ok();
  }
  if (words.size() != 2) return Reason("wrong number of arguments");
  if (LowerCased(words[0]) == "no" && LowerCased(words[1]) == "one") {
    config.replicaof = {};
    return Status::Ok();
  }
  int64_t port = 0;
  if (!TryParseInt64(words[1], port) || port < 0 || port > 65535) return Reason("Invalid master port");
  config.replicaof = {words[0], port};
  return Status::Ok();
}

std::string FormatReplicaof(const Config& config) {
  if (config.replicaof.host.empty()) return {};
  return fmt::format("{} {}", config.replicaof.host, config.replicaof.port);
}

std::vector<std::string> ReplicaofLines(const Config& config, const Config&) {
  if (config.replicaof.host.empty()) return {};
  return {FormatReplicaof(config)};
}

// --- engine-version ---

Status ParseEngineVersion(Config& config, std::span<const std::string> words, bool) {
  if (words.size() != 1) return Reason("wrong number of arguments");
  const std::optional<EngineVersion> version = EngineVersion::Parse(words[0]);
  if (!version) return Reason("argument must be one of the following: " + EngineVersion::KnownLines());
  config.engine_version = *version;
  return Status::Ok();
}

std::string FormatEngineVersion(const Config& config) { return config.engine_version.Text(); }

std::vector<std::string> EngineVersionLines(const Config& config, const Config&) {
  return {config.engine_version.Text()};
}

}  // namespace

const SpecialOption kAllowCidr{ParseAllowCidr, FormatAllowCidr, AllowCidrLines};
const SpecialOption kBind{ParseBind, FormatBind, BindLines};
const SpecialOption kSave{ParseSave, FormatSave, SaveLines, true};
const SpecialOption kClientOutputBufferLimit{ParseOutputLimits, FormatOutputLimits, OutputLimitLines};
const SpecialOption kDir{ParseDir, FormatDir, DirLines, true};
const SpecialOption kNotifyKeyspaceEvents{ParseNotify, FormatNotify};
const SpecialOption kOomScoreAdjValues{ParseOomValues, FormatOomValues, OomValuesLines};
const SpecialOption kLatencyTrackingInfoPercentiles{ParsePercentiles, FormatPercentiles, PercentileLines};
const SpecialOption kReplicaof{ParseReplicaof, FormatReplicaof, ReplicaofLines};
const SpecialOption kEngineVersion{ParseEngineVersion, FormatEngineVersion, EngineVersionLines};

std::string NotifyFlagsText(uint32_t flags) {
  std::string text;
  uint32_t left = flags;
  if ((flags & kNotifyAll) == kNotifyAll) {
    text.push_back('A');
    left &= ~static_cast<uint32_t>(kNotifyAll | kNotifyNewKey);  // As in Redis, n is not shown beside A.
  }
  for (const NotifyLetter& letter : kNotifyLetters) {
    if ((left & letter.bits) != 0) text.push_back(letter.letter);
  }
  return text;
}

std::string RefuseDbFilename(std::string_view value) {
  return value.find('/') == std::string_view::npos ? "" : "dbfilename can't be a path, just a filename";
}

std::string RefuseAppendFilename(std::string_view value) {
  if (value.empty()) return "appendfilename can't be empty";
  return value.find('/') == std::string_view::npos ? "" : "appendfilename can't be a path, just a filename";
}

std::string RefuseAppendDirname(std::string_view value) {
  if (value.empty()) return "appenddirname can't be empty";
  return value.find('/') == std::string_view::npos ? "" : "appenddirname can't be a path, just a dirname";
}

std::string RefuseTitleTemplate(std::string_view value) {
  constexpr std::string_view kKnown[] = {"title",    "listen-addr", "server-mode", "port",
                                         "tls-port", "unixsocket",  "config-file"};
  constexpr const char* kBad = "template format is invalid or contains unknown variables";
  for (size_t open = value.find('{'); open != std::string_view::npos; open = value.find('{', open)) {
    const size_t close = value.find('}', open);
    if (close == std::string_view::npos) return kBad;
    if (std::ranges::find(kKnown, value.substr(open + 1, close - open - 1)) == std::end(kKnown)) return kBad;
    open = close;
  }
  return {};
}

std::string RefuseHostname(std::string_view value) {
  if (value.size() >= kHostnameBytesMax) return "Hostnames must be less than 256 characters";
  const bool valid = std::ranges::all_of(value, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
  return valid ? "" : "Hostnames may only contain alphanumeric characters, hyphens or dots";
}

std::string RefuseS3Location(std::string_view value) {
  if (value.empty()) return {};
  const Result<S3Location> location = ParseS3Location(value);
  return location ? std::string() : std::string(location.status().text());
}

}  // namespace cachenode
