// BITFIELD: integers of any width anywhere in a string.
#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include "protocol/resp_writer.h"
#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/config/config.h"
#include "storage/base/bit_field.h"
#include "storage/base/bytes.h"

namespace cachenode {
namespace {

enum class FieldVerb : uint8_t { kGet, kSet, kIncrby };

struct FieldOperation {
  FieldVerb verb;
  BitFieldType type;
  BitOverflow overflow;
  uint64_t offset;  // In bits.
  int64_t operand;  // Of SET and INCRBY.
};

struct FieldRequest {
  std::vector<FieldOperation> operations;
  bool writes = false;
  size_t bytes_min = 0;  // How long the string has to be for what is written.
};

// "i8", "u63".
Result<BitFieldType> ParseType(std::string_view text) {
  const bool is_signed = !text.empty() && text.front() == 'i';
  int64_t bits = 0;
  const bool fits = (is_signed || (!text.empty() && text.front() == 'u')) && TryParseInt64(text.substr(1), bits) &&
                    bits >= 1 && bits <= (is_signed ? 64 : 63);
  if (fits) return BitFieldType{is_signed, static_cast<uint8_t>(bits)};
  return Status::Text(
      "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.");
}

// A bit offset; "#n" counts fields of this type.
Result<uint64_t> ParseFieldOffset(const CommandContext& context, std::string_view text, BitFieldType type) {
  const bool in_fields = !text.empty() && text.front() == '#';
  int64_t offset = 0;
  if (!TryParseInt64(in_fields ? text.substr(1) : text, offset) || offset < 0) return Err::kBitOffset;
  if (in_fields && __builtin_mul_overflow(offset, int64_t{type.bits}, &offset)) return Err::kBitOffset;
  if (offset / 8 >= context.config().proto_max_bulk_len) return Err::kBitOffset;
  return static_cast<uint64_t>(offset);
}

Result<BitOverflow> ParseOverflow(std::string_view text) {
  if (EqualsIgnoreCase(text, "wrap")) return BitOverflow::kWrap;
  if (EqualsIgnoreCase(text, "sat")) return BitOverflow::kSaturate;
  if (EqualsIgnoreCase(text, "fail")) return BitOverflow::kFail;
  return Status::Text("ERR Invalid OVERFLOW type specified");
}

// The arguments behind GET, SET or INCRBY.
Status ParseOperation(const CommandContext& context, ArgParser& parser, FieldVerb verb, BitOverflow overflow,
                      FieldRequest& request) {
  Result<BitFieldType> type = ParseType(parser.NextString());
  if (!type) return type.error();
  Result<uint64_t> offset = ParseFieldOffset(context, parser.NextString(), *type);
  if (!offset) return offset.error();
  FieldOperation operation{verb, *type, overflow, *offset, 0};
  if (verb != FieldVerb::kGet) {
    operation.operand = parser.NextInt64();
    if (parser.failed()) return parser.Finish();
    request.writes = true;
    request.bytes_min = std::max(request.bytes_min, static_cast<size_t>((*offset + type->bits + 7) / 8));
  }
  request.operations.push_back(operation);
  return Status::Ok();
}

Status ParseRequest(const CommandContext& context, Args args, FieldRequest& request) {
  ArgParser parser(args, 2);
  BitOverflow overflow = BitOverflow::kWrap;
  while (parser.HasNext()) {
    std::optional<FieldVerb> verb;
    if (parser.Match("get", 2)) {
      verb = FieldVerb::kGet;
    } else if (parser.Match("set", 3)) {
      verb = FieldVerb::kSet;
    } else if (parser.Match("incrby", 3)) {
      verb = FieldVerb::kIncrby;
    } else if (parser.Match("overflow", 1)) {
      Result<BitOverflow> parsed = ParseOverflow(parser.NextString());
      if (!parsed) return parsed.error();
      overflow = *parsed;
      continue;
    } else {
      return Err::kSyntax;
    }
    if (Status error = ParseOperation(context, parser, *verb, overflow, request); !error.ok()) return error;
  }
  return Status::Ok();
}

Status ReadFields(CommandContext& context, Args args, const FieldRequest& request) {
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kString); !error.ok()) return error;
  StringScratch scratch;
  const std::string_view bytes = slot.Exists() ? slot.ReadString(scratch) : std::string_view();
  context.reply().ArrayHeader(request.operations.size());
  for (const FieldOperation& operation : request.operations) {
    context.reply().Integer(LoadBitField(bytes, operation.offset, operation.type));
  }
  return Status::Ok();
}

// What an operation finds and leaves.
struct FieldOutcome {
  int64_t before;
  std::optional<int64_t> after;  // Nothing when OVERFLOW FAIL refused.
  [[nodiscard]] bool Changes() const { return after.has_value() && *after != before; }
};

FieldOutcome Evaluate(std::string_view bytes, const FieldOperation& operation) {
  const int64_t before = LoadBitField(bytes, operation.offset, operation.type);
  switch (operation.verb) {
    case FieldVerb::kGet:
      break;
    case FieldVerb::kSet:
      return {before, FitIntoBitField(operation.operand, operation.type, operation.overflow)};
    case FieldVerb::kIncrby:
      return {before, AddToBitField(before, operation.operand, operation.type, operation.overflow)};
  }
  return {before, before};
}

void WriteOutcome(RespWriter& reply, const FieldOperation& operation, const FieldOutcome& outcome) {
  if (outcome.after) {
    reply.Integer(operation.verb == FieldVerb::kIncrby ? *outcome.after : outcome.before);
  } else {
    reply.Null();
  }
}

