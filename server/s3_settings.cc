#include "server/s3_settings.h"

namespace cachenode {

S3Options S3OptionsOf(const Config& config) {
  S3Options options;
  options.s3_endpoint = config.s3_endpoint;
  options.s3_region = config.s3_region;
  options.s3_path_style = static_cast<S3PathStyle>(config.s3_path_style);  // The same names in the same order.
  options.s3_profile = config.s3_profile;
  options.s3_access_key_id = config.s3_access_key_id;
  options.s3_secret_access_key = config.s3_secret_access_key;
  options.s3_session_token = config.s3_session_token;
  options.s3_anonymous = config.s3_anonymous;
  options.s3_request_payer = config.s3_request_payer;
  options.s3_expected_bucket_owner = config.s3_expected_bucket_owner;
  options.s3_server_side_encryption = config.s3_server_side_encryption;
  options.s3_sse_kms_key_id = config.s3_sse_kms_key_id;
  options.s3_storage_class = config.s3_storage_class;
  options.s3_ca_file = config.s3_ca_file;
  options.s3_part_size = static_cast<size_t>(config.s3_part_size);
  options.s3_parallel_parts = static_cast<size_t>(config.s3_parallel_parts);
  options.s3_timeout_s = config.s3_timeout;
  options.s3_stall_timeout_s = config.s3_stall_timeout;
  options.s3_connect_timeout_s = config.s3_connect_timeout;
  options.s3_max_attempts = static_cast<int>(config.s3_max_attempts);
  return options;
}

S3Options S3OptionsOf(const Config& config, Log& log) {
  S3Options options = S3OptionsOf(config);
  options.on_event = [&log](std::string_view event) { CN_LOG(log, kNotice, "{}", event); };
  return options;
}

}  // namespace cachenode
