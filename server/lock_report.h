// Who holds the world lock and which shard locks at this moment, in words for the log.
//
// Thread-safety: any thread. What it reads may change meanwhile: it is a picture of a standstill, not of a race.
#pragma once

#include <string>
#include <vector>

namespace cachenode {

class Keyspace;
class WorldLock;

// Lines without line ends; at least one.
[[nodiscard]] std::vector<std::string> LockReport(Keyspace& keyspace, const WorldLock& world);

}  // namespace cachenode
