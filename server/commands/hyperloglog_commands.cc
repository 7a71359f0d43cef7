// HyperLogLogs: strings that estimate how many different elements were counted in them.
#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/resp_writer.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/persistence_service.h"
#include "storage/base/bytes.h"
#include "storage/base/numbers.h"
#include "storage/value/hyperloglog.h"
#include "storage/value/value_limits.h"

namespace cachenode {
namespace {

Status Corrupted() { return Status::Text("INVALIDOBJ Corrupted HLL object detected"); }

// Whether the key, if it exists, holds something that begins as a HyperLogLog.
Status RequireHyperLogLog(const KeySlot& slot) {
  if (Status error = slot.Require(ValueType::kString); !error.ok()) return error;
  if (!slot.Exists()) return Status::Ok();
  StringScratch scratch;
  if (IsHyperLogLog(slot.ReadString(scratch))) return Status::Ok();
  return Status::Text("WRONGTYPE Key is not a valid HyperLogLog string value.");
}

// The bytes of a key that RequireHyperLogLog accepted: they are never an integer.
std::string_view ReadHyperLogLog(const KeySlot& slot) {
  StringScratch unused;
  return slot.ReadString(unused);
}

// Makes `bytes` the string of the key, as raw bytes; the deadline stays.
Status StoreBytes(KeySlot& slot, std::string_view bytes) {
  Result<std::span<char>> room = slot.EditString(bytes.size());
  if (!room) return room.error();
  std::copy(bytes.begin(), bytes.end(), room->begin());
  return Status::Ok();
}

// --- PFADD ------------------------------------------------------------------------------------------------------

// The elements from the first one on that raises a register: most additions raise none and leave the key alone.
// Error: kText when the runs do not reach a register.
Result<Args> FromFirstChange(HyperLogLogView hll, Args elements) {
  for (size_t i = 0; i < elements.size(); ++i) {
    const HllPlace place = HllPlaceOf(elements[i]);
    const std::optional<uint8_t> value = hll.Register(place.index);
    if (!value) return Corrupted();
    if (*value < place.value) return elements.subspan(i);
  }
  return Args();
}

Status AddToDense(KeySlot& slot, Args elements) {
  Result<std::span<char>> bytes = slot.EditString(kHllDenseBytes);
  if (!bytes) return bytes.error();
  for (const std::string_view element : elements) RaiseDenseRegister(bytes->data(), HllPlaceOf(element));
  DropCachedEstimate(bytes->data());
  return Status::Ok();
}

Status AddToSparse(KeySlot& slot, Args elements) {
  std::string hll = slot.Exists() ? std::string(ReadHyperLogLog(slot)) : MakeHyperLogLog();
  for (const std::string_view element : elements) {
    if (RaiseRegister(hll, HllPlaceOf(element), value_limits.hll_sparse_max_bytes) == HllEdit::kCorrupt) {
      return Corrupted();
    }
  }
  DropCachedEstimate(hll.data());
  return StoreBytes(slot, hll);
}

// PFADD key [element...] -> 1 when the key was created or its estimate may have changed, else 0.
Status Pfadd(CommandContext& context, Args args) {
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = RequireHyperLogLog(slot); !error.ok()) return error;
  Args elements = args.subspan(2);
  bool sparse = true;
  if (slot.Exists()) {
    const HyperLogLogView hll(ReadHyperLogLog(slot));
    sparse = hll.IsSparse();
    Result<Args> changing = FromFirstChange(hll, elements);
    if (!changing) return changing.error();
    if (changing->empty()) {
      context.reply().Integer(0);
      return Status::Ok();
    }
    elements = *changing;
  }
  Status error = sparse ? AddToSparse(slot, elements) : AddToDense(slot, elements);
  if (!error.ok()) return error;
  context.Notify(kNotifyString, "pfadd", args[1]);
  context.reply().Integer(1);
  return Status::Ok();
}

// --- PFCOUNT and PFMERGE ----------------------------------------------------------------------------------------

// Raises `registers` to those of the keys; `any_dense` when one of them is.
Status MergeKeys(CommandContext& context, Args keys, HllRegisters& registers, bool& any_dense) {
  for (const std::string_view key : keys) {
    const KeySlot slot = context.FindForRead(key);
    if (Status error = RequireHyperLogLog(slot); !error.ok()) return error;
    if (!slot.Exists()) continue;
    const HyperLogLogView hll(ReadHyperLogLog(slot));
    any_dense |= !hll.IsSparse();
    if (!hll.MergeInto(registers)) return Corrupted();
  }
  return Status::Ok();
}

Status CountUnion(CommandContext& context, Args keys) {
  const auto registers = std::make_unique<HllRegisters>();
  bool any_dense = false;
  if (Status error = MergeKeys(context, keys, *registers, any_dense); !error.ok()) return error;
  context.reply().Integer(static_cast<int64_t>(EstimateOf(*registers)));
  return Status::Ok();
}

// Leaves the estimate in the string. Not while a snapshot runs: this is a reading command, for which no room to save
// the key was set aside. Without memory for a copy of shared bytes it is not kept either.
void KeepEstimate(CommandContext& context, KeySlot& slot, uint64_t estimate) {
  const PersistenceService* const persistence = context.parts().persistence;
  if (persistence != nullptr && persistence->SnapshotRunning()) return;
  Result<std::span<char>> bytes = slot.EditString(slot.StringSize());
  if (bytes) SetCachedEstimate(bytes->data(), estimate);
}

// PFCOUNT key [key...] -> the estimate for the key, or for the union of several.
Status Pfcount(CommandContext& context, Args args) {
  if (args.size() > 2) return CountUnion(context, args.subspan(1));
  KeySlot slot = context.FindForRead(args[1]);
  if (Status error = RequireHyperLogLog(slot); !error.ok()) return error;
  if (!slot.Exists()) {
    context.reply().Integer(0);
    return Status::Ok();
  }
  const HyperLogLogView hll(ReadHyperLogLog(slot));
  std::optional<uint64_t> estimate = hll.CachedEstimate();
  if (!estimate) {
    estimate = hll.Estimate();
    if (!estimate) return Corrupted();
    KeepEstimate(context, slot, *estimate);
  }
  context.reply().Integer(static_cast<int64_t>(*estimate));
  return Status::Ok();
}

// PFMERGE destination [source...] -> OK. The destination counts as a source; one dense source makes it dense.
Status Pfmerge(CommandContext& context, Args args) {
  const auto registers = std::make_unique<HllRegisters>();
  bool any_dense = false;
  if (Status error = MergeKeys(context, args.subspan(1), *registers, any_dense); !error.ok()) return error;
  KeySlot slot = context.FindForWrite(args[1]);
  std::string merged = slot.Exists() ? std::string(ReadHyperLogLog(slot)) : MakeHyperLogLog();
  if (any_dense && !MakeDense(merged)) return Corrupted();
  for (uint32_t index = 0; index < kHllRegisterCount; ++index) {
    const HllPlace place{index, (*registers)[index]};
    if (place.value == 0) continue;
    if (RaiseRegister(merged, place, value_limits.hll_sparse_max_bytes) == HllEdit::kCorrupt) return Corrupted();
  }
  DropCachedEstimate(merged.data());
  if (Status error = StoreBytes(slot, merged); !error.ok()) return error;
  context.Notify(kNotifyString, "pfadd", args[1]);
  context.reply().Ok();
  return Status::Ok();
}

// --- PFDEBUG and PFSELFTEST -------------------------------------------------------------------------------------

// Makes the key dense; `converted` when it was not.
Status ConvertToDense(KeySlot& slot, bool& converted) {
  converted = HyperLogLogView(ReadHyperLogLog(slot)).IsSparse();
  if (!converted) return Status::Ok();
  std::string hll(ReadHyperLogLog(slot));
  if (!MakeDense(hll)) return Corrupted();
  return StoreBytes(slot, hll);
}

// All registers, of a key that is dense afterwards.
Status DebugRegisters(CommandContext& context, KeySlot& slot) {
  bool converted = false;
  if (Status error = ConvertToDense(slot, converted); !error.ok()) return error;
  const auto registers = std::make_unique<HllRegisters>();
  if (!HyperLogLogView(ReadHyperLogLog(slot)).MergeInto(*registers)) return Corrupted();
  context.reply().ArrayHeader(registers->size());
  for (const uint8_t value : *registers) context.reply().Integer(value);
  return Status::Ok();
}

// PFDEBUG GETREG | DECODE | ENCODING | TODENSE key
Status Pfdebug(CommandContext& context, Args args) {
  KeySlot slot = context.FindForWrite(args[2]);
  if (!slot.Exists()) return Status::Text("ERR The specified key does not exist");
  if (Status error = RequireHyperLogLog(slot); !error.ok()) return error;
  const HyperLogLogView hll(ReadHyperLogLog(slot));
  const std::string_view verb = args[1];
  if (EqualsIgnoreCase(verb, "getreg")) return DebugRegisters(context, slot);
  if (EqualsIgnoreCase(verb, "decode")) {
    if (!hll.IsSparse()) return Status::Text("ERR HLL encoding is not sparse");
    context.reply().Bulk(hll.DescribeRuns());
    return Status::Ok();
  }
  if (EqualsIgnoreCase(verb, "encoding")) {
    context.reply().SimpleString(hll.IsSparse() ? "sparse" : "dense");
    return Status::Ok();
  }
  if (EqualsIgnoreCase(verb, "todense")) {
    bool converted = false;
    if (Status error = ConvertToDense(slot, converted); !error.ok()) return error;
    context.reply().Integer(converted ? 1 : 0);
    return Status::Ok();
  }
  std::string text("ERR Unknown PFDEBUG subcommand '");
  text.append(verb).append("'");
  return Status::Text(std::move(text));
}

constexpr uint64_t kSelfTestElements = 1'000'000;

// Writes random values to dense registers and reads them back.
Status TestRegisters(CommandContext& context) {
  std::string hll = MakeHyperLogLog();
  if (!MakeDense(hll)) return Corrupted();
  const auto expected = std::make_unique<HllRegisters>();
  for (uint32_t index = 0; index < kHllRegisterCount; ++index) {
    (*expected)[index] = static_cast<uint8_t>(context.random().Below(64));
    RaiseDenseRegister(hll.data(), {index, (*expected)[index]});
  }
  const HyperLogLogView view(hll);
  for (uint32_t index = 0; index < kHllRegisterCount; ++index) {
    if (view.Register(index) == (*expected)[index]) continue;
    std::string text("ERR TESTFAILED Register ");
    AppendUint64(text, index);
    text += " should be ";
    AppendUint64(text, (*expected)[index]);
    text += " but is ";
    AppendUint64(text, view.Register(index).value_or(0));
    return Status::Text(std::move(text));
  }
  return Status::Ok();
}

// Whether the estimate for `count` elements is off by more than six standard deviations allow.
Status JudgeEstimate(uint64_t count, uint64_t estimate) {
  const double deviation = 1.04 / std::sqrt(static_cast<double>(kHllRegisterCount));
  const uint64_t error = estimate > count ? estimate - count : count - estimate;
  // Ten elements share a register once in a few hundred tests.
  const uint64_t error_max =
      count <= 10 ? 1 : static_cast<uint64_t>(std::ceil(deviation * 6 * static_cast<double>(count)));
  if (error <= error_max) return Status::Ok();
  std::string text("ERR TESTFAILED Too big error. card:");
  AppendUint64(text, count);
  text += " abserr:";
  AppendUint64(text, error);
  return Status::Text(std::move(text));
}

// Adds numbers from a random one on to a dense and a sparse one, which have to agree, and judges the estimates.
Status TestEstimates(CommandContext& context) {
  std::string dense = MakeHyperLogLog();
  std::string sparse = dense;
  if (!MakeDense(dense)) return Corrupted();
  const auto disagree = [] { return Status::Text("ERR TESTFAILED dense/sparse disagree"); };
  const uint64_t seed = context.random().Next();
  uint64_t checkpoint = 1;
  for (uint64_t count = 1; count <= kSelfTestElements; ++count) {
    std::array<char, sizeof(uint64_t)> element;
    StoreLittleEndian(element.data(), seed ^ count);
    const HllPlace place = HllPlaceOf({element.data(), element.size()});
    const HllEdit expected = RaiseDenseRegister(dense.data(), place) ? HllEdit::kChanged : HllEdit::kUnchanged;
    if (RaiseRegister(sparse, place, value_limits.hll_sparse_max_bytes) != expected) return disagree();
    if (count != checkpoint) continue;
    checkpoint *= 10;
    const std::optional<uint64_t> estimate = HyperLogLogView(dense).Estimate();
    if (estimate != HyperLogLogView(sparse).Estimate()) return disagree();
    if (Status error = JudgeEstimate(count, *estimate); !error.ok()) return error;
  }
  return Status::Ok();
}

// PFSELFTEST -> OK, or what is wrong.
Status Pfselftest(CommandContext& context, Args) {
  if (Status error = TestRegisters(context); !error.ok()) return error;
  if (Status error = TestEstimates(context); !error.ok()) return error;
  context.reply().Ok();
  return Status::Ok();
}

constexpr CommandSpec kHyperLogLogCommands[] = {
    {.name = "pfadd",
     .arity = -2,
     .flags = kDenyOom | kFast | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyInsert)),
     .acl = kAclHyperLogLog,
     .handler = Pfadd,
     .group = CommandGroup::kHyperLogLog,
     .doc = {.summary = "Counts elements in a HyperLogLog, creating it when it is missing.",
             .since = "2.8.9",
             .complexity = "O(1)",
             .arguments = "key:key@0 [element:string*]"}},
    {.name = "pfcount",
     .arity = -2,
     .flags = kReadOnly | kMayReplicate,  // It writes the count into the value.
     .keys = KeySpecs(KeySpec::Range(1, -1, 1, kKeyReadWrite | kKeyAccess)),
     .acl = kAclHyperLogLog,
     .handler = Pfcount,
     .group = CommandGroup::kHyperLogLog,
     .doc = {.summary = "Estimates how many different elements HyperLogLogs have counted.",
             .since = "2.8.9",
             .complexity = "O(1); O(N)",
             .arguments = "key:key@0*"}},
    {.name = "pfdebug",
     .arity = 3,
     .flags = kAdmin | kDenyOom | kWrite,
     .keys = KeySpecs(KeySpec::One(2, kKeyReadWrite | kKeyAccess)),
     .acl = kAclHyperLogLog,
     .handler = Pfdebug,
     .group = CommandGroup::kHyperLogLog,
     .doc = {.summary = "Shows or changes how a HyperLogLog is stored.",
             .since = "2.8.9",
             .complexity = "varies",
             .arguments = "subcommand:string key:key@0"}},
    {.name = "pfmerge",
     .arity = -2,
     .flags = kDenyOom | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyAccess | kKeyInsert),
                      KeySpec::Range(2, -1, 1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclHyperLogLog,
     .handler = Pfmerge,
     .group = CommandGroup::kHyperLogLog,
     .doc = {.summary = "Merges HyperLogLogs into one.",
             .since = "2.8.9",
             .complexity = "O(N)",
             .arguments = "destkey:key@0 [sourcekey:key@1*]"}},
    {.name = "pfselftest",
     .arity = 1,
     .flags = kAdmin,
     .acl = kAclHyperLogLog,
     .handler = Pfselftest,
     .group = CommandGroup::kHyperLogLog,
     .doc = {.summary = "Checks the HyperLogLog code.", .since = "2.8.9", .complexity = "varies"}},
};

}  // namespace

std::span<const CommandSpec> HyperLogLogCommands() { return kHyperLogLogCommands; }

}  // namespace cachenode
