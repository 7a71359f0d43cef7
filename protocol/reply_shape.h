// Debug-build check that a reply keeps what its headers announced: a header of n is followed by n items.
//
// Thread-safety: owned by one RespWriter. Release builds have an empty class in its place.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace cachenode {

#ifndef NDEBUG

class ReplyShape {
 public:
  // A value without children was written.
  void Item() {
    if (open_.empty()) {
      ++replies_;
      return;
    }
    assert(open_.back() != 0 && "more items than the header announced");
    if (open_.back() != kUnknown) --open_.back();
    CloseFull();
  }
  // A header announcing `count` children.
  void Open(size_t count) {
    if (!open_.empty()) {
      assert(open_.back() != 0 && "more items than the header announced");
      if (open_.back() != kUnknown) --open_.back();
    }
    open_.push_back(count);
    CloseFull();
  }
  void OpenUnknown() {
    Open(kUnknown);
    counted_.push_back(open_.size());
  }
  // The innermost open aggregate is one whose count was not known, and is complete.
  void CloseUnknown() {
    assert(!open_.empty() && open_.back() == kUnknown && "a nested header is not complete");
    counted_.pop_back();
    open_.pop_back();
    if (open_.empty()) ++replies_;
    CloseFull();
  }
  // An attribute's items precede a value and are no value themselves.
  void OpenAttribute(size_t count) {
    if (count != 0) {
      open_.push_back(count);
      attribute_depth_.push_back(open_.size());
    }
  }
  // Everything begun since the last whole reply is forgotten (a rollback).
  void Forget() {
    open_.clear();
    counted_.clear();
    attribute_depth_.clear();
  }
  [[nodiscard]] bool Complete() const noexcept { return open_.empty(); }
  [[nodiscard]] uint64_t replies() const noexcept { return replies_; }

 private:
  static constexpr size_t kUnknown = SIZE_MAX;

  void CloseFull() {
    while (!open_.empty() && open_.back() == 0) {
      const bool is_attribute = !attribute_depth_.empty() && attribute_depth_.back() == open_.size();
      if (is_attribute) attribute_depth_.pop_back();
      open_.pop_back();
      if (open_.empty() && !is_attribute) ++replies_;
    }
  }

  std::vector<size_t> open_;             // Items still owed by each open aggregate, outermost first.
  std::vector<size_t> counted_;          // Depths of those with a deferred count.
  std::vector<size_t> attribute_depth_;  // Depths of attributes.
  uint64_t replies_ = 0;
};

#else

class ReplyShape {
 public:
  void Item() noexcept {}
  void Open(size_t) noexcept {}
  void OpenUnknown() noexcept {}
  void CloseUnknown() noexcept {}
  void OpenAttribute(size_t) noexcept {}
  void Forget() noexcept {}
  [[nodiscard]] bool Complete() const noexcept { return true; }
};

#endif

}  // namespace cachenode
