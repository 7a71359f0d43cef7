// The bytes of one value as its decoder takes them: item by item, all of them in memory or through a window that moves
// over a stream, so that a value of any size is built without holding its bytes a second time.
//
// Thread-safety: one thread at a time.
// Lifetime: views taken from an item live until the next Read.
// Invariants: an item is read whole or not at all; after the first failure every Read fails and error() says why.
// Errors: kCorrupt with a reason; those of the stream behind the window.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "persistence/rdb_cursor.h"
#include "storage/base/result.h"

namespace cachenode {

// Where more bytes of a value come from.
class RdbWindow {
 public:
  virtual ~RdbWindow() = default;
  // Drops the first `consumed` bytes of the window, adds at least one more, `wanted` if there are so many, and answers
  // the whole window, which may lie elsewhere now.
  virtual Result<std::string_view> Slide(size_t consumed, uint64_t wanted) = 0;
  // Bytes that may still come behind the window; a bound for lengths. UINT64_MAX: unknown.
  [[nodiscard]] virtual uint64_t BytesBehind() const noexcept = 0;
};

class RdbInput {
 public:
  // All of the value.
  explicit RdbInput(std::string_view value) noexcept : cursor_(value), bytes_(value.size()) {}
  // The beginning of a value whose rest comes from `window`, which outlives the input.
  RdbInput(std::string_view head, RdbWindow& window) noexcept : cursor_(head), bytes_(head.size()), window_(&window) {}
  RdbInput(const RdbInput&) = delete;
  RdbInput& operator=(const RdbInput&) = delete;

  // Reads one item by `read(RdbCursor&) -> bool`, which is called again from the item's first byte when the window had
  // to move. Everything `read` leaves in variables is from its last call.
  template <typename ReadItem>
  [[nodiscard]] bool Read(ReadItem&& read) {
    while (status_.ok()) {
      RdbCursor at = cursor_;
      if (read(at)) [[likely]] {
        cursor_ = at;
        return true;
      }
      if (!Recover(at)) return false;
    }
    return false;
  }
  [[nodiscard]] bool ReadLength(uint64_t& out) {
    return Read([&out](RdbCursor& at) { return at.ReadLength(out); });
  }
  // A count of items that take at least `item_bytes_min` each: refused when so many cannot follow.
  [[nodiscard]] bool ReadCount(uint64_t& out, uint64_t item_bytes_min);
  // The decoded text; a view of the window or of `scratch`.
  [[nodiscard]] bool ReadText(std::string& scratch, std::string_view& out);
  [[nodiscard]] bool ReadInt64(int64_t& out) {
    return Read([&out](RdbCursor& at) { return at.ReadInt64(out); });
  }

  // Fails for a reason found by the decoder; answers false. `reason` is the whole text.
  bool Fail(std::string_view reason);
  // Bytes of the current window that are consumed, and those that are not.
  [[nodiscard]] size_t Position() const noexcept { return cursor_.Position(); }
  [[nodiscard]] size_t Left() const noexcept { return cursor_.Left(); }
  [[nodiscard]] bool failed() const noexcept { return !status_.ok(); }
  // Moves the error out; Ok when there was none.
  [[nodiscard]] Status TakeStatus() noexcept { return std::move(status_); }

 private:
  // Whether reading may be tried again after `failed` failed.
  bool Recover(const RdbCursor& failed);

  RdbCursor cursor_;
  size_t bytes_;  // Of the window.
  RdbWindow* window_ = nullptr;
  Status status_;
};

}  // namespace cachenode
