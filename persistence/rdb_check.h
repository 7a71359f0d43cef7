// Reads a whole RDB file and keeps nothing of it: proves that it can be loaded, and tells what is in it.
//
// Thread-safety: a function; blocks in the source. `stop` may be set by any thread.
// Limits: memory is one block of the reader and one value of at most `decoded_bytes_max`. Larger collections are
//   not built: their elements are read one by one, but order and duplicates among them stay unchecked.
// Errors: kCorrupt with offset, key, type and reason; kUnavailable for types and versions that are not known;
//   kCancelled after `stop`; the source's own.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>

#include "persistence/byte_stream.h"
#include "persistence/snapshot_choices.h"
#include "storage/base/result.h"

namespace cachenode {

struct RdbCheckOptions {
  const std::atomic<bool>* stop = nullptr;
  size_t decoded_bytes_max = size_t{8} << 20;  // Bytes in the file.
  size_t block_bytes = size_t{1} << 20;
  // As RdbReaderOptions: what a load lets pass.
  RdbVersionCheck version_check = RdbVersionCheck::kRelaxed;
  bool verify_checksum = true;
  uint32_t database_count = UINT32_MAX;
  UnsupportedTypes unsupported = UnsupportedTypes::kFail;
  // Whether bytes behind the end marker are an error. A load ignores them.
  bool refuses_rest = true;
};

struct RdbSummary {
  int version = 0;
  bool is_valkey = false;  // The magic is VALKEY.
  std::string writer_version;
  uint64_t size_bytes = 0;
  uint64_t checksum = 0;             // CRC64 of everything before the stored one, whatever that is.
  bool has_stored_checksum = false;  // False for a file written with rdbchecksum no.
  int64_t created_s = 0;             // Unix seconds; 0: the file does not say.
  uint64_t needed_bytes = 0;         // Memory the data took in one of our servers; 0: another server wrote the file.
  uint64_t used_memory_bytes = 0;    // What the writer said it used.
  uint64_t key_count = 0;
  uint64_t expiring_count = 0;  // Of them, with a deadline.
  uint64_t function_count = 0;
  std::map<std::string, uint64_t> keys_by_type;  // By the names of the TYPE command.
};

Result<RdbSummary> CheckRdb(ByteSource& source, const RdbCheckOptions& how = {});

}  // namespace cachenode
