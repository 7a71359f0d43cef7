#include "server/command_table.h"

#include <algorithm>
#include <bitset>

#include "storage/base/bytes.h"

namespace cachenode {
namespace {

constexpr uint32_t kSlotBits = 12;

// Whether equal folded words mean equal names: folding maps non-letters onto each other, and words of 8 bytes at both
// ends leave out the middle of a long name.
bool FoldsExactly(std::string_view name) {
  const bool is_covered = name.size() <= 16;
  return is_covered && std::all_of(name.begin(), name.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

// What the slot of a name is computed from.
struct IndexedName {
  FoldedName folded;
  size_t length;
};

// Whether no two names meet in a slot. Ten thousand multipliers may be tried, so a try touches 512 bytes only.
bool KeepsApart(std::span<const IndexedName> names, uint64_t multiplier, uint32_t shift) {
  std::bitset<size_t{1} << kSlotBits> taken;
  for (const IndexedName& name : names) {
    const uint64_t slot = name.folded.SlotOf(name.length, multiplier, shift);
    if (taken[slot]) return false;
    taken[slot] = true;
  }
  return true;
}

// Whether a specification lists its keys by their positions alone.
bool IsFixedRange(const KeySpec& spec) {
  return spec.begin == KeySpec::Begin::kIndex && spec.find == KeySpec::Find::kRange && spec.limit <= 1;
}

// The position of its last key; negative counts from the end.
int16_t LastKeyOf(const KeySpec& spec) {
  return spec.last_key >= 0 ? static_cast<int16_t>(spec.begin_index + spec.last_key) : spec.last_key;
}

// Joins to the range what follows it without a gap, as COMMAND reports it: the two keys of RENAME make 1 to 2.
void WidenRange(Command& command, std::span<const KeySpec> others) {
  for (const KeySpec& spec : others) {
    const bool follows = command.last_key > 0 && spec.begin_index == command.last_key + 1;
    if (!IsFixedRange(spec) || !follows || spec.step != command.key_step) continue;
    command.last_key = LastKeyOf(spec);
  }
}

// Derives the fixed key range of a row; rows with several or non-trivial specifications are searched at run time.
void DeriveKeys(Command& command) {
  const std::span<const KeySpec> specs = command.spec->keys.all();
  if (specs.empty()) return;
  const KeySpec& first = specs.front();
  const bool fixed = IsFixedRange(first);
  command.keys_need_search = specs.size() > 1 || !fixed || (first.flags & (kKeyNotKey | kKeyIncomplete)) != 0;
  for (const KeySpec& spec : specs) {
    const bool movable = spec.begin != KeySpec::Begin::kIndex || spec.find != KeySpec::Find::kRange;
    if (movable && (spec.flags & kKeyNotKey) == 0) command.flags |= kMovableKeys;
  }
  if (!fixed) return;
  command.first_key = first.begin_index;
  command.last_key = LastKeyOf(first);
  command.key_step = first.step;
  WidenRange(command, specs.subspan(1));
}

// Commands of which one of these is true may change by what later requests are judged.
constexpr uint32_t kNotPlain =
    kAdmin | kNoScript | kBlocking | kNoAuth | kProtected | kExclusive | kRunsQueue | kRunsScript | kNeverQueued;

bool IsPlain(const Command& command) {
  const bool has_fixed_keys = command.first_key != 0 && !command.keys_need_search;
  const bool has_no_keys = command.spec->keys.empty() && command.spec->find_keys == nullptr;
  const bool is_alone = command.spec->subcommands.empty() && command.handler != nullptr;
  return is_alone && (has_no_keys || has_fixed_keys) && (command.flags & kNotPlain) == 0;
}

}  // namespace

const Command* Command::FindSubcommand(std::string_view name_of_sub) const {
  for (const std::unique_ptr<Command>& candidate : subcommands) {
    if (EqualsIgnoreCase(candidate->name, name_of_sub)) return candidate.get();
  }
  return nullptr;
}

CommandTable::CommandTable(std::span<const std::span<const CommandSpec>> families) {
  for (const std::span<const CommandSpec> family : families) {
    for (const CommandSpec& spec : family) commands_.push_back(Build(spec, nullptr));
  }
  BuildIndex();
}

std::unique_ptr<Command> CommandTable::Build(const CommandSpec& spec, const Command* parent) {
  auto command = std::make_unique<Command>();
  command->spec = &spec;
  command->id = static_cast<uint32_t>(by_id_.size());
  command->flags = spec.flags;
  command->acl_categories = AclCategoriesOf(spec);
  command->arity = spec.arity;
  command->handler = spec.handler;
  command->name = std::string(spec.name);
  command->full_name = parent == nullptr ? command->name : parent->full_name + "|" + command->name;
  command->parent = parent;
  DeriveKeys(*command);
  command->is_plain = IsPlain(*command);
  by_id_.push_back(command.get());
  for (const CommandSpec& sub : spec.subcommands) command->subcommands.push_back(Build(sub, command.get()));
  return command;
}

Status CommandTable::Rename(std::string_view old_name, std::string_view new_name) {
  const auto found = std::find_if(commands_.begin(), commands_.end(),
                                  [&](const auto& command) { return EqualsIgnoreCase(command->name, old_name); });
  if (found == commands_.end()) return Status::WithText(Err::kConfig, "No such command in rename-command");
  if (!new_name.empty() && Find(new_name) != nullptr) {
    return Status::WithText(Err::kConfig, "Target command name already exists");
  }
  (*found)->name = std::string(new_name);  // An empty name is left out of the index.
  BuildIndex();
  return Status::Ok();
}

bool CommandTable::Hide(std::string_view full_name) {
  const size_t bar = full_name.find('|');
  const auto take = [this](std::vector<std::unique_ptr<Command>>& commands, std::string_view name) {
    const auto found = std::find_if(commands.begin(), commands.end(),
                                    [&](const auto& command) { return EqualsIgnoreCase(command->spec->name, name); });
    if (found == commands.end()) return false;
    (*found)->is_hidden = true;
    for (const auto& subcommand : (*found)->subcommands) subcommand->is_hidden = true;
    hidden_.push_back(std::move(*found));
    commands.erase(found);
    return true;
  };
  if (bar == std::string_view::npos) return take(commands_, full_name);
  const auto parent = std::find_if(commands_.begin(), commands_.end(), [&](const auto& command) {
    return EqualsIgnoreCase(command->spec->name, full_name.substr(0, bar));
  });
  return parent != commands_.end() && take((*parent)->subcommands, full_name.substr(bar + 1));
}

// The multiplier is searched until no two names meet in a slot; deterministic.
void CommandTable::BuildIndex() {
  constexpr uint64_t kFirst = 0x9E3779B97F4A7C15ULL;
  shift_ = 64 - kSlotBits;
  std::vector<IndexedName> names;
  names.reserve(commands_.size());
  for (const std::unique_ptr<Command>& command : commands_) {
    if (!command->name.empty()) names.push_back({FoldedName::Of(command->name), command->name.size()});
  }
  multiplier_ = kFirst;
  while (!KeepsApart(names, multiplier_, shift_)) multiplier_ += 2;
  slots_.assign(size_t{1} << kSlotBits, Slot{});
  for (const std::unique_ptr<Command>& command : commands_) {
    const std::string& name = command->name;
    if (name.empty()) continue;
    const FoldedName folded = FoldedName::Of(name);
    slots_[folded.SlotOf(name.size(), multiplier_, shift_)] = {
        folded.head, folded.tail, static_cast<uint32_t>(name.size()), !FoldsExactly(name), command.get()};
  }
}

const Command* CommandTable::FindByFullName(std::string_view full_name) const {
  const size_t bar = full_name.find('|');
  const Command* command = Find(full_name.substr(0, bar));
  if (command == nullptr || bar == std::string_view::npos) return command;
  return command->FindSubcommand(full_name.substr(bar + 1));
}

const Command* CommandTable::FindForArgs(Args args) const {
  if (args.empty()) return nullptr;
  const Command* command = Find(args[0]);
  if (command == nullptr || command->subcommands.empty() || args.size() < 2) return command;
  return command->FindSubcommand(args[1]);
}

KeySearch FindKeysOf(const Command& command, Args args, std::vector<KeyPosition>& positions) {
  if (command.spec->find_keys != nullptr) return command.spec->find_keys(args, positions);
  return FindKeys(command.spec->keys, args, positions);
}

std::vector<std::string_view> WithoutSecrets(const Command& command, Args args) {
  std::vector<std::string_view> shown(args.begin(), args.end());
  if (command.spec->is_secret == nullptr) return shown;
  for (size_t i = 0; i < args.size(); ++i) {
    if (command.spec->is_secret(args, i)) shown[i] = "(redacted)";
  }
  return shown;
}

}  // namespace cachenode
