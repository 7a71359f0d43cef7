#include "server/acl/acl_file.h"

#include <fmt/format.h>

#include <iterator>
#include <utility>
#include <vector>

#include "storage/base/blanks.h"

namespace cachenode {

namespace {

// Words between single blanks; two blanks in a row enclose an empty one, which as a rule means nothing.
std::vector<std::string> SplitAtBlanks(std::string_view line) {
  std::vector<std::string> words;
  while (true) {
    const size_t blank = line.find(' ');
    words.emplace_back(line.substr(0, blank));
    if (blank == std::string_view::npos) return words;
    line.remove_prefix(blank + 1);
  }
}

class Reader {
 public:
  Reader(std::string_view label, const CommandTable& commands, AclUser::Beginning beginning)
      : label_(label), commands_(commands), beginning_(beginning) {}

  AclFileContent Run(std::string_view text) {
    for (size_t line_number = 1; !text.empty(); ++line_number) {
      const size_t end = text.find('\n');
      const std::string_view line = TrimBlanks(text.substr(0, end));
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
      if (!line.empty()) ReadLine(line, line_number);
    }
    return std::move(content_);
  }

 private:
  template <typename... Arguments>
  void Fault(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    fmt::format_to(std::back_inserter(content_.errors), format, std::forward<Arguments>(arguments)...);
  }

  void ReadLine(std::string_view line, size_t line_number) {
    std::vector<std::string> words = SplitAtBlanks(line);
    if (words[0] != "user" || words.size() < 2) {
      return Fault("{}:{} should start with user keyword followed by the username. ", label_, line_number);
    }
    std::string name = std::move(words[1]);
    if (AclTextHasBlanks(name)) {
      return Fault("'{}:{}: username '{}' contains invalid characters. ", label_, line_number, name);
    }
    if (content_.users.contains(name)) {
      return Fault("WARNING: Duplicate user '{}' found on line {}. ", name, line_number);
    }
    if (content_.users.size() >= kAclUsersMax) return Fault("{}:{}: too many users. ", label_, line_number);
    words.erase(words.begin(), words.begin() + 2);
    ReadUser(std::move(name), std::move(words), line_number);
  }

  // All faults about commands are told, and the first other one.
  void ReadUser(std::string name, std::vector<std::string> words, size_t line_number) {
    auto user = std::make_shared<AclUser>(name, commands_, beginning_);
    const AclRules joined = JoinAclSelectors(std::move(words));
    if (joined.unmatched) return Fault("{}:{}: Unmatched parenthesis in selector definition.", label_, line_number);
    bool has_other_fault = false;
    for (const std::string& word : joined.rules) {
      const std::string_view rule = TrimBlanks(word);
      const AclRuleError error = user->Apply(rule);
      if (error == AclRuleError::kUnknownCommand) {
        Fault("{}:{}: Error in applying operation '{}': {}. ", label_, line_number, rule, AclRuleErrorText(error));
      } else if (error != AclRuleError::kNone && !has_other_fault) {
        Fault("{}:{}: {}. ", label_, line_number, AclRuleErrorText(error));
        has_other_fault = true;
      }
    }
    content_.users.emplace(std::move(name), std::move(user));
  }

  const std::string_view label_;
  const CommandTable& commands_;
  const AclUser::Beginning beginning_;
  AclFileContent content_;
};

}  // namespace

AclFileContent ParseAclFile(std::string_view text, std::string_view label, const CommandTable& commands,
                            AclUser::Beginning beginning) {
  return Reader(label, commands, beginning).Run(text);
}

}  // namespace cachenode
