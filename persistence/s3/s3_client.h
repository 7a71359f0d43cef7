// An object in an S3 store as a ByteSource: HEAD, then parallel ranged GETs pinned to one version by its ETag,
// delivered in order out of a bounded ring of part buffers. README.md beside this file has the whole picture.
//
// Thread-safety: OpenS3Object may be called from any thread and blocks it on the network (never a loop thread). The
//   source belongs to one thread at a time and owns one download thread, which ends with it.
// Memory: s3_parallel_parts times s3_part_size, less for small objects.
// Errors: one sentence that names bucket and key, what happened, HTTP status and S3 error code. kConfig for a wrong
//   option, kUnavailable for store and network, kCancelled. The source never ends early: Read returns 0 only after
//   all SizeBytes() bytes.
#pragma once

#include <memory>

#include "persistence/byte_stream.h"
#include "persistence/s3/s3_options.h"
#include "persistence/s3/s3_uri.h"
#include "storage/base/result.h"

namespace cachenode {

// `progress` may be watched from other threads while the source is read. Credentials, region and endpoint come from
// `options`, then from the process' environment and the AWS tools' shared files.
Result<std::unique_ptr<ByteSource>> OpenS3Object(const S3Location& location, const S3Options& options,
                                                 std::shared_ptr<S3Progress> progress = std::make_shared<S3Progress>());

// kConfig if a field is outside its range, naming the directive and the range.
Status ValidateS3Options(const S3Options& options);

}  // namespace cachenode
