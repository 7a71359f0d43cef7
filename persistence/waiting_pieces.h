// Pieces of a large value that is encoded while others use the writer: in memory, and more than a few of them in a
// spill file where the sink has one.
//
// Thread-safety: one thread at a time.
// Invariants: no more than kHeldBytesMax and one piece are in memory while there is a spill file that takes them, and
//   never more than the host has room for. Their order stays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "persistence/byte_stream.h"
#include "persistence/encode_buffer.h"
#include "persistence/encoder_host.h"
#include "persistence/spill_file.h"
#include "storage/base/function_ref.h"

namespace cachenode {

class WaitingPieces {
 public:
  static constexpr size_t kHeldBytesMax = size_t{4} << 20;

  // Both must outlive the pieces.
  WaitingPieces(EncoderHost& host, ByteSink& sink) noexcept : host_(host), sink_(sink) {}
  ~WaitingPieces() { LetGo(held_.size()); }
  WaitingPieces(const WaitingPieces&) = delete;
  WaitingPieces& operator=(const WaitingPieces&) = delete;

  // Takes the bytes of `piece`, which is empty afterwards. False, with nothing changed, when there is no room for them.
  [[nodiscard]] bool Keep(EncodeBuffer& piece, uint64_t checksum);
  // Gives all of them to `write`, in their order; none waits afterwards. The first error ends it.
  Status TakeAll(FunctionRef<Status(std::string_view piece, uint64_t checksum)> write);

 private:
  struct Held {
    EncodeBuffer bytes;
    uint64_t checksum;
  };
  struct Spilled {
    size_t size_bytes;
    uint64_t checksum;
  };

  [[nodiscard]] bool Hold(EncodeBuffer& piece, uint64_t checksum);
  // Moves what is held to the spill file, or a part of it and never tries again.
  void SpillHeld();
  [[nodiscard]] bool Spill(const EncodeBuffer& piece, uint64_t checksum);
  // Of the oldest `count` that are held.
  void LetGo(size_t count) noexcept;

  EncoderHost& host_;
  ByteSink& sink_;
  std::unique_ptr<SpillFile> spill_;
  bool may_spill_ = true;
  std::vector<Spilled> spilled_;
  std::vector<Held> held_;  // All of them come after what is spilled.
  size_t held_bytes_ = 0;
};

}  // namespace cachenode
