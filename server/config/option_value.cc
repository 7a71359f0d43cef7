#include "server/config/option_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "server/config/config.h"
#include "server/config/config_lines.h"
#include "storage/base/bytes.h"
#include "storage/base/numbers.h"
#include "storage/base/quoting.h"

namespace cachenode {
namespace {

constexpr int64_t kHertzMin = 1;
constexpr int64_t kHertzMax = 500;

Status Reason(std::string text) { return Status::WithText(Err::kConfig, std::move(text)); }

std::string NamesText(const OptionSpec& option) {
  std::string text;
  for (const EnumName& name : option.names) {
    if (!text.empty()) text.append(", ");
    text.append(name.name);
  }
  return text;
}

std::string RangeText(const OptionSpec& option) {
  if (option.Has(kOptionUnsigned)) {
    return fmt::format("between {} and {} inclusive", static_cast<uint64_t>(option.min),
                       static_cast<uint64_t>(option.max));
  }
  if (option.type == OptionType::kOctal) return fmt::format("between {:o} and {:o} inclusive", option.min, option.max);
  return fmt::format("between {} and {} inclusive", option.min, option.max);
}

Status CheckRange(const OptionSpec& option, int64_t value) {
  if (option.Has(kOptionUnsigned)) return Status::Ok();  // No row narrows the range of uint64_t.
  if (value >= option.min && value <= option.max) return Status::Ok();
  return Reason("argument must be " + RangeText(option));
}

Result<int64_t> ParseBool(std::string_view word) {
  const std::string lower = LowerCased(word);
  if (lower == "yes") return int64_t{1};
  if (lower == "no") return int64_t{0};
  return Reason("argument must be 'yes' or 'no'");
}

Result<int64_t> ParseMemory(const OptionSpec& option, std::string_view word, std::string_view error) {
  const Result<uint64_t> bytes = ParseMemoryBytes(word);
  if (!bytes) return Reason(std::string(error));
  const bool fits = option.Has(kOptionUnsigned) || *bytes <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  if (!fits) return Reason("argument must be " + RangeText(option));
  return static_cast<int64_t>(*bytes);
}

Result<int64_t> ParseMemoryOrPercent(const OptionSpec& option, std::string_view word) {
  constexpr std::string_view kError = "argument must be a memory or percent value";
  if (!word.ends_with('%')) return ParseMemory(option, word, kError);
  int64_t percent = 0;
  if (!TryParseInt64(word.substr(0, word.size() - 1), percent) || percent < 0) return Reason(std::string(kError));
  if (percent > -option.min) {
    return Reason(fmt::format("percentage argument must be less or equal to {}", -option.min));
  }
  return -percent;
}

Result<int64_t> ParseOctal(std::string_view word) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, 8);
  if (error != std::errc() || end != word.data() + word.size()) {
    return Reason("argument couldn't be parsed as an octal number");
  }
  return value;
}

// One name, or for a list the bits of all of them.
Result<int64_t> ParseNames(const OptionSpec& option, std::span<const std::string> words) {
  int64_t value = 0;
  bool known = !words.empty();
  for (const std::string& word : words) {
    const auto found =
        std::ranges::find(option.names, LowerCased(word), [](const EnumName& name) { return LowerCased(name.name); });
    known = known && found != option.names.end();
    if (!known) break;
    value |= found->value;
  }
  if (!known) return Reason("argument(s) must be one of the following: " + NamesText(option));
  constexpr int64_t kBoth = kShutdownSave | kShutdownNoSave;
  if (option.type == OptionType::kEnumList && (value & kBoth) == kBoth) {
    return Reason("shutdown options SAVE and NOSAVE can't be used simultaneously");
  }
  return value;
}

Result<int64_t> ParseNumber(const OptionSpec& option, std::span<const std::string> words) {
  const std::string& word = words[0];
  switch (option.type) {
    case OptionType::kBool:
      return ParseBool(word);
    case OptionType::kMemory:
      return ParseMemory(option, word, "argument must be a memory value");
    case OptionType::kMemoryOrPercent:
      return ParseMemoryOrPercent(option, word);
    case OptionType::kOctal:
      return ParseOctal(word);
    default:
      break;
  }
  int64_t value = 0;
  if (!TryParseInt64(word, value)) return Reason("argument couldn't be parsed into an integer");
  return value;
}

std::string FormatNames(const OptionSpec& option, int64_t value) {
  std::string text;
  for (const EnumName& name : option.names) {
    const bool is_list = option.type == OptionType::kEnumList;
    const bool matches = is_list && value != 0 ? (value & name.value) != 0 : value == name.value;
    if (!matches) continue;
    if (!text.empty()) text.push_back(' ');
    text.append(name.name);
    if (!is_list) break;
  }
  return text;
}

