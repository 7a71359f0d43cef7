#include "server/node_state.h"

#include <unistd.h>
#include <climits>

#include <array>

#include "storage/base/random.h"

namespace cachenode {
namespace {

std::string RandomId() {
  std::string id(40, '0');
  FillWithRandomHex(id);
  return id;
}

}  // namespace

NodeIdentity MakeIdentity(int64_t now_ms) {
  std::array<char, PATH_MAX> path{};
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size());
  return {.run_id = RandomId(),
          .replication_id = RandomId(),
          .executable = length > 0 ? std::string(path.data(), static_cast<size_t>(length)) : std::string(),
          .started_ms = now_ms};
}

}  // namespace cachenode
