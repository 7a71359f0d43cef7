#include "persistence/rdb_input.h"

namespace cachenode {

bool RdbInput::ReadCount(uint64_t& out, uint64_t item_bytes_min) {
  if (!ReadLength(out)) return false;
  const uint64_t behind = window_ == nullptr ? 0 : window_->BytesBehind();
  if (behind == UINT64_MAX) return true;
  if (out <= (Left() + behind) / item_bytes_min) return true;
  return Fail("a count is larger than the bytes that follow");
}

bool RdbInput::ReadText(std::string& scratch, std::string_view& out) {
  RdbString text;
  if (!Read([&text](RdbCursor& at) { return at.ReadString(text); })) return false;
  return text.View(scratch, out) || Fail("a compressed string cannot be decompressed");
}

bool RdbInput::Fail(std::string_view reason) {
  if (status_.ok()) status_ = Status::WithText(Err::kCorrupt, std::string(reason));
  return false;
}

bool RdbInput::Recover(const RdbCursor& failed) {
  if (failed.fault() == RdbCursor::Fault::kCorrupt) return Fail(failed.reason());
  if (window_ == nullptr) return Fail("the value is cut off");
  const size_t consumed = cursor_.Position();
  const size_t have = bytes_ - consumed;
  if (window_->BytesBehind() < failed.bytes_missing()) return Fail("a length asks for more bytes than the file has");
  Result<std::string_view> window = window_->Slide(consumed, have + failed.bytes_missing());
  if (!window) {
    status_ = window.error();
    return false;
  }
  cursor_ = RdbCursor(*window);
  bytes_ = window->size();
  return true;
}

}  // namespace cachenode
