// A prefix of a bucket as a place for small objects: list, read, write new ones, delete. Large ones go through
// s3_client.h.
//
// Thread-safety: one thread at a time; everything blocks on the network and ends within about a tenth of a second of
//   S3Options::stop. Never on a loop thread.
// Limits: kHttpBodyBytesMax for an object that is read or written; kObjectsMax objects in a listing.
// Errors: kUnavailable or kConfig, one sentence that begins with s3://bucket/prefix; kCancelled.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "persistence/s3/s3_listing.h"
#include "persistence/s3/s3_session.h"
#include "storage/base/result.h"

namespace cachenode {

// A bucket, or a bucket and a folder, in every form of a location that may lack the key: the key of what comes back is
// empty or ends with '/'. kConfig for what cannot be one.
Result<S3Location> ParseS3Prefix(std::string_view text);

// Whether `text` names a store, in a place where it could also be a path.
[[nodiscard]] bool IsS3Address(std::string_view text);

class S3Bucket {
 public:
  static constexpr size_t kObjectsMax = 50'000;

  // `prefix` as ParseS3Prefix gives it. Keys below are relative to it.
  static Result<std::unique_ptr<S3Bucket>> Open(const S3Location& prefix, const S3Options& options);

  struct Listing {
    std::vector<S3ListedObject> objects;  // Right below the prefix, not deeper; in the order of their keys.
    int64_t answered_s = 0;               // The store's time, in Unix seconds; 0: it did not say.
  };
  Result<Listing> List();

  struct Object {
    std::string body;
    std::string etag;
  };
  // Nothing when there is none.
  Result<std::optional<Object>> Get(const std::string& key);
  // The last `count` bytes of an object of `size_bytes`, which must be there.
  Result<std::string> GetTail(const std::string& key, uint64_t size_bytes, size_t count);

  struct Facts {
    uint64_t size_bytes = 0;
    HttpResponse answer;  // Its headers are the object's.
  };
  Result<std::optional<Facts>> Look(const std::string& key);

  // A new object that the store either has wholly or not at all, and never instead of another one.
  enum class Put : uint8_t {
    kStored,
    kTaken,    // There is another one of that name.
    kRefused,  // It is surely not there; `status` says why.
    kUnknown,  // It may be there; `status` says why that is not known.
  };
  struct PutOutcome {
    Put put = Put::kUnknown;
    Status status;
  };
  PutOutcome PutNew(const std::string& key, std::string_view body, std::string_view content_type);

  // Ok when there was none, too.
  Status Delete(const std::string& key);

  // Multipart uploads that have begun and not ended, right below the prefix; at most one page of them.
  Result<std::vector<S3ListedUpload>> ListUploads();
  Status AbortUpload(const S3ListedUpload& upload);

 private:
  explicit S3Bucket(std::unique_ptr<S3Session> session) : session_(std::move(session)) {}
  [[nodiscard]] std::string FullKey(const std::string& key) const { return session_->location().key + key; }
  // The keys of a listing are whole; here they lose the prefix. False: it lies elsewhere, or deeper.
  [[nodiscard]] bool MakeRelative(std::string& key) const;
  [[nodiscard]] Status About(const std::string& key, Status status) const;
  [[nodiscard]] PutOutcome Compare(const std::string& key, std::string_view body);

  const std::unique_ptr<S3Session> session_;
};

}  // namespace cachenode
