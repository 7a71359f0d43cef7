// What an upload is told besides the options of the store.
//
// Thread-safety: a value.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "persistence/s3/http_client.h"
#include "persistence/s3/s3_options.h"

namespace cachenode {

struct S3UploadOptions {
  S3Options s3;
  // About how long the object will be; decides the size of its parts. 0: not known.
  uint64_t estimated_bytes = 0;
  // The object is an RDB file with a checksum: what was sent must end with its own, or it is not completed.
  bool expect_rdb_checksum = false;
  // The CRC-64 of all bytes that were meant to be sent, asked for when all parts are there: another one of what was
  // sent, and it is not completed. Empty: not compared.
  std::function<uint64_t()> checksum_meant;
  // Headers of the object, x-amz-meta-*.
  std::vector<HttpHeader> object_headers;
  // Runs what cleans up after an upload that was given up, so that destruction does not wait for the network: up to
  // S3Multipart::kAbortMsMax, on any thread. Empty: destruction waits.
  std::function<void(std::function<void()>)> run_later;
};

}  // namespace cachenode
