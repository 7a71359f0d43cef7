// The steps of a multipart upload but for the parts themselves: is the name free, begin, complete, verify, abort.
//
// Thread-safety: one thread at a time; every step blocks on the network and ends within about a tenth of a second of a
//   cancellation or the deadline. Never on a loop thread.
// Invariants: an object that is there is never replaced: the name is looked up before anything is sent, and completion
//   asks the store to refuse where it can (If-None-Match). Where it cannot, the name is looked up once more, and only a
//   writer between that look and the completion could be overwritten. The new object carries a random mark, so that a
//   completion whose answer was lost is told from somebody else's object.
// Errors: as s3_client.h says.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "persistence/s3/s3_session.h"

namespace cachenode {

// How the options want new objects encrypted.
[[nodiscard]] std::vector<HttpHeader> S3EncryptionHeaders(const S3Options& options);

class S3Multipart {
 public:
  // How long Abort may take, whatever happened before.
  static constexpr int64_t kAbortMsMax = 10'000;

  // The object gets `object_headers`, x-amz-*, besides those of the options.
  explicit S3Multipart(std::unique_ptr<S3Session> session, std::vector<HttpHeader> object_headers = {});

  // Refuses when the name is taken, else begins the upload.
  Status Begin();
  // The call for part `number`, from 1; what it points to must outlive the transfer.
  [[nodiscard]] S3Call PartCall(int64_t number, std::string_view body, std::string_view body_sha256) const;
  // Makes an object of the parts, whose ETags are given in order, and verifies that the store has `size_bytes` of it.
  Status Complete(const std::vector<std::string>& etags, int64_t size_bytes);
  // Has the store forget the parts. Best effort: what remains is the affair of the bucket's life cycle rules.
  void Abort();

  [[nodiscard]] S3Session& session() { return *session_; }

 private:
  Result<HttpResponse> Head();
  Status RefuseTaken() const;
  [[nodiscard]] bool IsOurs(const HttpResponse& head) const;
  [[nodiscard]] std::vector<HttpHeader> ObjectHeaders() const;
  Status AfterCompletion(const HttpResponse& answer, int64_t size_bytes);
  Status Verify(int64_t size_bytes, bool must_be_ours, std::string_view otherwise);

  const std::unique_ptr<S3Session> session_;
  const std::vector<HttpHeader> object_headers_;
  const std::string mark_;
  std::string upload_id_;  // Empty: nothing to abort.
};

}  // namespace cachenode
