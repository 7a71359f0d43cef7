// One notice to a tracking client: these keys changed, everything may have, or the client its notices go to is gone.
//
// Thread-safety: a value; the encoded keys are shared between clients and workers and never change.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace cachenode {

struct Session;

// A RESP array of bulk strings, encoded once for all who get it.
using EncodedKeys = std::shared_ptr<const std::string>;

struct Invalidation {
  enum class Kind : uint8_t { kKeys, kEverything, kRedirectBroken };

  uint64_t client = 0;       // Who tracks.
  uint64_t redirect_to = 0;  // Who is told instead; 0: the client itself.
  Kind kind = Kind::kKeys;
  EncodedKeys keys = nullptr;  // Of kKeys.

  // Who gets the bytes.
  [[nodiscard]] uint64_t Receiver() const {
    return redirect_to == 0 || kind == Kind::kRedirectBroken ? client : redirect_to;
  }
  // What a letter with this notice is charged.
  [[nodiscard]] size_t SizeBytes() const { return sizeof(*this) + (keys == nullptr ? 0 : keys->size()); }
};

// The channel a RESP2 client subscribes to, to get other clients' notices.
inline constexpr std::string_view kInvalidationChannel = "__redis__:invalidate";

// "*1\r\n$3\r\nkey\r\n".
[[nodiscard]] std::string EncodeKey(std::string_view key);
void AppendArrayHeader(std::string& to, size_t count);
void AppendBulk(std::string& to, std::string_view bytes);

// Writes the notice behind the replies of `receiver`, its receiver, and has them sent. Between two replies, on the
// worker of `receiver`. A RESP2 client that is not subscribed to anything cannot be told and is not.
void DeliverInvalidation(Session& receiver, const Invalidation& notice);

}  // namespace cachenode
