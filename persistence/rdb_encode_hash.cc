// Hashes to RDB.
#include "persistence/rdb_value_encoders.h"
#include "storage/value/hash_value.h"

namespace cachenode {
namespace {

constexpr int64_t kNoDeadlineBehind = -1;

// The length that precedes a field: 0, or one more than the milliseconds after the least deadline.
uint64_t AfterLeast(int64_t expire_at_ms, int64_t least_ms) noexcept {
  return expire_at_ms < 0 ? 0 : static_cast<uint64_t>(expire_at_ms - least_ms) + 1;
}

void EncodeFields(RdbType type, const HashView& hash, RdbOutput& out) noexcept {
  const bool behind = type == RdbType::kHashTtl22;
  const int64_t least_ms = type == RdbType::kHashTtl ? hash.EarliestDeadlineMs() : 0;
  if (type == RdbType::kHashTtl) out.Int64(least_ms);
  out.Length(hash.Count());
  hash.ForEach([&](const HashField& field) {
    if (type == RdbType::kHashTtl) out.Length(AfterLeast(field.expire_at_ms, least_ms));
    out.String(field.name);
    out.String(field.value);
    if (behind) out.Int64(field.expire_at_ms < 0 ? kNoDeadlineBehind : field.expire_at_ms);
    return out.Flow();
  });
}

}  // namespace

Result<RdbType> HashTypeFor(const EntryView& entry, int version) {
  const HashView hash = HashView::Of(entry);
  const bool has_deadlines = hash.HasDeadlines();
  if (has_deadlines && version < kRdbFieldTtlVersion) {
    return Status::WithText(Err::kUnavailable, "its fields have expiry times, which need rdb-version 12 or 80");
  }
  if (version >= kRdbFirstValkeyVersion && has_deadlines) return RdbType::kHashTtl22;
  const bool triples = hash.IsPacked() && hash.IsTriples();
  if (version == kRdbFieldTtlVersion) {
    if (triples) return RdbType::kHashListpackTtl;
    if (has_deadlines) return RdbType::kHashTtl;
  }
  return version >= kRdbPackedVersion && hash.IsPacked() && !triples ? RdbType::kHashListpack : RdbType::kHash;
}

int HashVersionNeeded(const EntryView& entry) noexcept {
  const HashView hash = HashView::Of(entry);
  if (hash.HasDeadlines()) return kRdbFieldTtlVersion;
  return hash.IsPacked() && !hash.IsTriples() ? kRdbPackedVersion : kRdbLowestWritten;
}

void EncodeRdbHash(RdbType type, const EntryView& entry, RdbOutput& out) noexcept {
  const HashView hash = HashView::Of(entry);
  if (type == RdbType::kHashListpackTtl) out.Int64(hash.HasDeadlines() ? hash.EarliestDeadlineMs() : 0);
  if (type == RdbType::kHashListpackTtl || type == RdbType::kHashListpack) {
    out.String(hash.Listpack());
    return;
  }
  EncodeFields(type, hash, out);
}

}  // namespace cachenode
