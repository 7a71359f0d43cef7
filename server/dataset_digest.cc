#include "server/dataset_digest.h"

#include <arpa/inet.h>
#include <openssl/sha.h>

#include <cstdio>

#include "storage/value/hash_value.h"
#include "storage/value/list_value.h"
#include "storage/value/set_value.h"
#include "storage/value/sorted_set_value.h"
#include "storage/value/stream_value.h"

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

void DatasetDigest::Xor(std::string_view bytes) {
  Bytes hash;
  SHA1(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), hash.data());
  for (size_t i = 0; i < hash.size(); ++i) bytes_[i] ^= hash[i];
}

void DatasetDigest::Mix(std::string_view bytes) {
  Xor(bytes);
  const Bytes before = bytes_;
  SHA1(before.data(), before.size(), bytes_.data());
}

void DatasetDigest::MixList(const EntryView& entry) {
  ListpackScratch scratch;
  for (ListCursor cursor(ListView::Of(entry), 0, ListEnd::kBack); !cursor.IsEnd(); cursor.Advance()) {
    Mix(cursor.Get().Read(scratch));
  }
}

void DatasetDigest::XorSet(const EntryView& entry) {
  ListpackScratch scratch;
  SetView::Iterator members(SetView::Of(entry));
  for (ListpackElement member; members.Next(member);) Xor(member.Read(scratch));
}

void DatasetDigest::XorSortedSet(const EntryView& entry) {
  SortedSetView::Of(entry).ForEach([this](std::string_view member, double score) {
    DatasetDigest one;
    one.Mix(member);
    char text[32];
    const int size = std::snprintf(text, sizeof text, "%.17g", score);
    one.Mix({text, static_cast<size_t>(size)});
    Xor(one.View());
  });
}

void DatasetDigest::XorHash(const EntryView& entry) {
  HashView::Of(entry).ForEach([this](const HashField& field) {
    DatasetDigest one;
    one.Mix(field.name);
    one.Mix(field.value);
    if (field.expire_at_ms >= 0) one.Xor("!!hexpire!!");
    Xor(one.View());
    return true;
  });
}

void DatasetDigest::MixStream(const EntryView& entry) {
  ListpackScratch scratch;
  StreamCursor cursor = StreamView::Of(entry).Range(kStreamIdMin, kStreamIdMax, StreamCursor::Direction::kForward);
  for (StreamEntry each; cursor.Next(each);) {
    Mix(std::to_string(each.id.ms) + "." + std::to_string(each.id.seq));
    StreamFieldCursor fields(each);
    ListpackElement field;
    ListpackElement value;
    while (fields.Next(field, value)) {
      Mix(field.Read(scratch));
      Mix(value.Read(scratch));
    }
  }
}

void DatasetDigest::MixValue(const EntryView& entry) {
  const uint32_t type = htonl(TypeNumber(entry.type));
  Mix({reinterpret_cast<const char*>(&type), sizeof type});
  StringScratch scratch;
  switch (entry.type) {
    case ValueType::kString:
      Mix(entry.String().Read(scratch));
      break;
    case ValueType::kList:
      MixList(entry);
      break;
    case ValueType::kSet:
      XorSet(entry);
      break;
    case ValueType::kSortedSet:
      XorSortedSet(entry);
      break;
    case ValueType::kHash:
      XorHash(entry);
      break;
    case ValueType::kStream:
      MixStream(entry);
      break;
  }
  if (entry.expire_at_ms >= 0) Xor("!!expire!!");
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
    all.Mix({reinterpret_cast<const char*>(&number), sizeof number});
    keyspace.ForEach(db, [&all](const EntryView& entry) {
      DatasetDigest one;
      one.Mix(entry.key);
      one.MixValue(entry);
      all.Xor(one.View());
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
