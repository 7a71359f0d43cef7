// Options of what the node tells others on its own.
//
// Thread-safety: plain values, see config.h.
#pragma once

#include <cstdint>
#include <string>

namespace cachenode {

struct NotifyDirectives {
  std::string notification_url;  // http(s)://...; empty: nobody is told. May hold a secret.
  std::string notification_ca_file;
  int64_t notification_timeout = 0;  // Seconds for one try.
  int64_t notification_max_attempts = 0;
  std::string sns_endpoint;  // http(s)://host[:port]; empty: by the environment, else AWS' own.
};

}  // namespace cachenode
