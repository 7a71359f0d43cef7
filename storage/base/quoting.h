// Lines of words with shell-like quotes: inline requests, configuration files, and their inverse for logs and MONITOR.
//
// Thread-safety: pure functions.
// Words are separated by blanks. "..." knows \n \r \t \b \a \xHH and backslash before any other character; '...' knows
//   \' only. A closing quote must be followed by a blank or the end. A zero byte ends the line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cachenode {

// Appends the words of `line` to `words`. False when quotes are not closed or not followed by a blank; `words` then
// holds those before the fault.
[[nodiscard]] bool SplitQuotedWords(std::string_view line, std::vector<std::string>& words);

// Appends `bytes` in double quotes, escaped so that SplitQuotedWords gives them back and nothing unprintable remains.
void AppendQuoted(std::string& to, std::string_view bytes);

}  // namespace cachenode
