#include "server/config/embedded_rows.h"

#include <algorithm>

#include "server/config/embedded_conf.h"

namespace cachenode {
namespace {

// Cuts `text` behind the first `end`, and gives what was before it.
std::string_view TakeUntil(std::string_view& text, char end) {
  const size_t at = std::min(text.find(end), text.size());
  const std::string_view taken = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return taken;
}

}  // namespace

std::vector<std::vector<std::string_view>> EmbeddedRows(std::string_view path) {
  std::vector<std::vector<std::string_view>> rows;
  for (std::string_view text = FindEmbeddedFile(path); !text.empty();) {
    std::string_view line = TakeUntil(text, '\n');
    if (line.empty() || line[0] == '#') continue;
    std::vector<std::string_view>& row = rows.emplace_back();
    while (!line.empty()) row.push_back(TakeUntil(line, '\t'));
  }
  return rows;
}

}  // namespace cachenode
