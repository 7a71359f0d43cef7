// DEBUG DIGEST: a number for what a data set or a value holds, independent of order, equal to what Redis answers for
// the same data.
//
// Thread-safety: pure functions over entries the caller may read (world lock, or the key's shard lock).
// Source: observed answers of redis-server 7.0; SHA-1 of the parts, joined by exclusive or and by hashing again.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "storage/entry_view.h"
#include "storage/keyspace.h"

namespace cachenode {

class DatasetDigest {
 public:
  using Bytes = std::array<unsigned char, 20>;

  // Of all databases. World lock.
  [[nodiscard]] static DatasetDigest OfKeyspace(const Keyspace& keyspace);
  // Of one value with its deadline, without its key.
  [[nodiscard]] static DatasetDigest OfValue(const EntryView& entry);
  // All zeros.
  DatasetDigest() = default;
  [[nodiscard]] std::string Hex() const;

 private:
  // Joins the hash of `bytes`; the order of calls does not matter.
  void Xor(std::string_view bytes);
  // Joins the hash of `bytes` and hashes the sum; the order of calls matters.
  void Mix(std::string_view bytes);
  void MixValue(const EntryView& entry);
  void MixList(const EntryView& entry);
  void XorSet(const EntryView& entry);
  void XorSortedSet(const EntryView& entry);
  void XorHash(const EntryView& entry);
  void MixStream(const EntryView& entry);
  [[nodiscard]] std::string_view View() const noexcept {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }

  Bytes bytes_{};
};

}  // namespace cachenode
