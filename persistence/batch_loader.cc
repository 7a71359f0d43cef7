#include "persistence/batch_loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "persistence/rdb_value_codec.h"
#include "storage/base/quoting.h"

namespace cachenode {
namespace {

// How far ahead buckets, and entries behind them, are asked for.
constexpr uint32_t kBucketsAhead = 8;
constexpr size_t kKeyBytesInErrorMax = 128;

Status AtRecord(const RdbBatch& batch, const RdbRecord& record, const Status& cause) {
  std::string key;
  AppendQuoted(key, record.key.substr(0, kKeyBytesInErrorMax));
  std::string_view reason = cause.text();
  if (reason.empty()) reason = cause.code() == Err::kOutOfMemory ? "out of memory" : "the value is damaged";
  return Status::WithText(cause.code(),
                          fmt::format("offset {}: key {} ({}, RDB type {}, file version {}): {}", record.offset, key,
                                      record.type->name, static_cast<int>(record.type->type), batch.version, reason));
}

uint32_t GroupBegin(const BatchLoader::Scratch& scratch, uint32_t shard) {
  return shard == 0 ? 0 : scratch.group_ends[shard - 1];
}

Status CheckDeadline(const RdbRecord& record) {
  if (record.expire_at_ms >= kRdbNoExpiry && record.expire_at_ms <= kExpireAtMsMax) return Status::Ok();
  return Status::WithText(Err::kCorrupt, fmt::format("impossible expiry {}", record.expire_at_ms));
}

}  // namespace

BatchLoader::BatchLoader(Keyspace& keyspace, const LoadRules& rules, EmptyKeyObserver on_empty_key)
    : keyspace_(keyspace), rules_(rules), on_empty_key_(std::move(on_empty_key)), gates_(keyspace.shard_count()) {
  context_.SetNow(rules.now_ms);
  context_.recency = rules.recency;
  context_.touch = false;
  context_.expired = ExpiredKeys::kShow;
}

// After each batch: threads that ask before theirs would take in what all of them have in work.
Status BatchLoader::CheckMemory() const {
  if (rules_.memory_bytes_max == 0) return Status::Ok();
  const uint64_t used = keyspace_.Memory().UsedBytes();
  if (used <= rules_.memory_bytes_max) return Status::Ok();
  return Status::WithText(Err::kOutOfMemory, fmt::format("the data needs more than the {} bytes of memory of this node",
                                                         rules_.memory_bytes_max));
}

void BatchLoader::Reserve(uint32_t db, uint64_t key_count) {
  const uint64_t per_shard = key_count / keyspace_.shard_count();
  for (uint32_t index = 0; index < keyspace_.shard_count(); ++index) {
    const std::lock_guard gate(gates_[index].mutex);
    Shard& shard = keyspace_.shard(index);
    shard.AssertHeld();
    (void)shard.ReserveKeys(db, per_shard);
  }
}

// Counting sort: the records of one shard lie next to each other afterwards, in file order.
void BatchLoader::SortByShard(const RdbBatch& batch, Scratch& scratch) const {
  const uint32_t record_count = static_cast<uint32_t>(batch.records.size());
  scratch.hashes.resize(record_count);
  scratch.order.resize(record_count);
  scratch.group_ends.assign(keyspace_.shard_count() + 1, 0);
  for (uint32_t i = 0; i < record_count; ++i) {
    scratch.hashes[i] = Keyspace::Hash(batch.records[i].key);
    ++scratch.group_ends[keyspace_.ShardIndexOf(scratch.hashes[i]) + 1];
  }
  for (uint32_t shard = 1; shard <= keyspace_.shard_count(); ++shard) {
    scratch.group_ends[shard] += scratch.group_ends[shard - 1];
  }
  // Each begin moves on to its end, which leaves ends where begins were: group_ends[shard] is then the shard's end.
  for (uint32_t i = 0; i < record_count; ++i) {
    scratch.order[scratch.group_ends[keyspace_.ShardIndexOf(scratch.hashes[i])]++] = i;
  }
}

Status BatchLoader::Load(const RdbBatch& batch, Scratch& scratch) {
  if (batch.records.empty()) return Status::Ok();
  SortByShard(batch, scratch);
  Status status = LoadGroups(batch, scratch);
  AddCounts(scratch);
  if (rules_.key_delay_us != 0) [[unlikely]]
    DelayAfter(batch.records.size());
  return status.ok() ? CheckMemory() : std::move(status);
}

void BatchLoader::AddCounts(Scratch& scratch) noexcept {
  keys_loaded_.fetch_add(std::exchange(scratch.keys_loaded, 0), std::memory_order_relaxed);
  keys_expired_.fetch_add(std::exchange(scratch.keys_expired, 0), std::memory_order_relaxed);
  empty_skipped_.fetch_add(std::exchange(scratch.empty_skipped, 0), std::memory_order_relaxed);
}

Status BatchLoader::LoadGroups(const RdbBatch& batch, Scratch& scratch) {
  scratch.postponed.clear();
  for (uint32_t shard = 0; shard < keyspace_.shard_count(); ++shard) {
    // A chunk of ours has keys of few shards: the others are none to wait for.
    if (GroupBegin(scratch, shard) == scratch.group_ends[shard]) continue;
    std::unique_lock gate(gates_[shard].mutex, std::try_to_lock);
    if (!gate.owns_lock()) {
      scratch.postponed.push_back(shard);
      continue;
    }
    if (Status status = LoadGroup(batch, shard, scratch); !status.ok()) return status;
  }
  for (const uint32_t shard : scratch.postponed) {
    const std::lock_guard gate(gates_[shard].mutex);
    if (Status status = LoadGroup(batch, shard, scratch); !status.ok()) return status;
  }
  return Status::Ok();
}

Status BatchLoader::LoadGroup(const RdbBatch& batch, uint32_t shard_index, Scratch& scratch) {
  Shard& shard = keyspace_.shard(shard_index);
  shard.AssertHeld();
  const uint32_t begin = GroupBegin(scratch, shard_index);
  const uint32_t end = scratch.group_ends[shard_index];
  for (uint32_t place = begin; place < end; ++place) {
    if (place + kBucketsAhead < end) {
      const uint32_t ahead = scratch.order[place + kBucketsAhead];
      shard.PrefetchBucket(batch.records[ahead].db, scratch.hashes[ahead]);
    }
    const uint32_t number = scratch.order[place];
    Status status = LoadRecord(batch, batch.records[number], scratch.hashes[number], shard, scratch);
    if (!status.ok()) return status;
  }
  return Status::Ok();
}

void BatchLoader::SkipEmpty(const RdbRecord& record, Scratch& scratch) const {
  ++scratch.empty_skipped;
  if (on_empty_key_) on_empty_key_(record.key);
}

void BatchLoader::DelayAfter(size_t key_count) const {
  const int64_t keys = static_cast<int64_t>(key_count);
  const int64_t delay_us = rules_.key_delay_us > 0 ? keys * rules_.key_delay_us : -keys / rules_.key_delay_us;
  // tidy: allow(sleep) On a thread that only loads, and only when a test asks for it.
  std::this_thread::sleep_for(std::chrono::microseconds(delay_us));
}

bool BatchLoader::IsDropped(const RdbRecord& record) const noexcept {
  return record.expire_at_ms != kRdbNoExpiry && rules_.drop_expired && record.expire_at_ms < rules_.now_ms;
}

Status BatchLoader::PutRecord(const RdbRecord& record, KeyHash hash, Shard& shard,
                              FunctionRef<Status(KeySlot&, Expiry)> put) {
  if (Status status = CheckDeadline(record); !status.ok()) return status;
  KeySlot slot = shard.Find(record.db, hash, record.key, context_);
  if (slot.Exists() && !rules_.replace_existing) return Status::WithText(Err::kCorrupt, "the key is there already");
  const bool expires = record.expire_at_ms != kRdbNoExpiry;
  if (Status status = put(slot, expires ? Expiry::At(record.expire_at_ms) : Expiry::kClear); !status.ok()) {
    return status;
  }
  if (rules_.recency == Recency::kFrequency && record.lfu_counter >= 0) {
    slot.SetLfuCounter(static_cast<uint8_t>(record.lfu_counter));
  }
  if (rules_.recency == Recency::kTime && record.idle_seconds >= 0) {
    slot.SetIdleSeconds(static_cast<uint32_t>(std::min<int64_t>(record.idle_seconds, UINT32_MAX)));
  }
  return Status::Ok();
}

Status BatchLoader::LoadRecord(const RdbBatch& batch, const RdbRecord& record, KeyHash hash, Shard& shard,
                               Scratch& scratch) {
  if (IsDropped(record)) {
    ++scratch.keys_expired;
    return Status::Ok();
  }
  if (record.type->type == RdbType::kString) {
    Status status = PutRecord(record, hash, shard, [&](KeySlot& slot, Expiry expiry) {
      return WriteRdbString(record.value, slot, expiry, scratch.text);
    });
    if (!status.ok()) return AtRecord(batch, record, status);
    ++scratch.keys_loaded;
    return Status::Ok();
  }
  RdbInput input(record.value);
  const Result<bool> loaded =
      LoadRdbCollection(*record.type, input, [&](FunctionRef<Status(KeySlot&, Expiry)> put) -> Status {
        shard.AssertHeld();
        return PutRecord(record, hash, shard, put);
      });
  if (!loaded) return AtRecord(batch, record, loaded.status());
  if (!*loaded) {
    SkipEmpty(record, scratch);
    return Status::Ok();
  }
  ++scratch.keys_loaded;
  return Status::Ok();
}

Status BatchLoader::LoadStreamed(RdbReader& reader, RdbBatch& batch, Scratch& scratch) {
  const RdbRecord& record = batch.records.front();
  const KeyHash hash = Keyspace::Hash(record.key);
  const uint32_t index = keyspace_.ShardIndexOf(hash);
  StreamedValue window(reader, batch);
  RdbInput input(record.value, window);
  const Result<bool> loaded =
      LoadRdbCollection(*record.type, input, [&](FunctionRef<Status(KeySlot&, Expiry)> put) -> Status {
        if (IsDropped(record)) return Status::Ok();
        const std::lock_guard gate(gates_[index].mutex);
        Shard& shard = keyspace_.shard(index);
        shard.AssertHeld();
        return PutRecord(record, hash, shard, put);
      });
  if (!loaded) return AtRecord(batch, record, loaded.status());
  window.End(input);
  if (!*loaded) {
    SkipEmpty(record, scratch);
  } else {
    ++(IsDropped(record) ? scratch.keys_expired : scratch.keys_loaded);
  }
  AddCounts(scratch);
  return CheckMemory();
}

}  // namespace cachenode
