// Decides about each accepted connection: allow-cidr, maxclients, protected mode, and which worker gets it.
//
// Thread-safety: worker 0.
// Invariant: the chosen worker's client count goes up here, so that connections on their way are counted.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "server/net/listener.h"
#include "server/server_parts.h"

namespace cachenode {

struct Config;
class Worker;

class Admission {
 public:
  Admission(const ServerParts& parts, std::vector<std::unique_ptr<Worker>>& workers)
      : parts_(parts), workers_(workers) {}

  void Admit(IncomingConnection incoming, const Config& config);

 private:
  [[nodiscard]] bool IsAllowedAddress(const IncomingConnection& incoming, const Config& config) const;
  [[nodiscard]] std::optional<std::string_view> RefusalOf(const IncomingConnection& incoming,
                                                          const Config& config) const;
  [[nodiscard]] uint32_t ChooseWorker() const;

  const ServerParts& parts_;
  std::vector<std::unique_ptr<Worker>>& workers_;
};

}  // namespace cachenode
