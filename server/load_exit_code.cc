#include "server/load_exit_code.h"

namespace cachenode {

LoadExitCode ExitCodeOf(const Status& status, LoadSource source) {
  switch (status.code()) {
    case Err::kOutOfMemory:
      return LoadExitCode::kTooLarge;
    case Err::kCorrupt:
      return LoadExitCode::kBroken;
    case Err::kConfig:
      return LoadExitCode::kOptions;
    case Err::kUnavailable:
      return source == LoadSource::kStore ? LoadExitCode::kStore : LoadExitCode::kUnsupported;
    case Err::kIo:
      return source == LoadSource::kStore ? LoadExitCode::kStore : LoadExitCode::kDisk;
    case Err::kNoSuchKey:
    case Err::kText:  // A name that breaks a rule.
      return source == LoadSource::kCatalogue ? LoadExitCode::kNoSnapshot : LoadExitCode::kOther;
    default:
      return LoadExitCode::kOther;
  }
}

}  // namespace cachenode
