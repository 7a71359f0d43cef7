// How the rows of the option table are written: one maker for each type, refined by calls in a chain.
//
//   Integer<&Config::timeout>("timeout", "0", {0, kInt32Max}).In(Unit::kSeconds).Applies(ApplyGroup::kClients),
//
// Thread-safety: compile-time only. Included by the option_rows_*.cc files alone.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <type_traits>

#include "server/config/option_table.h"
#include "server/config/special_options.h"

namespace cachenode {

inline constexpr int64_t kInt32Min = std::numeric_limits<int32_t>::min();
inline constexpr int64_t kInt32Max = std::numeric_limits<int32_t>::max();
inline constexpr int64_t kUint32Max = std::numeric_limits<uint32_t>::max();
inline constexpr int64_t kInt64Max = std::numeric_limits<int64_t>::max();

// A row being written.
struct OptionRow : OptionSpec {
  // The spelling of older redis-servers; CONFIG GET patterns match it too.
  constexpr OptionRow Alias(std::string_view alias) const {
    OptionRow row = *this;
    row.aliases[kOldAlias] = alias;
    return row;
  }
  // A spelling redis-server 7.0 does not know; only its exact name finds it.
  constexpr OptionRow NewerAlias(std::string_view alias) const {
    OptionRow row = *this;
    row.aliases[kNewAlias] = alias;
    return row;
  }
  constexpr OptionRow Flags(uint32_t more) const {
    OptionRow row = *this;
    row.flags |= more;
    return row;
  }
  constexpr OptionRow In(Unit in_unit) const {
    OptionRow row = *this;
    row.unit = in_unit;
    return row;
  }
  constexpr OptionRow Applies(ApplyGroup group) const {
    OptionRow row = *this;
    row.apply = group;
    return row;
  }
  constexpr OptionRow Of(Feature of_feature) const {
    OptionRow row = *this;
    row.feature = of_feature;
    return row;
  }
  constexpr OptionRow RefusedBy(std::string (*check)(std::string_view)) const {
    OptionRow row = *this;
    row.refuse = check;
    return row;
  }
};

struct OptionRange {
  int64_t min;
  int64_t max;
};

template <auto kField>
struct OptionField {
  static int64_t Number(const Config& config) { return static_cast<int64_t>(config.*kField); }
  static void SetNumber(Config& config, int64_t value) {
    using Field = std::remove_reference_t<decltype(config.*kField)>;
    config.*kField = static_cast<Field>(value);
  }
  static const std::string& Text(const Config& config) { return config.*kField; }
  static void SetText(Config& config, std::string_view value) { config.*kField = value; }
};

template <auto kField>
constexpr OptionRow NumberRow(std::string_view name, std::string_view default_text, OptionType type,
                              OptionRange range) {
  OptionRow row;
  row.name = name;
  row.default_text = default_text;
  row.type = type;
  row.min = range.min;
  row.max = range.max;
  row.field.number = OptionField<kField>::Number;
  row.field.set_number = OptionField<kField>::SetNumber;
  return row;
}

template <auto kField>
constexpr OptionRow Bool(std::string_view name, std::string_view default_text) {
  return NumberRow<kField>(name, default_text, OptionType::kBool, {0, 1});
}

template <auto kField>
constexpr OptionRow Integer(std::string_view name, std::string_view default_text, OptionRange range) {
  return NumberRow<kField>(name, default_text, OptionType::kInteger, range);
}

template <auto kField>
constexpr OptionRow Memory(std::string_view name, std::string_view default_text, OptionRange range) {
  return NumberRow<kField>(name, default_text, OptionType::kMemory, range).In(Unit::kBytes);
}

// Memory over the whole range of uint64_t.
template <auto kField>
constexpr OptionRow Unsigned(std::string_view name, std::string_view default_text) {
  return Memory<kField>(name, default_text, {0, -1}).Flags(kOptionUnsigned);
}

template <auto kField>
constexpr OptionRow MemoryOrPercent(std::string_view name, std::string_view default_text, OptionRange range) {
  return NumberRow<kField>(name, default_text, OptionType::kMemoryOrPercent, range).In(Unit::kBytes);
}

template <auto kField>
constexpr OptionRow Octal(std::string_view name, std::string_view default_text, OptionRange range) {
  return NumberRow<kField>(name, default_text, OptionType::kOctal, range);
}

template <auto kField>
constexpr OptionRow Enum(std::string_view name, std::string_view default_text, std::span<const EnumName> names) {
  OptionRow row = NumberRow<kField>(name, default_text, OptionType::kEnum, {0, 0});
  row.names = names;
  return row;
}

template <auto kField>
constexpr OptionRow EnumList(std::string_view name, std::string_view default_text, std::span<const EnumName> names) {
  OptionRow row = NumberRow<kField>(name, default_text, OptionType::kEnumList, {0, 0});
  row.names = names;
  return row;
}

template <auto kField>
constexpr OptionRow Text(std::string_view name, std::string_view default_text) {
  OptionRow row;
  row.name = name;
  row.default_text = default_text;
  row.type = OptionType::kString;
  row.field.text = OptionField<kField>::Text;
  row.field.set_text = OptionField<kField>::SetText;
  return row;
}

constexpr OptionRow Special(std::string_view name, std::string_view default_text, const SpecialOption& special) {
  OptionRow row;
  row.name = name;
  row.default_text = default_text;
  row.special = &special;
  return row;
}

// The parts the table is joined from.
std::span<const OptionSpec> ServerOptionRows();
std::span<const OptionSpec> DataOptionRows();
std::span<const OptionSpec> NodeOptionRows();
std::span<const OptionSpec> SnapshotOptionRows();
std::span<const OptionSpec> NotifyOptionRows();
std::span<const OptionSpec> ParameterOptionRows();
std::span<const OptionSpec> TlsOptionRows();
std::span<const OptionSpec> UnbuiltOptionRows();

}  // namespace cachenode
