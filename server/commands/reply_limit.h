// Whether a reply that a client made long by a mere number is worth going on with: once it is over the client's hard
// output limit, the client is closed anyway when the request ends.
//
// Thread-safety: on a handler's stack.
#pragma once

#include <cstdint>

#include "server/command_context.h"
#include "server/config/config.h"

namespace cachenode {

class ReplyLimit {
 public:
  explicit ReplyLimit(CommandContext& context) : replies_(context.session().replies) {
    const Session& session = context.session();
    const bool is_subscriber = session.client_class == ClientClass::kPubSub;
    const auto output_class = static_cast<size_t>(is_subscriber ? OutputClass::kPubsub : OutputClass::kNormal);
    // Nobody closes a client without a connection, which is a script's.
    if (session.connection != nullptr)
      bytes_max_ = context.config().client_output_buffer_limit[output_class].hard_bytes;
  }

  // False where only the handler's own limit keeps the reply from taking all memory.
  [[nodiscard]] bool IsSet() const { return bytes_max_ != 0; }
  [[nodiscard]] bool IsExceeded() const { return bytes_max_ != 0 && replies_.SizeBytes() > bytes_max_; }

 private:
  const ReplyBuffer& replies_;
  uint64_t bytes_max_ = 0;
};

}  // namespace cachenode
