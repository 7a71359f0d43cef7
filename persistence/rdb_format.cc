#include "persistence/rdb_format.h"

#include <array>

namespace cachenode {
namespace {

constexpr auto kTypes = std::to_array<RdbTypeInfo>({
    {RdbType::kString, RdbShape::kString, 1, "string", "string"},
    {RdbType::kList, RdbShape::kStrings, 1, "list", "list"},
    {RdbType::kSet, RdbShape::kStrings, 1, "set", "set"},
    {RdbType::kZset, RdbShape::kTextScores, 1, "sorted set", "zset"},
    {RdbType::kHash, RdbShape::kStringPairs, 1, "hash", "hash"},
    {RdbType::kZset2, RdbShape::kBinaryScores, 8, "sorted set (binary scores)", "zset"},
    {RdbType::kModuleRc, RdbShape::kRefused, 8, "module value (release candidate form)", "module"},
    {RdbType::kModule2, RdbShape::kModule2, 8, "module value", "module"},
    {RdbType::kHashZipmap, RdbShape::kString, 1, "hash (zipmap)", "hash"},
    {RdbType::kListZiplist, RdbShape::kString, 1, "list (ziplist)", "list"},
    {RdbType::kSetIntset, RdbShape::kString, 1, "set (intset)", "set"},
    {RdbType::kZsetZiplist, RdbShape::kString, 1, "sorted set (ziplist)", "zset"},
    {RdbType::kHashZiplist, RdbShape::kString, 4, "hash (ziplist)", "hash"},
    {RdbType::kListQuicklist, RdbShape::kStrings, 7, "list (quicklist)", "list"},
    {RdbType::kStream, RdbShape::kStream, 9, "stream", "stream"},
    {RdbType::kHashListpack, RdbShape::kString, 10, "hash (listpack)", "hash"},
    {RdbType::kZsetListpack, RdbShape::kString, 10, "sorted set (listpack)", "zset"},
    {RdbType::kListQuicklist2, RdbShape::kQuicklist2, 10, "list (quicklist 2)", "list"},
    {RdbType::kStream2, RdbShape::kStream2, 10, "stream (2)", "stream"},
    {RdbType::kSetListpack, RdbShape::kString, 11, "set (listpack)", "set"},
    {RdbType::kStream3, RdbShape::kStream3, 11, "stream (3)", "stream"},
    {RdbType::kHashTtl22, RdbShape::kHashTtlRc, 12, "hash with field TTLs (release candidate form)", "hash"},
    {RdbType::kHashListpackTtlRc, RdbShape::kString, 12, "hash with field TTLs (listpack, release candidate form)",
     "hash"},
    {RdbType::kHashTtl, RdbShape::kHashTtl, 12, "hash with field TTLs", "hash"},
    {RdbType::kHashListpackTtl, RdbShape::kTtlString, 12, "hash with field TTLs (listpack)", "hash"},
});

constexpr RdbTypeInfo kValkeyHashTtl{RdbType::kHashTtl22, RdbShape::kHashTtlValkey, kRdbFirstValkeyVersion,
                                     "hash with field TTLs (valkey)", "hash"};

}  // namespace

const RdbTypeInfo* FindRdbType(uint8_t type_byte, RdbDialect dialect) noexcept {
  if (type_byte == static_cast<uint8_t>(RdbType::kHashTtl22) && dialect == RdbDialect::kValkey) {
    return &kValkeyHashTtl;
  }
  for (const RdbTypeInfo& row : kTypes) {
    if (static_cast<uint8_t>(row.type) == type_byte) return &row;
  }
  return nullptr;
}

}  // namespace cachenode
