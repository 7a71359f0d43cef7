// Reads a command's options from left to right and remembers the first error, so that a handler asks once at the end.
//
// Thread-safety: a value on a handler's stack. Views returned live as long as the request.
// Errors: whatever a step could not read; later steps return neutral values and change nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "server/key_spec.h"
#include "storage/base/bytes.h"
#include "storage/base/numbers.h"
#include "storage/base/status.h"

namespace cachenode {

class ArgParser {
 public:
  // Starts at args[from].
  ArgParser(Args args, size_t from) : args_(args), next_(from) {}

  [[nodiscard]] bool HasNext() const { return error_.ok() && next_ < args_.size(); }
  [[nodiscard]] size_t Remaining() const { return args_.size() - next_; }
  [[nodiscard]] size_t position() const { return next_; }

  // The next argument, not taken. Only when HasNext.
  [[nodiscard]] std::string_view Peek() const { return args_[next_]; }

  // Takes the next argument if it equals `keyword` in any case and at least `values` arguments follow it.
  bool Match(std::string_view keyword, size_t values = 0) {
    if (!HasNext() || Remaining() < values + 1 || !EqualsIgnoreCase(args_[next_], keyword)) return false;
    ++next_;
    return true;
  }

  // The next argument, empty (and `missing` recorded) when there is none.
  std::string_view NextString(Err missing = Err::kSyntax) {
    if (!error_.ok()) return {};
    if (next_ >= args_.size()) {
      Fail(missing);
      return {};
    }
    return args_[next_++];
  }

  int64_t NextInt64(Err invalid = Err::kNotInteger) {
    const std::string_view text = NextString();
    if (!error_.ok()) return 0;
    const Result<int64_t> number = ParseInt64(text);
    if (number) return *number;
    Fail(invalid);
    return 0;
  }

  // Records `error` unless one is recorded already.
  void Fail(Status error) {
    if (error_.ok()) error_ = std::move(error);
  }

  [[nodiscard]] bool failed() const { return !error_.ok(); }
  // The first error; a syntax error when arguments are left over.
  [[nodiscard]] Status Finish() {
    if (error_.ok() && next_ < args_.size()) return Err::kSyntax;
    return std::move(error_);
  }

 private:
  Args args_;
  size_t next_;
  Status error_;
};

}  // namespace cachenode
