#include "server/stats/policy_name.h"

namespace cachenode {

std::string_view PolicyName(EvictionPolicy policy) {
  switch (policy) {
    case EvictionPolicy::kVolatileLru:
      return "volatile-lru";
    case EvictionPolicy::kVolatileLfu:
      return "volatile-lfu";
    case EvictionPolicy::kVolatileRandom:
      return "volatile-random";
    case EvictionPolicy::kVolatileTtl:
      return "volatile-ttl";
    case EvictionPolicy::kAllKeysLru:
      return "allkeys-lru";
    case EvictionPolicy::kAllKeysLfu:
      return "allkeys-lfu";
    case EvictionPolicy::kAllKeysRandom:
      return "allkeys-random";
    case EvictionPolicy::kNoEviction:
      return "noeviction";
    case EvictionPolicy::kAllKeysS3Fifo:
      return "allkeys-s3fifo";
    case EvictionPolicy::kVolatileS3Fifo:
      return "volatile-s3fifo";
  }
  return "noeviction";
}

}  // namespace cachenode
