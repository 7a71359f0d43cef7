// A value of type T, or the Status that says why there is none.
//
// Thread-safety: a value, as Status is. Invariant: exactly one of the two is there; an error is never Ok.
#pragma once

#include <optional>
#include <utility>

#include "storage/base/status.h"

namespace cachenode {

template <typename T>
class [[nodiscard]] Result {
 public:
  // Implicit both ways, so that a function can return a value or an error alike.
  Result(T value) : value_(std::move(value)) {}
  Result(Err error) : error_(error) {}
  Result(Status error) : error_(std::move(error)) {}

  [[nodiscard]] bool ok() const noexcept { return value_.has_value(); }
  explicit operator bool() const noexcept { return ok(); }

  // Requires ok().
  T& operator*() & { return *value_; }
  const T& operator*() const& { return *value_; }
  T&& operator*() && { return *std::move(value_); }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }

  // Moves the error out. Requires !ok().
  [[nodiscard]] Status error() { return std::move(error_); }
  [[nodiscard]] const Status& status() const { return error_; }

 private:
  std::optional<T> value_;
  Status error_;
};

}  // namespace cachenode
