// How the node's configuration says that object stores are reached.
//
// Thread-safety: a pure function.
#pragma once

#include "persistence/s3/s3_options.h"
#include "server/config/config.h"
#include "storage/base/log.h"

namespace cachenode {

// Events of the transfer become lines of `log`, which outlives it.
[[nodiscard]] S3Options S3OptionsOf(const Config& config, Log& log);

}  // namespace cachenode
