// The argument grammar in a command's row, as text and as a tree for COMMAND DOCS.
//
// Notation, arguments separated by one blank:
//   argument  := plain | "[" plain "]"                                brackets: optional
//   plain     := name ":" type [ "(" arguments ")" ] [ "=" TOKEN ] [ "@" key-spec-index ] [ "!" since ] [ "*" | "+" ]
//   type      := the names COMMAND DOCS uses: string integer double key pattern unix-time pure-token oneof block
//   "*" may be given several times; "+" the same, with its token each time. Parentheses hold what oneof and block have.
// Example: key:key@0 value:string [condition:oneof(nx:pure-token=NX xx:pure-token=XX)!2.6.12]
//
// Thread-safety: pure functions. Views point into the text.
// Errors: a malformed text is a bug in a row; ParseArgumentGrammar answers kCorrupt and a test parses every row.
#pragma once

#include <string_view>
#include <vector>

#include "storage/base/result.h"

namespace cachenode {

struct ArgumentNode {
  std::string_view name;
  std::string_view type;
  std::string_view token;
  std::string_view since;
  int key_spec_index = -1;
  bool has_token = false;
  bool optional = false;
  bool multiple = false;
  bool multiple_token = false;
  std::vector<ArgumentNode> children;
};

Result<std::vector<ArgumentNode>> ParseArgumentGrammar(std::string_view text);

}  // namespace cachenode
