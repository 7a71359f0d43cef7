// The arguments that EVAL, EVALSHA and FCALL share: command, what runs, number of keys, keys, further arguments.
//
// Thread-safety: a pure function. Errors are whole replies.
#pragma once

#include <utility>

#include "server/key_spec.h"
#include "storage/base/numbers.h"
#include "storage/base/result.h"

namespace cachenode {

struct ScriptArguments {
  Args keys;
  Args rest;
};

// `bad_count` is the reply when the number of keys is none.
inline Result<ScriptArguments> ParseScriptArguments(Args args, Status bad_count = Err::kNotInteger) {
  constexpr size_t kFirstKey = 3;
  const Result<int64_t> count = ParseInt64(args[2]);
  if (!count) return {std::move(bad_count)};
  if (*count > static_cast<int64_t>(args.size() - kFirstKey)) {
    return Status::Text("ERR Number of keys can't be greater than number of args");
  }
  if (*count < 0) return Status::Text("ERR Number of keys can't be negative");
  const auto keys = static_cast<size_t>(*count);
  return ScriptArguments{args.subspan(kFirstKey, keys), args.subspan(kFirstKey + keys)};
}

}  // namespace cachenode
