#include "server/lock_report.h"

#include <fmt/format.h>

#include <map>

#include "server/world_lock.h"
#include "storage/base/thread_number.h"
#include "storage/keyspace.h"

namespace cachenode {

namespace {

constexpr size_t kShardsNamedMax = 16;

void AppendItem(std::string& list, std::string_view item) {
  if (!list.empty()) list += ", ";
  list += item;
}

void AddWorld(std::vector<std::string>& lines, const WorldLock& world) {
  const WorldLock::Occupants now = world.OccupantsNow();
  if (now.exclusive != 0) {  // Nobody else is inside; who upgraded still is.
    lines.push_back(fmt::format("World lock: held by {}", ThreadName(now.exclusive)));
    return;
  }
  if (now.inside.empty()) return;
  std::string names;
  for (const uint32_t thread : now.inside) AppendItem(names, ThreadName(thread));
  lines.push_back(fmt::format("World lock: shared by {}{}", names, now.writer_waits ? "; a writer waits" : ""));
}

// By holder, since one command may hold them all.
void AddShards(std::vector<std::string>& lines, Keyspace& keyspace) {
  std::map<uint32_t, std::vector<uint32_t>> held;
  for (uint32_t index = 0; index < keyspace.shard_count(); ++index) {
    if (const uint32_t holder = keyspace.shard(index).lock_holder(); holder != 0) held[holder].push_back(index);
  }
  for (const auto& [holder, shards] : held) {
    std::string names;
    for (size_t i = 0; i < shards.size() && i < kShardsNamedMax; ++i) AppendItem(names, std::to_string(shards[i]));
    if (shards.size() > kShardsNamedMax) names += fmt::format(" and {} more", shards.size() - kShardsNamedMax);
    lines.push_back(fmt::format("Shard locks: {} held by {}", names, ThreadName(holder)));
  }
}

}  // namespace

std::vector<std::string> LockReport(Keyspace& keyspace, const WorldLock& world) {
  std::vector<std::string> lines;
  AddWorld(lines, world);
  AddShards(lines, keyspace);
  if (lines.empty()) lines.emplace_back("No lock is held");
  return lines;
}

}  // namespace cachenode
