// What one blocked command waits for, and how it is served: implemented beside the command's handler.
//
// Thread-safety: constant once the client waits; Serve is called at most once, by the worker that changed the key,
// under
//   the locks of the key's shard and of the destination's.
// Invariant: LookAt changes nothing. Serve replies exactly once, or fails, which becomes the reply.
#pragma once

#include <string>
#include <string_view>

#include "storage/base/status.h"
#include "storage/key_slot.h"

namespace cachenode {

class CommandContext;

class KeyWait {
 public:
  // What the present state of a key means to who waits for it.
  enum class Prospect : uint8_t {
    kNothing,  // It goes on waiting.
    kServe,    // There is something for it.
    kLost,     // What it waits for can come no more.
  };

  virtual ~KeyWait() = default;
  // The type of key that can serve.
  [[nodiscard]] virtual ValueType type() const = 0;
  // Whether it must hear of a key that is missing, or holds another type.
  [[nodiscard]] virtual bool EndsWithKey() const { return false; }
  // Where the element it takes goes; null when it goes to the client only.
  [[nodiscard]] virtual const std::string* destination() const { return nullptr; }
  // `slot` is one of its keys, of any type, or missing.
  [[nodiscard]] virtual Prospect LookAt(const KeySlot& slot) const = 0;
  // Takes what there is from `slot`, for which LookAt said kServe, and writes the whole reply. The context is bound to
  // a stand-in for the client.
  [[nodiscard]] virtual Status Serve(CommandContext& context, KeySlot& slot) = 0;
  // The error for a client whose key LookAt called lost.
  [[nodiscard]] virtual Status Loss(const CommandContext& /*context*/, const KeySlot& /*slot*/) const {
    return Err::kWrongType;
  }
};

}  // namespace cachenode
