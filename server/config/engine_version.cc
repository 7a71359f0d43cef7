#include "server/config/engine_version.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace cachenode {
namespace {

struct Line {
  EngineFamily family;
  int major;
  int minor;
  int rdb_version;
};

constexpr Line kLines[] = {
    {EngineFamily::kRedis, 2, 8, 6},   {EngineFamily::kRedis, 3, 0, 6},   {EngineFamily::kRedis, 3, 2, 7},
    {EngineFamily::kRedis, 4, 0, 8},   {EngineFamily::kRedis, 5, 0, 9},   {EngineFamily::kRedis, 6, 0, 9},
    {EngineFamily::kRedis, 6, 2, 9},   {EngineFamily::kRedis, 7, 0, 10},  {EngineFamily::kRedis, 7, 2, 11},
    {EngineFamily::kRedis, 7, 4, 12},  {EngineFamily::kValkey, 7, 2, 11}, {EngineFamily::kValkey, 8, 0, 11},
    {EngineFamily::kValkey, 8, 1, 11}, {EngineFamily::kValkey, 9, 0, 80}, {EngineFamily::kValkey, 9, 1, 80},
};
constexpr std::string_view kValkeyPrefix = "valkey-";
constexpr int64_t kPatchMax = 999;

std::string LineText(const Line& line) {
  return fmt::format("{}{}.{}", line.family == EngineFamily::kValkey ? kValkeyPrefix : "", line.major, line.minor);
}

const Line* FindLine(EngineFamily family, int major, int minor) {
  const auto* found = std::ranges::find_if(
      kLines, [&](const Line& line) { return line.family == family && line.major == major && line.minor == minor; });
  return found == std::end(kLines) ? nullptr : found;
}

// "7.0" or "5.0.6" as two or three small numbers; empty when it is anything else.
std::vector<int> ParseNumbers(std::string_view text) {
  std::vector<int> numbers;
  for (;;) {
    const size_t dot = text.find('.');
    int64_t number = 0;
    if (!TryParseInt64(text.substr(0, dot), number) || number < 0 || number > kPatchMax) return {};
    numbers.push_back(static_cast<int>(number));
    if (dot == std::string_view::npos) break;
    text.remove_prefix(dot + 1);
    if (numbers.size() == 3) return {};
  }
  if (numbers.size() < 2) return {};
  return numbers;
}

}  // namespace

std::optional<EngineVersion> EngineVersion::Parse(std::string_view text) {
  EngineVersion version;
  if (text.starts_with(kValkeyPrefix)) {
    version.family_ = EngineFamily::kValkey;
    text.remove_prefix(kValkeyPrefix.size());
  }
  const std::vector<int> numbers = ParseNumbers(text);
  if (numbers.empty() || FindLine(version.family_, numbers[0], numbers[1]) == nullptr) return std::nullopt;
  version.number_ = {numbers[0], numbers[1], numbers.size() > 2 ? numbers[2] : 0};
  return version;
}

std::string EngineVersion::KnownLines() {
  std::string text;
  for (const Line& line : kLines) {
    if (!text.empty()) text.append(", ");
    text.append(LineText(line));
  }
  return text;
}

std::string EngineVersion::Text() const {
  std::string text = LineText({family_, number_.major, number_.minor, 0});
  if (number_.patch != 0) fmt::format_to(std::back_inserter(text), ".{}", number_.patch);
  return text;
}

std::string EngineVersion::RedisVersionText() const {
  if (family_ == EngineFamily::kValkey) return "7.2.4";
  return fmt::format("{}.{}.{}", number_.major, number_.minor, number_.patch);
}

std::string EngineVersion::ValkeyVersionText() const {
  if (family_ != EngineFamily::kValkey) return {};
  return fmt::format("{}.{}.{}", number_.major, number_.minor, number_.patch);
}

int EngineVersion::rdb_version_max() const noexcept {
  return FindLine(family_, number_.major, number_.minor)->rdb_version;
}

}  // namespace cachenode
