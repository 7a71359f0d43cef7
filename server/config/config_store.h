// The running node's configuration: the current values, and CONFIG GET, SET, RESETSTAT and REWRITE as functions.
//
// Thread-safety: Current() is one object that never moves; its values change only while the world lock is held
//   exclusively, so a worker reads it inside the world flag like any shared state and sees a CONFIG SET with its next
//   command. Threads outside the world use Share(), an immutable copy. Set, SetInternally, Rewrite and Subscribe belong
//   to the holder of the world lock, or to the start before workers run.
// Invariant: neither view ever shows half of a CONFIG SET.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/config/config.h"
#include "server/config/config_file.h"
#include "server/config/option_table.h"
#include "storage/base/status.h"

namespace cachenode {

// A part of the server that acts when options change. Called under the world lock (at the start: before any client).
class ConfigApplier {
 public:
  virtual ~ConfigApplier() = default;
  // Makes the options of `group` work as `after` says. On failure nothing has changed, and the error's text is the
  // reason as a client reads it ("Unable to listen on this port. Check server logs."). When a later part refuses the
  // same CONFIG SET, this is called once more with `before` and `after` exchanged.
  virtual Status Apply(ApplyGroup group, const Config& before, const Config& after) = 0;
};

// Who asks for a change; decides about protected options.
struct ConfigCaller {
  bool is_local = false;    // Loopback or Unix socket.
  bool is_loading = false;  // A data set is being loaded.
};

struct ConfigPair {
  std::string name;
  std::string value;
  bool operator==(const ConfigPair&) const = default;
};

// What a CONFIG SET changed, each option once, with values as CONFIG GET shows them.
struct ConfigChanges {
  std::vector<ConfigPair> at_once;
  std::vector<ConfigPair> at_restart;  // They wait.
};

class ConfigStore {
 public:
  struct Start {
    Config config;
    Config defaults;
    std::string file_path;                  // Absolute; empty when the node runs without a file.
    std::optional<ActiveGroup> group = {};  // None without parameter-group.
    uint64_t machine_bytes = 0;             // Memory a node type may have; 0: not known.
  };
  explicit ConfigStore(Start start);
  ConfigStore(const ConfigStore&) = delete;
  ConfigStore& operator=(const ConfigStore&) = delete;

  // As long as this object lives; texts inside it only until the world flag is left.
  [[nodiscard]] const Config& Current() const noexcept { return current_; }
  [[nodiscard]] std::shared_ptr<const Config> Share() const;
  [[nodiscard]] const Config& Defaults() const noexcept { return defaults_; }
  [[nodiscard]] const std::string& FilePath() const noexcept { return file_path_; }

  // `applier` outlives this object. Parts of one group are called in the order they subscribed.
  void Subscribe(ApplyGroup group, ConfigApplier& applier);
  // Calls every subscriber once with the values of the start. The first error ends it.
  Status ApplyAll();

  // Is told of every CONFIG SET that changed something, after it, under the world lock. Before clients come.
  using ChangeListener = std::function<void(const ConfigChanges& changes)>;
  void SetChangeListener(ChangeListener listener) { change_listener_ = std::move(listener); }
  // Says why the node could not go on with `after`, which a restart would bring, or nothing. Asked at each CONFIG SET
  // while something waits, and by PendingProblem. `type_changes`: the node type of `after` is asked for just now, or
  // about to be applied. Under the world lock; set before clients come.
  using RestartCheck = std::function<std::string(const Config& after, bool type_changes)>;
  void SetRestartCheck(RestartCheck check) { restart_check_ = std::move(check); }

  // CONFIG GET: options whose name or alias matches a glob pattern, each under the name that matched, each once.
  [[nodiscard]] std::vector<ConfigPair> Get(std::span<const std::string_view> patterns) const;
  // CONFIG SET of name, value, name, value...: all or none. An error's text is the whole reply.
  Status Set(std::span<const std::string_view> pairs, const ConfigCaller& caller);
  // Changes that CONFIG SET took for the next restart: of options marked so, and of parameters that change at reboot.
  [[nodiscard]] std::span<const ConfigPair> Pending() const noexcept { return pending_; }
  // Why a restart could not bring what is pending, as a sentence, or nothing. Reads the file of the parameter group.
  // `without`: an option whose change is left out of it.
  [[nodiscard]] std::string PendingProblem(std::string_view without = {}) const;
  // A change that turned out to be impossible waits no longer. Nothing happens when it does not wait.
  void DropPending(std::string_view name);
  [[nodiscard]] const std::optional<ActiveGroup>& Group() const noexcept { return group_; }
  // The values after a restart as the text of a configuration file, without what is at its default.
  [[nodiscard]] std::string RestartText(std::span<const std::string> user_lines) const;
  // Changes that come from the server itself (hz by DEBUG, maxmemory of a node type): no check of mutability.
  Status SetInternally(std::string_view name, std::string_view value);

  // CONFIG REWRITE. `user_lines`: the "user ..." lines of the ACL, without the word. With `all`, options at their
  // default are written too (DEBUG CONFIG-REWRITE-FORCE-ALL). An error's text is the whole reply. Blocks on the disk.
  Status Rewrite(std::span<const std::string> user_lines, bool all) const;

 private:
  // One option of a CONFIG SET.
  struct Change {
    std::string asked_name;  // As the client wrote it.
    const OptionSpec* option = nullptr;
    std::vector<std::string> words;
  };

  Status Resolve(std::span<const std::string_view> pairs, const ConfigCaller& caller,
                 std::vector<Change>& changes) const;
  Status CheckMutable(const Change& change, const ConfigCaller& caller) const;
  // Why node type or parameter group keep the option as it is, or empty.
  [[nodiscard]] std::string RefusedByNode(const Change& change) const;
  [[nodiscard]] bool WaitsForReboot(const OptionSpec& option) const;
  // The values after a restart with all that is pending but for one option.
  [[nodiscard]] Config AfterReboot(std::string_view without = {}) const;
  Status CheckPending(std::span<const Change> at_once, std::span<const Change> changes,
                      std::vector<ConfigPair>& pending) const;
  [[nodiscard]] std::string ProblemOf(const Config& after) const;
  Status SetAll(std::span<const Change> changes);
  Status ApplyChanged(std::span<const Change* const> changed, const Config& next) const;
  Status ApplyOne(ApplyGroup group, const Config& before, const Config& after) const;
  void Publish(Config next);

  // Constant after construction.
  const Config defaults_;
  const std::string file_path_;
  const std::optional<ActiveGroup> group_;
  const uint64_t machine_bytes_;
  const std::unique_ptr<ConfigApplier> directory_;  // Enters `dir`.
  // Constant once the node serves.
  ChangeListener change_listener_;
  RestartCheck restart_check_;
  // Written by the world lock's holder.
  std::array<std::vector<ConfigApplier*>, kApplyGroupCount> appliers_;
  Config current_;
  std::vector<ConfigPair> pending_;  // Each option once.
  // Guarded by share_lock_. Shared because a background job may outlive any number of changes.
  mutable std::mutex share_lock_;
  std::shared_ptr<const Config> shared_;
};

}  // namespace cachenode
