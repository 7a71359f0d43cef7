// Strings as arrays of bits.
#include <algorithm>
#include <optional>
#include <string_view>

#include "protocol/resp_writer.h"
#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/index_range.h"
#include "server/config/config.h"
#include "storage/base/bits.h"

namespace cachenode {
namespace {

// A bit offset within what proto-max-bulk-len allows. Error: kBitOffset.
Result<uint64_t> ParseBitOffset(const CommandContext& context, std::string_view text) {
  const Result<int64_t> offset = ParseInt64(text);
  if (!offset || *offset < 0 || *offset / 8 >= context.config().proto_max_bulk_len) return Err::kBitOffset;
  return static_cast<uint64_t>(*offset);
}

// SETBIT key offset value -> the bit that was there.
Status Setbit(CommandContext& context, Args args) {
  Result<uint64_t> offset = ParseBitOffset(context, args[2]);
  if (!offset) return offset.error();
  const bool wants_one = args[3] == "1";
  if (!wants_one && args[3] != "0") return Err::kBitNotInteger;
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = slot.Require(ValueType::kString); !error.ok()) return error;

  const size_t at = static_cast<size_t>(*offset / 8);
  const auto mask = static_cast<uint8_t>(0x80U >> (*offset % 8));
  StringScratch scratch;
  const std::string_view old = slot.Exists() ? slot.ReadString(scratch) : std::string_view();
  const size_t before = old.size();
  if (at < before && ((static_cast<uint8_t>(old[at]) & mask) != 0) == wants_one) {
    context.reply().Integer(wants_one ? 1 : 0);  // Nothing changes, and nobody is told.
    return Status::Ok();
  }
  Result<std::span<char>> bytes = slot.EditString(std::max(before, at + 1));
  if (!bytes) return bytes.error();
  auto byte = static_cast<uint8_t>((*bytes)[at]);
  const bool was_one = (byte & mask) != 0;
  byte = static_cast<uint8_t>(wants_one ? byte | mask : byte & ~mask);
  (*bytes)[at] = static_cast<char>(byte);
  context.Notify(kNotifyString, "setbit", args[1]);
  context.reply().Integer(was_one ? 1 : 0);
  return Status::Ok();
}

// GETBIT key offset -> the bit, 0 beyond the end.
Status Getbit(CommandContext& context, Args args) {
  Result<uint64_t> offset = ParseBitOffset(context, args[2]);
  if (!offset) return offset.error();
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kString); !error.ok()) return error;
  StringScratch scratch;
  const std::string_view bytes = slot.Exists() ? slot.ReadString(scratch) : std::string_view();
  const size_t at = static_cast<size_t>(*offset / 8);
  const bool is_one = at < bytes.size() && (static_cast<uint8_t>(bytes[at]) & (0x80U >> (*offset % 8))) != 0;
  context.reply().Integer(is_one ? 1 : 0);
  return Status::Ok();
}

// A range of BITCOUNT.
struct BitRange {
  bool whole = true;
  bool in_bits = false;
  int64_t start = 0;
  int64_t end = -1;
};

// BYTE or BIT at args[4]; false when something else stands there.
bool ParseUnit(Args args, BitRange& range) {
  if (args.size() < 5) return true;
  range.in_bits = EqualsIgnoreCase(args[4], "bit");
  return range.in_bits || EqualsIgnoreCase(args[4], "byte");
}

// [start [end [BYTE | BIT]]]: newer Valkey engines allow a start alone.
Status ParseBitRange(const CommandContext& context, Args args, BitRange& range) {
  if (args.size() == 2) return Status::Ok();
  range.whole = false;
  const bool may_start_alone = context.config().engine_version.AtLeastValkey(8, 1);
  if ((args.size() == 3 && !may_start_alone) || args.size() > 5) return Err::kSyntax;
  const bool judges_unit_first = context.config().engine_version.AtLeast(7, 2);
  if (judges_unit_first && !ParseUnit(args, range)) return Err::kSyntax;
  Result<int64_t> start = ParseInt64(args[2]);
  if (!start) return start.error();
  range.start = *start;
  if (args.size() == 3) return Status::Ok();
  Result<int64_t> end = ParseInt64(args[3]);
  if (!end) return end.error();
  range.end = *end;
  return ParseUnit(args, range) ? Status::Ok() : Status(Err::kSyntax);
}

// BITCOUNT key [start [end [BYTE | BIT]]] -> how many bits are one.
Status Bitcount(CommandContext& context, Args args) {
  const bool checks_range_first = context.config().engine_version.AtLeast(7, 2);
  BitRange range;
  Status range_error = ParseBitRange(context, args, range);
  if (checks_range_first && !range_error.ok()) return range_error;
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kString); !error.ok()) return error;
  if (!slot.Exists()) {
    context.reply().Integer(0);  // Before 7.2 a bad range of a missing key was no error.
    return Status::Ok();
  }
  if (!range_error.ok()) return range_error;
  StringScratch scratch;
  const std::string_view bytes = slot.ReadString(scratch);
  if (range.whole) {
    context.reply().Integer(static_cast<int64_t>(CountBits(bytes)));
    return Status::Ok();
  }
  const size_t unit_count = range.in_bits ? bytes.size() * 8 : bytes.size();
  const std::optional<IndexRange> found = ResolveRange(range.start, range.end, unit_count);
  uint64_t count = 0;
  if (found) {
    const size_t scale = range.in_bits ? 1 : 8;
    count = CountBitsIn(bytes, found->first * scale, found->last * scale + scale - 1);
  }
  context.reply().Integer(static_cast<int64_t>(count));
  return Status::Ok();
}

