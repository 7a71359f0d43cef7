#include "server/dataset_digest.h"

#include <arpa/inet.h>
#include <openssl/sha.h>

namespace cachenode {
namespace {

// The number Redis gives a type in its digest.
uint32_t TypeNumber(ValueType type) {
  switch (type) {
    case ValueType::kString:
      return 0;
    case ValueType::kList:
      return 1;
    case ValueType::kSet:
      return 2;
    case ValueType::kSortedSet:
      return 3;
    case ValueType::kHash:
      return 4;
    case ValueType::kStream:
      return 6;
  }
  return 0;
}

}  // namespace

void DatasetDigest::Xor(const void* bytes, size_t size) {
  Bytes hash;
  SHA1(static_cast<const unsigned char*>(bytes), size, hash.data());
  for (size_t i = 0; i < hash.size(); ++i) bytes_[i] ^= hash[i];
}

void DatasetDigest::Mix(const void* bytes, size_t size) {
  Xor(bytes, size);
  const Bytes before = bytes_;
  SHA1(before.data(), before.size(), bytes_.data());
}

void DatasetDigest::MixValue(const EntryView& entry) {
  const uint32_t type = htonl(TypeNumber(entry.type));
  Mix(&type, sizeof type);
  StringScratch scratch;
  const std::string_view text = entry.String().Read(scratch);
  Mix(text.data(), text.size());
  if (entry.expire_at_ms >= 0) Xor("!!expire!!", 10);
}

DatasetDigest DatasetDigest::OfValue(const EntryView& entry) {
  DatasetDigest digest;
  digest.MixValue(entry);
  return digest;
}

DatasetDigest DatasetDigest::OfKeyspace(const Keyspace& keyspace) {
  DatasetDigest all;
  for (uint32_t db = 0; db < keyspace.database_count(); ++db) {
    if (keyspace.KeyCount(db) == 0) continue;
    const uint32_t number = htonl(db);
    all.Mix(&number, sizeof number);
    keyspace.ForEach(db, [&all](const EntryView& entry) {
      DatasetDigest one;
      one.Mix(entry.key.data(), entry.key.size());
      one.MixValue(entry);
      all.Xor(one.bytes_.data(), one.bytes_.size());
      return true;
    });
  }
  return all;
}

std::string DatasetDigest::Hex() const {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes_) {
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

}  // namespace cachenode
