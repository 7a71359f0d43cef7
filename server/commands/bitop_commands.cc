// BITOP: strings combined bit by bit into another.
#include <algorithm>
#include <cstring>
#include <iterator>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/resp_writer.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "storage/base/bits.h"
#include "storage/base/bytes.h"

namespace cachenode {
namespace {

constexpr size_t kFirstSource = 3;
// The result is made in pieces that stay in the processor's cache while source after source is combined with them.
constexpr size_t kPieceBytes = size_t{16} * 1024;

struct BitopKind {
  std::string_view name;
  BitOperation operation;
  bool inverts;  // NOT: of one source.
};

constexpr BitopKind kBitopKinds[] = {
    {"and", BitOperation::kAnd, false},
    {"or", BitOperation::kOr, false},
    {"xor", BitOperation::kXor, false},
    {"not", BitOperation::kXor, true},
};

// The part of `bytes` in [from, from + size).
std::string_view PieceOf(std::string_view bytes, size_t from, size_t size) {
  return from < bytes.size() ? bytes.substr(from, size) : std::string_view();
}

// Writes bytes [from, from + size) of the result to `to`. Behind its end a source counts as zeros.
void CombinePiece(const BitopKind& kind, const std::vector<std::string_view>& sources, size_t from, char* to,
                  size_t size) {
  std::string_view piece = PieceOf(sources.front(), from, size);
  if (kind.inverts) {
    InvertBits(to, piece.data(), piece.size());
    return;
  }
  if (!piece.empty()) std::memcpy(to, piece.data(), piece.size());
  std::memset(to + piece.size(), 0, size - piece.size());
  for (size_t i = 1; i < sources.size(); ++i) {
    piece = PieceOf(sources[i], from, size);
    CombineBits(kind.operation, to, piece.data(), piece.size());
    if (kind.operation == BitOperation::kAnd) std::memset(to + piece.size(), 0, size - piece.size());
  }
}

// Stores `result` at `key` as the bytes they are: even digits or a short string count as raw.
Status StoreResult(CommandContext& context, std::string_view key, ByteBlockRef result) {
  KeySlot slot = context.FindForWrite(key);
  if (Status status = slot.WriteBlock(std::move(result), Expiry::kClear); !status.ok()) return status;
  if (slot.EncodingName() != "raw") {
    if (Result<std::span<char>> bytes = slot.EditString(slot.StringSize()); !bytes) return bytes.error();
  }
  context.Notify(kNotifyString, "set", key);
  return Status::Ok();
}

// All keys are looked up before the first is read: a look-up may erase an expired key and move others.
Status FindSources(CommandContext& context, Args args, std::vector<KeySlot>& slots) {
  slots.reserve(args.size() - kFirstSource);
  for (size_t i = kFirstSource; i < args.size(); ++i) {
    slots.push_back(context.FindForRead(args[i]));
    if (Status error = slots.back().Require(ValueType::kString); !error.ok()) return error;
  }
  return Status::Ok();
}

// BITOP operation destination key [key...] -> length of the result, which is stored at destination. An empty result
// erases it.
Status Bitop(CommandContext& context, Args args) {
  const auto* const kind = std::find_if(std::begin(kBitopKinds), std::end(kBitopKinds),
                                        [&](const BitopKind& known) { return EqualsIgnoreCase(args[1], known.name); });
  if (kind == std::end(kBitopKinds)) return Err::kSyntax;
  if (kind->inverts && args.size() != kFirstSource + 1) {
    return Status::Text("ERR BITOP NOT must be called with a single source key.");
  }
  std::vector<KeySlot> slots;
  if (Status error = FindSources(context, args, slots); !error.ok()) return error;
  std::vector<StringScratch> scratches(slots.size());
  std::vector<std::string_view> sources(slots.size());
  size_t size = 0;
  for (size_t i = 0; i < slots.size(); ++i) {
    if (slots[i].Exists()) sources[i] = slots[i].ReadString(scratches[i]);
    size = std::max(size, sources[i].size());
  }
  if (size == 0) {
    KeySlot slot = context.FindForWrite(args[2]);
    if (slot.Exists()) {
      slot.Erase();
      context.Notify(kNotifyGeneric, "del", args[2]);
    }
    context.reply().Integer(0);
    return Status::Ok();
  }
  ByteBlockRef result = ByteBlockRef::Create(size);
  if (!result) return Err::kOutOfMemory;
  for (size_t from = 0; from < size; from += kPieceBytes) {
    CombinePiece(*kind, sources, from, result->mutable_data() + from, std::min(kPieceBytes, size - from));
  }
  if (Status error = StoreResult(context, args[2], std::move(result)); !error.ok()) return error;
  context.reply().Integer(static_cast<int64_t>(size));
  return Status::Ok();
}

constexpr CommandSpec kBitopCommands[] = {
    {.name = "bitop",
     .arity = -4,
     .flags = kDenyOom | kWrite,
     .keys = KeySpecs(KeySpec::One(2, kKeyOverwrite | kKeyUpdate), KeySpec::Range(3, -1, 1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclBitmap,
     .handler = Bitop,
     .group = CommandGroup::kBitmap,
     .doc = {.summary = "Combines strings bit by bit and stores the result.",
             .since = "2.6.0",
             .complexity = "O(N)",
             .arguments = "operation:oneof(and:pure-token=AND or:pure-token=OR xor:pure-token=XOR not:pure-token=NOT) "
                          "destkey:key@0 key:key@1*"}},
};

}  // namespace

std::span<const CommandSpec> BitopCommands() { return kBitopCommands; }

}  // namespace cachenode
