// With which status a process ends that could not load its data set, so that whoever started it knows what to do
// without reading the log. README.md has the table for users.
//
// Thread-safety: pure functions.
#pragma once

#include <cstdint>

#include "storage/base/status.h"

namespace cachenode {

// Never renumbered: supervisors are configured with these.
enum class LoadExitCode : int {
  kOther = 1,         // Also of every start that fails before its load.
  kTooLarge = 10,     // The data needs more memory than the node may take.
  kUnsupported = 11,  // Whole, but of a type or a version this server does not have.
  kBroken = 12,       // Damaged or cut off.
  kStore = 13,        // The object store could not be reached or refused.
  kNoSnapshot = 14,   // The catalogue or the snapshot in it is missing.
  kDisk = 15,         // The disk could not be read.
  kOptions = 16,      // The location, or an option of the store, is wrong.
};

// Where the error came from: one code means different things.
enum class LoadSource : uint8_t {
  kData,       // The bytes of the data set, or the file they lie in.
  kCatalogue,  // Looking for a snapshot.
  kStore,      // The object store.
};

// `status` is an error.
[[nodiscard]] LoadExitCode ExitCodeOf(const Status& status, LoadSource source);

}  // namespace cachenode
