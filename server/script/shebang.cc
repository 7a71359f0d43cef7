#include "server/script/shebang.h"

#include <algorithm>
#include <vector>

#include "storage/base/quoting.h"

namespace cachenode {
namespace {

constexpr std::string_view kMark = "#!";

Status ErrorWith(std::string_view text, std::string_view detail) {
  return Status::Text(std::string("ERR ").append(text).append(detail));
}

Status AddFlags(std::string_view list, uint32_t& flags) {
  if (list.empty()) return Status::Ok();
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find(',', begin), list.size());
    const std::string_view name = list.substr(begin, end - begin);
    const std::optional<uint32_t> flag = FindScriptFlag(name);
    if (!flag) return ErrorWith("Unexpected flag in script shebang: ", name);
    flags |= *flag;
    begin = end + 1;
  }
  return Status::Ok();
}

}  // namespace

std::optional<uint32_t> FindScriptFlag(std::string_view name) {
  for (const ScriptFlagName& entry : kScriptFlagNames) {
    if (entry.name == name) return entry.flag;
  }
  return std::nullopt;
}

Result<ScriptHead> ParseScriptHead(std::string_view code, ShebangErrors errors) {
  ScriptHead head{kScriptCompatible, code};
  if (!code.starts_with(kMark)) return head;
  const size_t line_end = code.find('\n');
  if (line_end == std::string_view::npos) return ErrorWith("Invalid script shebang", {});
  std::vector<std::string> words;
  if (!SplitQuotedWords(code.substr(0, line_end), words) || words.empty()) {
    return ErrorWith("Invalid engine in script shebang", {});
  }
  if (words.front() != "#!lua") {
    if (errors == ShebangErrors::kRedis) return ErrorWith("Unexpected engine in script shebang: ", words.front());
    return ErrorWith("Could not find scripting engine '", words.front().substr(kMark.size()) + "'");
  }
  head.flags = 0;
  for (size_t i = 1; i < words.size(); ++i) {
    constexpr std::string_view kFlags = "flags=";
    if (!words[i].starts_with(kFlags)) return ErrorWith("Unknown lua shebang option: ", words[i]);
    Status status = AddFlags(std::string_view(words[i]).substr(kFlags.size()), head.flags);
    if (!status.ok()) return status;
  }
  head.body = code.substr(line_end);
  return head;
}

Result<LibraryHead> ParseLibraryHead(std::string_view code) {
  if (!code.starts_with(kMark)) return ErrorWith("Missing library metadata", {});
  const size_t line_end = code.find('\n');
  std::vector<std::string> words;
  const bool splits = line_end != std::string_view::npos && SplitQuotedWords(code.substr(0, line_end), words);
  if (!splits || words.empty()) return ErrorWith("Invalid library metadata", {});
  LibraryHead head;
  head.engine = words.front().substr(kMark.size());
  bool has_name = false;
  for (size_t i = 1; i < words.size(); ++i) {
    constexpr std::string_view kName = "name=";
    if (!words[i].starts_with(kName)) return ErrorWith("Invalid metadata value given: ", words[i]);
    if (has_name) return ErrorWith("Invalid metadata value, name argument was given multiple times", {});
    has_name = true;
    head.name = words[i].substr(kName.size());
  }
  if (!has_name) return ErrorWith("Library name was not given", {});
  head.body = code.substr(line_end);
  return head;
}

bool IsValidLibraryName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

}  // namespace cachenode
