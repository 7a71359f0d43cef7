// How the node's configuration says that object stores are reached.
//
// Thread-safety: pure functions.
#pragma once

#include "persistence/s3/s3_options.h"
#include "server/config/config.h"
#include "storage/base/log.h"

namespace cachenode {

// Nobody hears of events of the transfer.
[[nodiscard]] S3Options S3OptionsOf(const Config& config);
// They become lines of `log`, which outlives the transfer.
[[nodiscard]] S3Options S3OptionsOf(const Config& config, Log& log);

}  // namespace cachenode
