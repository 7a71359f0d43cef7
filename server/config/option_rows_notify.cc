// Rows of the option table: what leaves the node on its own: exported snapshots and notifications.
#include <algorithm>

#include "server/config/option_row.h"

namespace cachenode {
namespace {

constexpr size_t kStorageClassBytesMax = 64;

std::string RefuseEncryption(std::string_view value) {
  const bool ok = value.empty() || value == "AES256" || value == "aws:kms" || value == "aws:kms:dsse";
  return ok ? "" : "must be AES256, aws:kms or aws:kms:dsse, or empty";
}

std::string RefuseStorageClass(std::string_view value) {
  const auto is_word = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; };
  if (value.size() <= kStorageClassBytesMax && std::ranges::all_of(value, is_word)) return "";
  return "must be the name of a storage class in capitals, such as STANDARD_IA";
}

std::string RefuseKeyId(std::string_view value) {
  const bool ok = std::ranges::all_of(value, [](char c) { return c > ' ' && c < 0x7F; });
  return ok ? "" : "must be printable and without blanks";
}

constexpr OptionSpec kRows[] = {
    // Of objects that exports write.
    Text<&Config::s3_server_side_encryption>("s3-server-side-encryption", "")
        .Flags(kOptionOurs)
        .Of(Feature::kS3)
        .RefusedBy(RefuseEncryption),
    Text<&Config::s3_sse_kms_key_id>("s3-sse-kms-key-id", "")
        .Flags(kOptionOurs)
        .Of(Feature::kS3)
        .RefusedBy(RefuseKeyId),
    Text<&Config::s3_storage_class>("s3-storage-class", "")
        .Flags(kOptionOurs)
        .Of(Feature::kS3)
        .RefusedBy(RefuseStorageClass),
};

}  // namespace

std::span<const OptionSpec> NotifyOptionRows() { return kRows; }

}  // namespace cachenode
