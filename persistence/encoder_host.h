// What an encoder of a snapshot may ask those who count its memory and know who waits.
//
// Thread-safety: any thread.
#pragma once

#include <cstddef>

namespace cachenode {

class EncoderHost {
 public:
  virtual ~EncoderHost() = default;
  // Counts `bytes` of encoded pieces as held. False when there is no room for them: what is held should be written, and
  // what follows as it is encoded.
  [[nodiscard]] virtual bool TryHold(size_t bytes) noexcept = 0;
  // Bytes of a TryHold that answered true are free.
  virtual void LetGo(size_t bytes) noexcept = 0;
  // Whether clients wait, or soon will, until something was written.
  [[nodiscard]] virtual bool IsShortOfRoom() const noexcept = 0;
  // Told of each piece of a large value, which is progress. False when nobody wants the snapshot any more.
  [[nodiscard]] virtual bool OnPiece() noexcept = 0;
};

}  // namespace cachenode
