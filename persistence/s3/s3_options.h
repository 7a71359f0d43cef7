// What a user can say about reading from and writing to an S3 store, and what can be watched while it happens.
//
// Each field of S3Options is one directive of the same name with hyphens ("s3-part-size"); empty and 0 mean "decide
//   from the environment as the AWS tools do".
// Thread-safety: S3Options is a value. S3Progress is shared: written by the download thread, read by anyone, and
//   RequestCancel may be called by anyone.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace cachenode {

inline constexpr size_t kS3PartBytesMin = 64 * 1024;
inline constexpr size_t kS3PartBytesMax = 256 * 1024 * 1024;
inline constexpr size_t kS3ParallelPartsMax = 32;
inline constexpr int64_t kS3TimeoutMaxS = 365 * 24 * 3600;
inline constexpr int64_t kS3StallTimeoutMaxS = 3600;
inline constexpr int64_t kS3ConnectTimeoutMaxS = 300;
// Parts times part size: the most memory a download takes.
inline constexpr size_t kS3RingBytesMax = 1024 * 1024 * 1024;

enum class S3PathStyle : uint8_t {
  kAuto,  // Path style for custom endpoints, IP addresses and bucket names with dots; virtual-host style otherwise.
  kYes,
  kNo,
};

struct S3Options {
  std::string s3_endpoint;  // http(s)://host[:port]
  std::string s3_region;
  S3PathStyle s3_path_style = S3PathStyle::kAuto;
  std::string s3_profile;
  std::string s3_access_key_id;
  std::string s3_secret_access_key;
  std::string s3_session_token;
  bool s3_anonymous = false;             // Send no signature and look for no credentials.
  bool s3_request_payer = false;         // The requester pays: x-amz-request-payer.
  std::string s3_expected_bucket_owner;  // 12 digits; the store refuses if the bucket belongs to somebody else.
  // Of objects we write; empty: the bucket decides.
  std::string s3_server_side_encryption;  // AES256, aws:kms or aws:kms:dsse.
  std::string s3_sse_kms_key_id;          // Only with aws:kms and aws:kms:dsse.
  std::string s3_storage_class;           // STANDARD_IA, ...
  std::string s3_ca_file;                 // PEM; else AWS_CA_BUNDLE, else the system's authorities.

  size_t s3_part_size = 8 * 1024 * 1024;  // Bytes.
  size_t s3_parallel_parts = 4;
  int64_t s3_timeout_s = 3600;      // From the first request to the last byte; 0: no limit.
  int64_t s3_stall_timeout_s = 30;  // A transfer without a byte for that long is tried again.
  int64_t s3_connect_timeout_s = 5;
  int s3_max_attempts = 0;  // Per part; 0: AWS_MAX_ATTEMPTS, else kS3AttemptsDefault.

  // Ends what goes on as S3Progress::RequestCancel does, until that was called; outlives the object. Null: nobody does.
  const std::atomic<bool>* stop = nullptr;

  // Receives sentences for the log (retries, corrected region, source of credentials); never a secret. Called by the
  // thread that opens the object, then by the download thread. May be empty.
  std::function<void(std::string_view)> on_event;
};

inline constexpr int kS3AttemptsDefault = 8;
inline constexpr int kS3AttemptsMax = 100;

// Counters only grow.
struct S3Progress {
  std::atomic<int64_t> bytes_total{-1};     // -1: not known yet.
  std::atomic<int64_t> bytes_received{0};   // From the network, repeated bytes not counted.
  std::atomic<int64_t> bytes_delivered{0};  // Handed to the reader.
  std::atomic<int64_t> bytes_sent{0};       // Of parts the store has acknowledged.
  std::atomic<int64_t> requests{0};
  std::atomic<int64_t> retries{0};
  std::atomic<bool> cancel_requested{false};

  // The transfer ends within about a tenth of a second and whoever reads or writes gets kCancelled.
  void RequestCancel() { cancel_requested.store(true, std::memory_order_relaxed); }
};

}  // namespace cachenode