bool IsNumeric(OptionType type) { return type != OptionType::kString && type != OptionType::kSpecial; }

Status SetNumber(const OptionSpec& option, Config& config, std::span<const std::string> words) {
  const bool is_enum = option.type == OptionType::kEnum || option.type == OptionType::kEnumList;
  Result<int64_t> value = is_enum ? ParseNames(option, words) : ParseNumber(option, words);
  if (!value) return value.error();
  if (!is_enum) {
    Status range = CheckRange(option, *value);
    if (!range) return range;
  }
  option.field.set_number(config, *value);
  return Status::Ok();
}

}  // namespace

Status ParseOption(const OptionSpec& option, Config& config, std::span<const std::string> words, bool add) {
  if (!option.Has(kOptionManyWords) && words.size() != 1) return Reason("wrong number of arguments");
  if (option.special != nullptr) return option.special->parse(config, words, add);
  if (IsNumeric(option.type)) return SetNumber(option, config, words);

  if (option.refuse != nullptr) {
    std::string reason = option.refuse(words[0]);
    if (!reason.empty()) return Reason(std::move(reason));
  }
  option.field.set_text(config, words[0]);
  return Status::Ok();
}

std::vector<std::string> ValueWords(const OptionSpec& option, std::string_view value) {
  if (option.Has(kOptionManyWords) && !value.empty()) return SplitAtSpaces(value);
  return {std::string(value)};
}

std::string FormatOption(const OptionSpec& option, const Config& config) {
  if (option.special != nullptr) return option.special->format(config);
  if (option.type == OptionType::kString) return option.field.text(config);
  const int64_t value = option.field.number(config);
  switch (option.type) {
    case OptionType::kBool:
      return value != 0 ? "yes" : "no";
    case OptionType::kEnum:
    case OptionType::kEnumList:
      return FormatNames(option, value);
    case OptionType::kOctal:
      return fmt::format("{:o}", value);
    case OptionType::kMemoryOrPercent:
      if (value < 0) return fmt::format("{}%", -value);
      break;
    default:
      break;
  }
  if (option.Has(kOptionUnsigned)) return fmt::format("{}", static_cast<uint64_t>(value));
  return fmt::format("{}", value);
}

std::vector<std::string> RewriteValues(const OptionSpec& option, const Config& config, const Config& defaults) {
  if (option.special != nullptr && option.special->lines != nullptr) return option.special->lines(config, defaults);
  const bool is_memory = option.type == OptionType::kMemory || option.type == OptionType::kMemoryOrPercent;
  const int64_t number = IsNumeric(option.type) ? option.field.number(config) : 0;
  if (is_memory && (number > 0 || option.Has(kOptionUnsigned))) {
    return {FormatMemoryBytes(static_cast<uint64_t>(number))};
  }
  std::string value = FormatOption(option, config);
  if (IsNumeric(option.type)) return {std::move(value)};
  std::string quoted;
  AppendQuoted(quoted, value);
  return {std::move(quoted)};
}

std::string AllowedValues(const OptionSpec& option) {
  switch (option.type) {
    case OptionType::kBool:
      return "allowed: yes, no";
    case OptionType::kEnum:
      return "allowed: " + NamesText(option);
    case OptionType::kEnumList:
      return "allowed, one or more of: " + NamesText(option);
    case OptionType::kInteger:
      return "allowed: a number " + RangeText(option);
    case OptionType::kOctal:
      return "allowed: an octal number " + RangeText(option);
    case OptionType::kMemory:
      return "allowed: bytes " + RangeText(option) + ", with an optional unit k, kb, m, mb, g or gb";
    case OptionType::kMemoryOrPercent:
      return fmt::format("allowed: bytes with an optional unit k, kb, m, mb, g or gb, or 0% to {}%", -option.min);
    case OptionType::kString:
    case OptionType::kSpecial:
      break;
  }
  return {};
}

std::string RefusedByFeature(const OptionSpec& option, const Config& config, const Config& defaults) {
  if (!option.Has(kOptionNeedsFeature) || FeatureIsBuilt(option.feature)) return {};
  if (FormatOption(option, config) == FormatOption(option, defaults)) return {};
  return fmt::format("{} is not built into this server yet, so '{}' cannot be used", FeatureName(option.feature),
                     option.name);
}

void ClampOptions(Config& config) { config.hz = std::clamp(config.hz, kHertzMin, kHertzMax); }

}  // namespace cachenode
