#include "persistence/catalogue/snapshot_metadata.h"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "persistence/catalogue/snapshot_name.h"
#include "persistence/catalogue/utc_time.h"

namespace cachenode {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormatVersion = 1;
constexpr uint64_t kMegabyte = uint64_t{1} << 20;
constexpr std::string_view kOurPart = "Cachenode";

// Takes members of an object out and remembers the first that is missing or of another type.
class MemberReader {
 public:
  explicit MemberReader(const Json& object) : object_(object) {}

  std::string Text(const char* name, bool required = true) {
    const Json* member = Find(name, required);
    if (member == nullptr) return {};
    if (member->is_string()) return member->get<std::string>();
    Fail(name, "is no string");
    return {};
  }
  uint64_t Count(const char* name, bool required = true) {
    const Json* member = Find(name, required);
    if (member == nullptr) return 0;
    if (member->is_number_unsigned()) return member->get<uint64_t>();
    Fail(name, "is no count");
    return 0;
  }
  const Json* Object(const char* name) {
    const Json* member = Find(name, true);
    if (member == nullptr || member->is_object()) return member;
    Fail(name, "is no object");
    return nullptr;
  }
  void Fail(std::string_view name, std::string_view fault) {
    if (fault_.empty()) fault_ = fmt::format("\"{}\" {}", name, fault);
  }
  [[nodiscard]] const std::string& fault() const { return fault_; }

 private:
  const Json* Find(const char* name, bool required) {
    const auto found = object_.find(name);
    if (found != object_.end()) return &*found;
    if (required) Fail(name, "is missing");
    return nullptr;
  }

  const Json& object_;
  std::string fault_;
};

Status Unusable(const std::string& fault) { return Status::WithText(Err::kCorrupt, fault); }

void ReadChecksum(MemberReader& reader, SnapshotMetadata& metadata) {
  constexpr int kHexadecimal = 16;
  const std::string text = reader.Text("Crc64");
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), metadata.checksum, kHexadecimal);
  if (error != std::errc() || end != text.data() + text.size()) reader.Fail("Crc64", "is no hexadecimal number");
}

void ReadOurs(MemberReader& reader, SnapshotMetadata& metadata) {
  if (reader.Count("FormatVersion") > kFormatVersion) reader.Fail("FormatVersion", "is newer than this server");
  metadata.copied_from = reader.Text("CopiedFrom", false);
  metadata.rdb_version = static_cast<int>(reader.Count("RdbVersion"));
  metadata.size_bytes = reader.Count("SizeBytes");
  metadata.key_count = reader.Count("KeyCount");
  metadata.expiring_count = reader.Count("ExpiringKeyCount", false);
  metadata.needed_bytes = reader.Count("MemoryBytes", false);
  ReadChecksum(reader, metadata);
  const std::string created = reader.Text("CreateTime");
  const std::optional<int64_t> created_s = ParseUtcTime(created);
  if (!created_s) reader.Fail("CreateTime", "is no time");
  metadata.created_s = created_s.value_or(0);
}

}  // namespace

std::string FormatCacheSize(uint64_t bytes) {
  return fmt::format("{} MB", bytes / kMegabyte + (bytes % kMegabyte != 0));
}

std::string FormatSnapshotMetadata(const SnapshotMetadata& metadata) {
  const std::string created = FormatUtcTime(metadata.created_s);
  Json node = {
      {"CacheNodeId", "0001"}, {"CacheSize", FormatCacheSize(metadata.size_bytes)}, {"SnapshotCreateTime", created}};
  Json ours = {{"FormatVersion", kFormatVersion},
               {"CreateTime", created},
               {"RdbVersion", metadata.rdb_version},
               {"SizeBytes", metadata.size_bytes},
               {"Crc64", fmt::format("{:016x}", metadata.checksum)},
               {"KeyCount", metadata.key_count},
               {"ExpiringKeyCount", metadata.expiring_count},
               {"MemoryBytes", metadata.needed_bytes}};
  if (!metadata.copied_from.empty()) ours["CopiedFrom"] = metadata.copied_from;
  const Json snapshot = {{"SnapshotName", metadata.name},
                         {"CacheClusterId", metadata.cluster_id},
                         {"SnapshotStatus", "available"},
                         {"SnapshotSource", metadata.automatic ? "automated" : "manual"},
                         {"CacheNodeType", metadata.node_type},
                         {"Engine", metadata.engine},
                         {"EngineVersion", metadata.engine_version},
                         {"NumCacheNodes", 1},
                         {"Port", metadata.port},
                         {"CacheParameterGroupName", metadata.parameter_group},
                         {"NodeSnapshots", Json::array({node})},
                         {std::string(kOurPart), ours}};
  // Texts are names that were checked, but nothing here may throw for bytes that are no UTF-8.
  return snapshot.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<SnapshotMetadata> ParseSnapshotMetadata(std::string_view text) {
  const Json snapshot = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!snapshot.is_object()) return Unusable("this is no JSON object");
  SnapshotMetadata metadata;
  MemberReader reader(snapshot);
  metadata.name = reader.Text("SnapshotName");
  metadata.cluster_id = reader.Text("CacheClusterId", false);
  metadata.automatic = reader.Text("SnapshotSource") == "automated";
  metadata.node_type = reader.Text("CacheNodeType", false);
  metadata.engine = reader.Text("Engine", false);
  metadata.engine_version = reader.Text("EngineVersion", false);
  metadata.parameter_group = reader.Text("CacheParameterGroupName", false);
  metadata.port = static_cast<int64_t>(reader.Count("Port", false));
  if (!IsSnapshotName(metadata.name)) reader.Fail("SnapshotName", "is no name of a snapshot");
  const Json* ours = reader.Object(kOurPart.data());
  if (!reader.fault().empty()) return Unusable(reader.fault());
  MemberReader our_reader(*ours);
  ReadOurs(our_reader, metadata);
  if (!our_reader.fault().empty()) return Unusable(our_reader.fault());
  return metadata;
}

}  // namespace cachenode
