// All commands of this server, found by name: built once from the families' rows and their renames.
//
// Thread-safety: built before the workers start; afterwards only read.
// Invariants: every command and subcommand has an id below count(), dense, usable as an index into statistics and ACL
//   bit sets. Names are looked up without regard to case.
// Limits: kNameMax characters a name.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/command_spec.h"
#include "storage/base/bytes.h"
#include "storage/base/status.h"

namespace cachenode {

// One command as the dispatcher uses it: its row and what is derived from it.
struct Command {
  const CommandSpec* spec = nullptr;
  uint32_t id = 0;
  uint32_t flags = 0;  // spec->flags and what key extraction adds (movable keys).
  uint32_t acl_categories = 0;
  int16_t arity = 0;
  // The range of keys that COMMAND reports: first is 0 when none is fixed. It lists all keys unless they must be
  // searched.
  int16_t first_key = 0;
  int16_t last_key = 0;
  int16_t key_step = 0;
  bool keys_need_search = false;
  // It changes its client's state in nothing but the database, nor the node's, does not block, and runs neither alone
  // nor other commands; its keys, if any, are in the range above.
  bool is_plain = false;
  bool is_hidden = false;  // Taken out of the table; only its id is still there.
  CommandHandler handler = nullptr;
  std::string name;       // As a client calls it: "get", after a rename the new name.
  std::string full_name;  // "client|list" for a subcommand.
  const Command* parent = nullptr;
  std::vector<std::unique_ptr<Command>> subcommands;

  [[nodiscard]] bool Is(CommandFlag flag) const { return (flags & flag) != 0; }
  [[nodiscard]] bool ArityFits(size_t argument_count) const {
    const auto count = static_cast<int64_t>(argument_count);
    return arity >= 0 ? count == arity : count >= -arity;
  }
  // The subcommand called `name_of_sub`, null when there is none.
  [[nodiscard]] const Command* FindSubcommand(std::string_view name_of_sub) const;
};

// A name without regard to case in two words: all of it up to 8 characters, else the first 8 and the last 8.
struct FoldedName {
  uint64_t head;
  uint64_t tail;

  // `name` is not empty.
  [[nodiscard]] static FoldedName Of(std::string_view name) noexcept {
    constexpr uint64_t kFold = 0x2020202020202020ULL;  // Sets the lower-case bit of every byte.
    const auto load = [&name](size_t at, auto word) {
      std::memcpy(&word, name.data() + at, sizeof(word));
      return uint64_t{word};
    };
    if (name.size() >= 8) return {load(0, uint64_t{}) | kFold, load(name.size() - 8, uint64_t{}) | kFold};
    // Two overlapping loads cover 4 to 7 bytes, so no length-dependent copy loop is needed.
    if (name.size() >= 4) {
      const uint64_t word = (load(name.size() - 4, uint32_t{}) << 32 | load(0, uint32_t{})) | kFold;
      return {word, word};
    }
    // One to three bytes: the first, the middle one and the last, which may be the same.
    const uint64_t word =
        (load(0, uint8_t{}) | load(name.size() / 2, uint8_t{}) << 8 | load(name.size() - 1, uint8_t{}) << 16) | kFold;
    return {word, word};
  }
  [[nodiscard]] uint64_t SlotOf(size_t length, uint64_t multiplier, uint32_t shift) const noexcept {
    return ((head ^ (tail << 1) ^ length) * multiplier) >> shift;
  }
};

class CommandTable {
 public:
  static constexpr size_t kNameMax = 32;

  // Takes the rows of all families (families.h). Rows live for ever.
  explicit CommandTable(std::span<const std::span<const CommandSpec>> families);
  CommandTable(const CommandTable&) = delete;
  CommandTable& operator=(const CommandTable&) = delete;

  // Applies `rename-command`: an empty new name removes the command. Before the workers start.
  // Errors: kConfig when the old name is unknown or the new one taken.
  Status Rename(std::string_view old_name, std::string_view new_name);

  // Takes a command out, as if there were none of its name ("debug", "config|set"): its row's name counts, not what a
  // rename made of it. Before the workers start; after the last one, BuildIndex. False when there is none.
  bool Hide(std::string_view full_name);
  // Makes Find know the names as they are now. About a millisecond, so once for all changes.
  void BuildIndex();

  // The top-level command called `name`, null when unknown. A few dozen instructions.
  [[nodiscard]] const Command* Find(std::string_view name) const {
    if (name.empty()) [[unlikely]]
      return nullptr;
    const FoldedName folded = FoldedName::Of(name);
    const Slot& slot = slots_[folded.SlotOf(name.size(), multiplier_, shift_)];
    const bool is_same = slot.head == folded.head && slot.tail == folded.tail && slot.length == name.size();
    if (!is_same || (slot.needs_comparison && !EqualsIgnoreCase(slot.command->name, name))) return nullptr;
    return slot.command;
  }
  // Finds "config|get" or "get".
  [[nodiscard]] const Command* FindByFullName(std::string_view full_name) const;
  // The subcommand where args[0] is a container, else the command itself; null when either is unknown.
  [[nodiscard]] const Command* FindForArgs(Args args) const;

  // Top-level commands in the order of their rows.
  [[nodiscard]] std::span<const std::unique_ptr<Command>> commands() const { return commands_; }
  // By id, subcommands included.
  [[nodiscard]] const Command& by_id(size_t id) const { return *by_id_[id]; }
  [[nodiscard]] size_t count() const { return by_id_.size(); }

 private:
  struct Slot {
    uint64_t head = 0;  // First 8 bytes, folded to lower case.
    uint64_t tail = 0;  // Last 8 bytes, folded.
    uint32_t length = 0;
    bool needs_comparison = false;  // The folded words do not tell the name from every other.
    const Command* command = nullptr;
  };

  std::unique_ptr<Command> Build(const CommandSpec& spec, const Command* parent);

  std::vector<std::unique_ptr<Command>> commands_;
  std::vector<std::unique_ptr<Command>> hidden_;  // Keep their ids.
  std::vector<Command*> by_id_;
  std::vector<Slot> slots_;
  uint64_t multiplier_ = 0;
  uint32_t shift_ = 0;
};

// The key positions of a request by its command's row. Clears `positions` first.
KeySearch FindKeysOf(const Command& command, Args args, std::vector<KeyPosition>& positions);

// The arguments as logs may show them: "(redacted)" in the place of secrets. The views live as long as those of `args`.
std::vector<std::string_view> WithoutSecrets(const Command& command, Args args);

}  // namespace cachenode