// Replies from bytes that no operation changes.
void ReplyUnchanged(RespWriter& reply, std::string_view bytes, const FieldRequest& request) {
  reply.ArrayHeader(request.operations.size());
  for (const FieldOperation& operation : request.operations) {
    WriteOutcome(reply, operation, Evaluate(bytes, operation));
  }
}

// `is_told`: whether others hear of it.
Status WriteFields(CommandContext& context, Args args, const FieldRequest& request, bool& is_told) {
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = slot.Require(ValueType::kString); !error.ok()) return error;
  StringScratch scratch;
  const std::string_view old = slot.Exists() ? slot.ReadString(scratch) : std::string_view();
  const bool grows = request.bytes_min > old.size();
  // Until one changes something, all see the old bytes.
  const bool changes =
      std::any_of(request.operations.begin(), request.operations.end(),
                  [old](const FieldOperation& operation) { return Evaluate(old, operation).Changes(); });
  if (!grows && !changes) {
    ReplyUnchanged(context.reply(), old, request);
    return Status::Ok();
  }
  // Bytes of zeros made for what OVERFLOW FAIL refused are no event, and no change to those who watch.
  const KeyEvents::Unwatched unwatched(context.events());
  Result<std::span<char>> bytes = slot.EditString(std::max(old.size(), request.bytes_min));
  if (!bytes) return bytes.error();
  bool any_done = false;
  context.reply().ArrayHeader(request.operations.size());
  for (const FieldOperation& operation : request.operations) {
    const FieldOutcome outcome = Evaluate({bytes->data(), bytes->size()}, operation);
    WriteOutcome(context.reply(), operation, outcome);
    if (outcome.Changes()) StoreBitField(*bytes, operation.offset, operation.type, *outcome.after);
    any_done |= outcome.after.has_value() && operation.verb != FieldVerb::kGet;
  }
  is_told = changes || (grows && any_done);
  return Status::Ok();
}

Status WriteAndTell(CommandContext& context, Args args, const FieldRequest& request) {
  bool is_told = false;
  Status status = WriteFields(context, args, request, is_told);
  if (is_told) {
    context.events().BeforeChange(context.db(), args[1]);
    context.Notify(kNotifyString, "setbit", args[1]);
  }
  return status;
}

// BITFIELD key [GET type offset | [OVERFLOW WRAP | SAT | FAIL] SET type offset value | INCRBY type offset increment]...
// -> one number for each: what was read, what a SET replaced, what an INCRBY made; nil where OVERFLOW FAIL refused.
Status Bitfield(CommandContext& context, Args args) {
  FieldRequest request;
  if (Status error = ParseRequest(context, args, request); !error.ok()) return error;
  return request.writes ? WriteAndTell(context, args, request) : ReadFields(context, args, request);
}

// BITFIELD_RO key [GET type offset]... -> the numbers.
Status BitfieldRo(CommandContext& context, Args args) {
  FieldRequest request;
  if (Status error = ParseRequest(context, args, request); !error.ok()) return error;
  if (request.writes) return Status::Text("ERR BITFIELD_RO only supports the GET subcommand");
  return ReadFields(context, args, request);
}

// BITFIELD with nothing but GETs only reads its key.
KeySearch FindBitfieldKeys(Args args, std::vector<KeyPosition>& positions) {
  bool only_reads = true;
  for (size_t i = 2; i < args.size() && only_reads; ++i) {
    const size_t left = args.size() - i - 1;
    if (EqualsIgnoreCase(args[i], "get") && left >= 2) {
      i += 2;
    } else if (EqualsIgnoreCase(args[i], "overflow") && left >= 1) {
      i += 1;
    } else {
      only_reads = false;
    }
  }
  const uint16_t reads = kKeyReadOnly | kKeyAccess;
  const uint16_t writes = kKeyReadWrite | kKeyAccess | kKeyUpdate;
  positions.assign(1, {1, only_reads ? reads : writes});
  return KeySearch::kFound;
}

constexpr CommandSpec kBitfieldCommands[] = {
    {.name = "bitfield",
     .arity = -2,
     .flags = kDenyOom | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyAccess | kKeyUpdate | kKeyVariableFlags)),
     .find_keys = FindBitfieldKeys,
     .acl = kAclBitmap,
     .handler = Bitfield,
     .group = CommandGroup::kBitmap,
     .doc =
         {.summary = "Reads, writes and adds integers of any width anywhere in a string.",
          .since = "3.2.0",
          .complexity = "O(1)",
          .arguments =
              "key:key@0 [operation:oneof(get-block:block(encoding:string offset:integer)=GET "
              "write:block([overflow-block:oneof(wrap:pure-token=WRAP sat:pure-token=SAT "
              "fail:pure-token=FAIL)=OVERFLOW] write-operation:oneof(set-block:block(encoding:string offset:integer "
              "value:integer)=SET incrby-block:block(encoding:string offset:integer increment:integer)=INCRBY)))*]"}},
    {.name = "bitfield_ro",
     .arity = -2,
     .flags = kFast | kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclBitmap,
     .handler = BitfieldRo,
     .group = CommandGroup::kBitmap,
     .doc = {.summary = "Reads integers of any width anywhere in a string.",
             .since = "6.0.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 [get-block:block(encoding:string offset:integer)=GET+]"}},
};

}  // namespace

std::span<const CommandSpec> BitfieldCommands() { return kBitfieldCommands; }

}  // namespace cachenode
