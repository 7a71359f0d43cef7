// The names of maxmemory-policy.
#pragma once

#include <string_view>

#include "server/config/option_types.h"

namespace cachenode {

// "allkeys-lru", "noeviction"; as CONFIG GET writes it.
[[nodiscard]] std::string_view PolicyName(EvictionPolicy policy);

}  // namespace cachenode
