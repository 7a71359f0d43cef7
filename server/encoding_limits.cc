#include "server/encoding_limits.h"

#include "server/config/config.h"
#include "storage/value/value_limits.h"

namespace cachenode {
namespace {

ValueLimits LimitsOf(const Config& config) {
  ValueLimits limits;
  limits.hash_max_listpack_entries = static_cast<size_t>(config.hash_max_listpack_entries);
  limits.hash_max_listpack_value = static_cast<size_t>(config.hash_max_listpack_value);
  limits.set_max_intset_entries = static_cast<size_t>(config.set_max_intset_entries);
  limits.set_max_listpack_entries = static_cast<size_t>(config.set_max_listpack_entries);
  limits.set_max_listpack_value = static_cast<size_t>(config.set_max_listpack_value);
  limits.zset_max_listpack_entries = static_cast<size_t>(config.zset_max_listpack_entries);
  limits.zset_max_listpack_value = static_cast<size_t>(config.zset_max_listpack_value);
  limits.list_max_listpack_size = static_cast<int>(config.list_max_listpack_size);
  limits.stream_node_max_bytes = static_cast<size_t>(config.stream_node_max_bytes);
  limits.stream_node_max_entries = static_cast<size_t>(config.stream_node_max_entries);
  limits.hll_sparse_max_bytes = static_cast<size_t>(config.hll_sparse_max_bytes);
  limits.list_plain_bytes_min = value_limits.list_plain_bytes_min;  // No option: DEBUG sets it.
  limits.packed_lists_and_sets = config.engine_version.has_listpack_lists();
  return limits;
}

}  // namespace

EncodingLimits::EncodingLimits(ConfigStore& config) {
  value_limits = LimitsOf(config.Current());
  config.Subscribe(ApplyGroup::kEncodings, *this);
}

Status EncodingLimits::Apply(ApplyGroup, const Config&, const Config& after) {
  value_limits = LimitsOf(after);
  return Status::Ok();
}

}  // namespace cachenode
