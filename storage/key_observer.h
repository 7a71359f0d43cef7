// How the keyspace tells the layers above that a key changed or went away. Implemented by the server.
//
// Thread-safety: called on the thread that touches the key, while it holds the key's shard lock. An implementation
//   takes leaf locks only, never touches the keyspace and never blocks.
#pragma once

#include <cstdint>
#include <string_view>

namespace cachenode {

class KeyObserver {
 public:
  virtual ~KeyObserver() = default;
  // The value or the deadline of `key` is about to change, or the key to appear or go (WATCH, tracking). Comes before
  // the two below as well.
  virtual void BeforeChange(uint32_t db, std::string_view key) = 0;
  // `key`, which was missing, is there; its value may not be written yet ("new" event).
  virtual void OnCreated(uint32_t /*db*/, std::string_view /*key*/) {}
  // `key` was erased because its deadline passed (propagate DEL, "expired" event, expired_keys).
  virtual void OnExpired(uint32_t db, std::string_view key) = 0;
  // `count` fields of the hash at `key` were erased because their deadlines passed, with `key_gone` the last ones, and
  // the key with them ("hexpired" and "del" events, expired_subkeys).
  virtual void OnFieldsExpired(uint32_t db, std::string_view key, uint64_t count, bool key_gone) = 0;
  // `key` was erased to free memory (propagate DEL, "evicted" event, evicted_keys).
  virtual void OnEvicted(uint32_t db, std::string_view key) = 0;
};

}  // namespace cachenode
