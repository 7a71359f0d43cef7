#include "server/acl/acl_summary.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "server/acl/acl_rule.h"
#include "server/acl/acl_selector.h"
#include "server/command_table.h"

namespace cachenode {

namespace {

class Summary {
 public:
  Summary(const AclSelector& selector, const CommandTable& commands)
      : selector_(selector), commands_(commands), adds_(!selector.AllowsId(commands.count())) {
    shown_.assign(commands.count(), !adds_);
    is_settled_.assign(commands.count(), false);
  }

  std::string Run() {
    text_ = adds_ ? "-@all" : "+@all";
    while (const std::optional<size_t> best = BestCategory()) Apply(*best);
    for (const auto& command : commands_.commands()) FixCommand(*command);
    return std::move(text_);
  }

 private:
  // How many commands of a category the rule "+@category" (or "-@category") gets right and wrong, of those that no
  // category so far has named.
  struct Score {
    size_t right = 0;
    size_t wrong = 0;
  };
  [[nodiscard]] Score ScoreOf(uint32_t category) const {
    Score score;
    for (uint32_t id = 0; id < commands_.count(); ++id) {
      if ((commands_.by_id(id).acl_categories & category) == 0) continue;
      const bool differs = !is_settled_[id] && selector_.AllowsId(id) == adds_;
      ++(differs ? score.right : score.wrong);
    }
    return score;
  }

  // The category with the fewest exceptions; of equals, the one that says most. None when each would have more
  // exceptions than members that fit.
  [[nodiscard]] std::optional<size_t> BestCategory() const {
    std::optional<size_t> best;
    Score best_score;
    for (size_t i = 0; i < kAclCategoryCount; ++i) {
      if (is_used_[i]) continue;
      const Score score = ScoreOf(AclCategoryAt(i).category);
      if (score.right <= score.wrong) continue;
      const bool is_better = !best || score.wrong < best_score.wrong ||
                             (score.wrong == best_score.wrong && score.right > best_score.right);
      if (!is_better) continue;
      best = i;
      best_score = score;
    }
    return best;
  }

  // A container of the category takes its subcommands along, as applying the rule will.
  void Apply(size_t index) {
    const AclCategoryName& category = AclCategoryAt(index);
    is_used_[index] = true;
    text_.append(adds_ ? " +@" : " -@").append(category.name);
    for (uint32_t id = 0; id < commands_.count(); ++id) {
      const Command& command = commands_.by_id(id);
      if ((command.acl_categories & category.category) == 0) continue;
      Settle(command);
      for (const auto& sub : command.subcommands) Settle(*sub);
    }
  }

  void Settle(const Command& command) {
    is_settled_[command.id] = true;
    shown_[command.id] = adds_;
  }

  // Names what the categories get wrong.
  void FixCommand(const Command& command) {
    const bool allowed = selector_.AllowsId(command.id);
    if (allowed != shown_[command.id]) {
      text_.append(allowed ? " +" : " -").append(command.full_name);
      shown_[command.id] = allowed;
      for (const auto& sub : command.subcommands) shown_[sub->id] = allowed;
    }
    for (const auto& sub : command.subcommands) FixCommand(*sub);
    const auto first = selector_.first_arguments().find(command.id);
    if (allowed || first == selector_.first_arguments().end()) return;
    for (const std::string& argument : first->second) {
      text_.append(" +").append(command.full_name).append("|").append(argument);
    }
  }

  const AclSelector& selector_;
  const CommandTable& commands_;
  const bool adds_;               // Begins with nothing and adds, or with everything and takes away.
  std::vector<bool> shown_;       // What the text so far allows, by command id.
  std::vector<bool> is_settled_;  // Named by a category of the text.
  std::array<bool, kAclCategoryCount> is_used_{};
  std::string text_;
};

}  // namespace

std::string SummarizeCommandRules(const AclSelector& selector, const CommandTable& commands) {
  return Summary(selector, commands).Run();
}

}  // namespace cachenode
