#include "persistence/waiting_pieces.h"

#include <utility>

#include "storage/base/background_thread.h"

namespace cachenode {

bool WaitingPieces::Keep(EncodeBuffer& piece, uint64_t checksum) {
  if (held_bytes_ < kHeldBytesMax && Hold(piece, checksum)) return true;
  SpillHeld();
  if (!may_spill_) return Hold(piece, checksum);
  if (!Spill(piece, checksum)) return Hold(piece, checksum);
  piece.Clear();
  return true;
}

bool WaitingPieces::Hold(EncodeBuffer& piece, uint64_t checksum) {
  const size_t bytes = piece.capacity();
  if (!host_.TryHold(bytes)) return false;
  held_bytes_ += bytes;
  held_.push_back({std::move(piece), checksum});
  return true;
}

void WaitingPieces::SpillHeld() {
  if (may_spill_ && spill_ == nullptr) {
    spill_ = sink_.MakeSpill();
    may_spill_ = spill_ != nullptr;
  }
  size_t count = 0;
  while (may_spill_ && count < held_.size() && Spill(held_[count].bytes, held_[count].checksum)) ++count;
  LetGo(count);
}

bool WaitingPieces::Spill(const EncodeBuffer& piece, uint64_t checksum) {
  // What it holds is still good after an error, as when the disk is full: it is only no place for more.
  may_spill_ = spill_->Append(piece.view()).ok();
  if (may_spill_) spilled_.push_back({piece.size(), checksum});
  return may_spill_;
}

void WaitingPieces::LetGo(size_t count) noexcept {
  for (size_t i = 0; i < count; ++i) {
    const size_t bytes = held_[i].bytes.capacity();
    held_[i].bytes.ClearAndDropPages();
    held_bytes_ -= bytes;
    host_.LetGo(bytes);
  }
  held_.erase(held_.begin(), held_.begin() + static_cast<ptrdiff_t>(count));
}

Status WaitingPieces::TakeAll(FunctionRef<Status(std::string_view, uint64_t)> write) {
  EncodeBuffer buffer;
  uint64_t offset = 0;
  for (const Spilled& piece : spilled_) {
    buffer.Clear();
    char* const bytes = buffer.Room(piece.size_bytes);
    if (bytes == nullptr) return Err::kOutOfMemory;
    if (Status status = spill_->ReadAt(offset, {bytes, piece.size_bytes}); !status.ok()) return status;
    if (Status status = write({bytes, piece.size_bytes}, piece.checksum); !status.ok()) return status;
    offset += piece.size_bytes;
    if (!host_.IsShortOfRoom()) GiveWay();
  }
  spilled_.clear();
  for (const Held& piece : held_) {
    if (Status status = write(piece.bytes.view(), piece.checksum); !status.ok()) return status;
  }
  LetGo(held_.size());
  return Status::Ok();
}

}  // namespace cachenode
