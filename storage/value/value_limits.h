// The limits below which collections stay packed, and what depends on the version this node presents.
//
// Thread-safety: written at start and under the world lock (CONFIG SET); read by threads inside their world flag and by
//   threads that load or save, which the world lock's holder starts and joins.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cachenode {

struct ValueLimits {
  size_t hash_max_listpack_entries = 512;
  size_t hash_max_listpack_value = 64;
  size_t set_max_intset_entries = 512;
  size_t set_max_listpack_entries = 128;
  size_t set_max_listpack_value = 64;
  size_t zset_max_listpack_entries = 128;
  size_t zset_max_listpack_value = 64;
  // Positive: elements per node. -1 to -5: 4, 8, 16, 32, 64 KB per node.
  int list_max_listpack_size = -2;
  // List elements of at least so many bytes get a node of their own; 0: those too large for a node (the default).
  size_t list_plain_bytes_min = 0;
  size_t stream_node_max_bytes = 4096;
  size_t stream_node_max_entries = 100;
  size_t hll_sparse_max_bytes = 3000;
  // Redis 7.2 brought listpack encodings of lists and of sets of strings. False: short lists are called quicklist and
  // small sets of strings hashtable, as 7.0 does.
  bool packed_lists_and_sets = true;
};

extern ValueLimits value_limits;

}  // namespace cachenode
