#include "server/commands/argument_grammar.h"

#include <utility>

namespace cachenode {
namespace {

constexpr int kDepthMax = 8;

class GrammarReader {
 public:
  explicit GrammarReader(std::string_view text) : text_(text) {}

  bool ReadList(std::vector<ArgumentNode>& nodes, int depth) {
    if (depth > kDepthMax) return false;
    while (!text_.empty() && text_.front() != ')') {
      if (!nodes.empty() && !Take(' ')) return false;
      ArgumentNode node;
      if (!ReadArgument(node, depth)) return false;
      nodes.push_back(std::move(node));
    }
    return true;
  }

  [[nodiscard]] bool AtEnd() const { return text_.empty(); }

 private:
  bool Take(char expected) {
    if (text_.empty() || text_.front() != expected) return false;
    text_.remove_prefix(1);
    return true;
  }

  std::string_view TakeUntil(std::string_view stops) {
    const size_t length = std::min(text_.find_first_of(stops), text_.size());
    const std::string_view taken = text_.substr(0, length);
    text_.remove_prefix(length);
    return taken;
  }

  bool ReadArgument(ArgumentNode& node, int depth) {
    node.optional = Take('[');
    node.name = TakeUntil(":");
    if (node.name.empty() || !Take(':')) return false;
    node.type = TakeUntil("(=@!*+] )");
    if (node.type.empty()) return false;
    if (Take('(') && !(ReadList(node.children, depth + 1) && Take(')'))) return false;
    node.has_token = Take('=');
    if (node.has_token) node.token = TakeToken();
    if (Take('@')) node.key_spec_index = TakeUntil("!*+] )").front() - '0';
    if (Take('!')) node.since = TakeUntil("*+] )");
    node.multiple_token = Take('+');
    node.multiple = Take('*') || node.multiple_token;
    return !node.optional || Take(']');
  }

  // A token may itself be one of the marks ("=", "~", "*"): its first character always belongs to it.
  std::string_view TakeToken() {
    const std::string_view whole = text_;
    if (text_.empty() || text_.front() == ']' || text_.front() == ')' || text_.front() == ' ') return {};
    text_.remove_prefix(1);
    TakeUntil("@!*+] )");
    return whole.substr(0, whole.size() - text_.size());
  }

  std::string_view text_;
};

}  // namespace

Result<std::vector<ArgumentNode>> ParseArgumentGrammar(std::string_view text) {
  std::vector<ArgumentNode> nodes;
  GrammarReader reader(text);
  if (!reader.ReadList(nodes, 0) || !reader.AtEnd()) return Err::kCorrupt;
  return nodes;
}

}  // namespace cachenode