// [start [end [BYTE | BIT]]] of BITPOS, each but the unit standing alone too.
Status ParseBitposRange(Args args, BitRange& range, bool& end_given) {
  if (args.size() > 6) return Err::kSyntax;
  if (args.size() == 3) return Status::Ok();
  Result<int64_t> start = ParseInt64(args[3]);
  if (!start) return start.error();
  range.start = *start;
  if (args.size() == 6) {
    range.in_bits = EqualsIgnoreCase(args[5], "bit");
    if (!range.in_bits && !EqualsIgnoreCase(args[5], "byte")) return Err::kSyntax;
  }
  end_given = args.size() >= 5;
  if (!end_given) return Status::Ok();
  Result<int64_t> end = ParseInt64(args[4]);
  if (!end) return end.error();
  range.end = *end;
  return Status::Ok();
}

// The first bit of `bytes` within `range` that equals `wanted`; -1 for none. Without an end, the string counts as
// followed by zeros for ever.
int64_t FindBitIn(std::string_view bytes, const BitRange& range, bool end_given, bool wanted) {
  const size_t unit_count = range.in_bits ? bytes.size() * 8 : bytes.size();
  // Unlike BITCOUNT, two ends before the beginning both stand for the first unit.
  const int64_t furthest_back = -static_cast<int64_t>(unit_count);
  const int64_t start = std::max(range.start, furthest_back);
  const std::optional<IndexRange> units = ResolveRange(start, std::max(range.end, furthest_back), unit_count);
  if (!units) return -1;
  const size_t scale = range.in_bits ? 1 : 8;
  const std::optional<uint64_t> found = FindBit(bytes, units->first * scale, units->last * scale + scale - 1, wanted);
  if (found) return static_cast<int64_t>(*found);
  return wanted || end_given ? -1 : static_cast<int64_t>(bytes.size() * 8);
}

// BITPOS key bit [start [end [BYTE | BIT]]] -> where the first such bit is, -1 for nowhere.
Status Bitpos(CommandContext& context, Args args) {
  Result<int64_t> bit = ParseInt64(args[2]);
  if (!bit) return bit.error();
  if (*bit != 0 && *bit != 1) return Status::Text("ERR The bit argument must be 1 or 0.");
  const bool wanted = *bit == 1;
  const bool checks_range_first = context.config().engine_version.AtLeast(7, 2);
  BitRange range;
  bool end_given = false;
  Status range_error = ParseBitposRange(args, range, end_given);
  if (checks_range_first && !range_error.ok()) return range_error;
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kString); !error.ok()) return error;
  if (!slot.Exists()) {
    context.reply().Integer(wanted ? -1 : 0);  // Before 7.2 a bad range of a missing key was no error.
    return Status::Ok();
  }
  if (!range_error.ok()) return range_error;
  StringScratch scratch;
  context.reply().Integer(FindBitIn(slot.ReadString(scratch), range, end_given, wanted));
  return Status::Ok();
}

constexpr CommandSpec kBitmapCommands[] = {
    {.name = "bitcount",
     .arity = -2,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclBitmap,
     .handler = Bitcount,
     .group = CommandGroup::kBitmap,
     .doc = {.summary = "Counts the bits of a string that are one.",
             .since = "2.6.0",
             .complexity = "O(N)",
             .arguments = "key:key@0 [range:block(start:integer end:integer [unit:oneof(byte:pure-token=BYTE "
                          "bit:pure-token=BIT)!7.0.0])]"}},
    {.name = "bitpos",
     .arity = -3,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclBitmap,
     .handler = Bitpos,
     .group = CommandGroup::kBitmap,
     .doc = {.summary = "Finds the first bit of a string that is one, or zero.",
             .since = "2.8.7",
             .complexity = "O(N)",
             .arguments = "key:key@0 bit:integer [range:block(start:integer [end-unit-block:block(end:integer "
                          "[unit:oneof(byte:pure-token=BYTE bit:pure-token=BIT)!7.0.0])])]"}},
    {.name = "getbit",
     .arity = 3,
     .flags = kFast | kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclBitmap,
     .handler = Getbit,
     .group = CommandGroup::kBitmap,
     .doc = {.summary = "Reads one bit of a string.",
             .since = "2.2.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 offset:integer"}},
    {.name = "setbit",
     .arity = 4,
     .flags = kDenyOom | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyAccess | kKeyUpdate)),
     .acl = kAclBitmap,
     .handler = Setbit,
     .group = CommandGroup::kBitmap,
     .doc = {.summary = "Writes one bit of a string.",
             .since = "2.2.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 offset:integer value:integer"}},
};
}  // namespace

std::span<const CommandSpec> BitmapCommands() { return kBitmapCommands; }

}  // namespace cachenode
