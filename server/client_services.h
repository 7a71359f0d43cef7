// The parts that clients share beyond keys: watched keys, waiting clients, channels, tracking, users, scripts. Made
// once for a node and for each test harness, so that all have the same.
//
// Thread-safety: made before the workers start, destroyed after they ended; each part states its own rule.
#pragma once

#include <memory>

namespace cachenode {

struct ServerParts;

class ClientServices {
 public:
  // Makes every part and enters it in `parts`, which has configuration, commands, keyspace, world and state already.
  explicit ClientServices(ServerParts& parts);
  ~ClientServices();
  ClientServices(const ClientServices&) = delete;
  ClientServices& operator=(const ClientServices&) = delete;

 private:
  struct Services;
  std::unique_ptr<Services> services_;
};

}  // namespace cachenode
