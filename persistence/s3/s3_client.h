// An object in an S3 store as a ByteSink: see OpenS3Upload below. As a ByteSource: HEAD, then parallel ranged GETs
// pinned to one version by its ETag, delivered in order out of a bounded ring of part buffers. README.md beside this
// file has the whole picture.
//
// Thread-safety: OpenS3Object may be called from any thread and blocks it on the network (never a loop thread). The
//   source belongs to one thread at a time and owns one download thread, which ends with it.
// Memory: s3_parallel_parts times s3_part_size, less for small objects.
// Errors: one sentence that names bucket and key, what happened, HTTP status and S3 error code. kConfig for a wrong
//   option, kUnavailable for store and network, kCancelled. The source never ends early: Read returns 0 only after
//   all SizeBytes() bytes.
#pragma once

#include <memory>
#include <string_view>

#include "persistence/byte_stream.h"
#include "persistence/s3/s3_options.h"
#include "persistence/s3/s3_upload_options.h"
#include "persistence/s3/s3_uri.h"
#include "storage/base/result.h"

namespace cachenode {

// `progress` may be watched from other threads while the source is read. Credentials, region and endpoint come from
// `options`, then from the process' environment and the AWS tools' shared files.
Result<std::unique_ptr<ByteSource>> OpenS3Object(
    const S3Location& location, const S3Options& options,
    const std::shared_ptr<S3Progress>& progress = std::make_shared<S3Progress>());

// A new object as a ByteSink, by multipart upload: bytes go out in parts while they are written. The name must be free
// now and when Commit completes the object, otherwise it fails; nothing is ever overwritten. Destroyed without Commit,
// or after a failure, the store is told to forget the parts. One thread at a time; Write waits while the store is slow,
// and every wait ends within about a tenth of a second of `progress->RequestCancel()`.
// Memory: s3_parallel_parts times the part size (s3_upload.h).
Result<std::unique_ptr<ByteSink>> OpenS3Upload(
    const S3Location& location, const S3UploadOptions& options,
    const std::shared_ptr<S3Progress>& progress = std::make_shared<S3Progress>());

// Where an export called `name` goes: `<target>/<name>-0001.rdb`, with a target in every form of a location that may
// lack the key: "s3://bucket", "arn:aws:s3:::bucket/folder", "bucket/folder". kConfig for what cannot be a location.
Result<S3Location> ParseExportLocation(std::string_view target, std::string_view name);

// kConfig if a field is outside its range, naming the directive and the range.
Status ValidateS3Options(const S3Options& options);

}  // namespace cachenode
