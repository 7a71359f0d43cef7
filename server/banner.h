// The picture a node prints at its start, with the facts an operator looks for; test harnesses read the PID line.
//
// Thread-safety: pure function.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cachenode {

struct BannerFacts {
  std::string_view engine_version;  // "7.4.0"
  int64_t port = 0;
  int64_t process_id = 0;
  uint32_t workers = 0;
};

std::string MakeBanner(const BannerFacts& facts);

}  // namespace cachenode
