// Reads the answers of ListObjectsV2 and ListMultipartUploads.
//
// Thread-safety: pure functions and values. What is malformed is left out; nothing is read outside of the answer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cachenode {

struct S3ListedObject {
  std::string key;
  std::string etag;
  std::string last_modified;  // "2024-01-01T00:00:00.000Z".
  uint64_t size_bytes = 0;
};
struct S3ObjectPage {
  std::vector<S3ListedObject> objects;
  std::string next_token;  // Empty: this was the last one.
};
[[nodiscard]] S3ObjectPage ParseObjectPage(std::string_view body);

struct S3ListedUpload {
  std::string key;
  std::string id;
  std::string initiated;  // As last_modified.
};
// One page: whoever clears up does not need all at once.
[[nodiscard]] std::vector<S3ListedUpload> ParseUploads(std::string_view body);

}  // namespace cachenode
