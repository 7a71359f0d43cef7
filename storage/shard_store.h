// What one shard owns: the slab heap, one table per database (made on first use), and tables that were flushed and
// wait to be freed.
//
// Thread-safety: guarded by the shard's lock, except the prefetchers (inside the world flag) and the relaxed figures.
// Invariant: nothing here refers to anything of another store, so a store can be detached whole and destroyed anywhere.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "storage/entry.h"
#include "storage/field_deadlines.h"
#include "storage/fifo_queues.h"
#include "storage/memory_account.h"
#include "storage/retire_list.h"
#include "storage/shard_router.h"
#include "storage/slab_heap.h"
#include "storage/snapshot_observer.h"
#include "storage/table.h"
#include "storage/value/value_reclaimer.h"

namespace cachenode {

// The snapshot all shards work for. Changed under the world lock only.
struct SnapshotState {
  SnapshotObserver* observer = nullptr;  // Null: none runs.
  uint16_t epoch = 0;                    // Marks of this epoch count, 1 to Bucket::kEpochMax. 0 is never current.
  uint64_t cuts = 0;                     // Snapshots begun so far; places the sweep of stale epochs.
};

struct ShardStoreOptions {
  uint32_t database_count = 16;
  ArenaPlan arena;
  const SnapshotState* snapshot = nullptr;  // Not owned; shared by all shards.
  RetireList* retire_list = nullptr;        // Not owned.
  ValueReclaimer* reclaimer = nullptr;      // Not owned; null: large values are freed on the spot.
  // Sum over all shards of the bytes outside the memory facade; not owned. Told in steps of mapped_step_bytes, so that
  // threads do not fight for it.
  std::atomic<int64_t>* mapped_total = nullptr;
  int64_t mapped_step_bytes = 1;
};

class ShardStore final : private TableOwner {
 public:
  ShardStore(uint32_t shard, const ShardStoreOptions& options);
  ~ShardStore();
  ShardStore(const ShardStore&) = delete;
  ShardStore& operator=(const ShardStore&) = delete;

  // --- Tables and entries ----------------------------------------------------------------------------------------

  // Null before the first write to the database.
  [[nodiscard]] Table* FindTable(uint32_t db) const noexcept { return tables_[db].load(std::memory_order_acquire); }
  [[nodiscard]] Table& CreateTable(uint32_t db);
  [[nodiscard]] SlabHeap& heap() noexcept { return heap_; }
  [[nodiscard]] const SlabHeap& heap() const noexcept { return heap_; }
  void SwapTables(uint32_t first, uint32_t second) noexcept;
  // Highest database with a table, plus one.
  [[nodiscard]] uint32_t table_end() const noexcept { return table_end_.load(std::memory_order_relaxed); }

  // To be called before anything of the chain changes: hands what a running snapshot has not seen of it over.
  void SaveBeforeChange(Table& table, Bucket& head) noexcept {
    if (IsUnsaved(head)) [[unlikely]]
      SaveChain(table, head);
  }
  // The same before the entry of one slot changes or goes: the others of a bucket without overflow stay for the walker.
  void SaveBeforeChange(Table& table, Bucket& head, const Bucket& bucket, uint32_t slot) noexcept {
    if (IsUnsaved(head)) [[unlikely]]
      SaveEntry(table, head, bucket, slot);
  }
  // Whether background work may change unsaved buckets now.
  [[nodiscard]] bool CanSave() const noexcept {
    return snapshot_->observer == nullptr || snapshot_->observer->CanSave(shard_);
  }
  [[nodiscard]] bool IsUnsaved(const Bucket& head) const noexcept {
    return snapshot_->observer != nullptr && !head.IsSaved(snapshot_->epoch);
  }
  // Frees an entry: what its value owns (unless `keep_external`), a long key, the slot.
  void FreeEntry(uint32_t ref, bool keep_external = false) noexcept;
  // Frees what the value owns and accounts for it; the entry stays.
  void FreeExternal(char* at) noexcept {
    constexpr auto kBlock = static_cast<Encoding>(StringEncoding::kBlock);
    // Most values by far: a string that lies in the entry.
    if (entry::TypeOf(at) == ValueType::kString && entry::EncodingOf(at) != kBlock) [[likely]]
      return;
    FreeOutside(at);
  }
  // The queues of the S3-FIFO policies.
  [[nodiscard]] FifoQueues& fifo() noexcept { return fifo_; }
  // Which hashes have fields with deadlines.
  [[nodiscard]] FieldDeadlines& field_deadlines() noexcept { return field_deadlines_; }
  [[nodiscard]] const FieldDeadlines& field_deadlines() const noexcept { return field_deadlines_; }
  // The entry's value is about to go, from this key at least.
  void ForgetFieldDeadline(uint32_t db, KeyHash hash, const char* at) noexcept {
    if (entry::TypeOf(at) == ValueType::kHash) [[unlikely]]
      ForgetHash(db, hash, at);
  }
  // Heap bytes owned by values and long keys changed.
  void AddExternal(int64_t delta_bytes) noexcept { external_bytes_.Add(delta_bytes); }
  // Goes on with the table's resize if a running snapshot has room for what it touches.
  bool ResizeStep(Table& table, uint32_t buckets, int64_t now_ms) noexcept;
  [[nodiscard]] bool ReserveKeys(uint32_t db, uint64_t key_count);
  // Brings the shared total of mapped bytes up to date once enough has changed.
  void ReportMapped(bool now = false) noexcept {
    const int64_t bytes = MappedBytes();
    const int64_t delta = bytes - mapped_reported_;
    if (delta >= mapped_step_bytes_ || -delta >= mapped_step_bytes_ || (now && delta != 0)) TellMapped(bytes);
  }

  // --- Flushed tables --------------------------------------------------------------------------------------------

  // Takes the database's table out; it is freed by FreeSlice.
  void DetachTable(uint32_t db);
  [[nodiscard]] bool HasOtherTables(uint32_t db) const noexcept;
  // Frees about `units` buckets of detached tables that no snapshot needs. True while more wait.
  bool FreeSlice(uint32_t units) noexcept;

  // --- Snapshots -------------------------------------------------------------------------------------------------

  // At the cut, after the state's epoch advanced: remembers the tables and sweeps stale epochs.
  void BeginSnapshot();
  void EndSnapshot() noexcept { cut_tables_.clear(); }
  uint64_t WalkUnsaved(SnapshotCursor& cursor, uint64_t units_max) noexcept;
  // Whether tables of the cut are not walked to their end.
  [[nodiscard]] bool HasUnsaved() const noexcept;
  // The bytes no longer count as the keyspace's: the store is on its way out.
  void LeaveTotals() noexcept;
  void set_snapshot(const SnapshotState* state) noexcept { snapshot_ = state; }

  // --- Prefetching; no lock, inside the world flag ---------------------------------------------------------------

  void PrefetchBucket(uint32_t db, KeyHash hash) const noexcept {
    if (const Table* table = FindTable(db); table != nullptr) table->PrefetchBucket(hash);
  }
  void PrefetchEntry(uint32_t db, KeyHash hash) const noexcept {
    if (const Table* table = FindTable(db); table != nullptr) table->PrefetchEntry(hash);
  }
  void PrefetchEntries(uint32_t db, KeyHash hash) const noexcept {
    if (const Table* table = FindTable(db); table != nullptr) table->PrefetchEntries(hash);
  }

  // --- Figures; relaxed ------------------------------------------------------------------------------------------

  // Of keys and of hash fields.
  [[nodiscard]] int64_t EarliestExpiryMs() const noexcept;
  [[nodiscard]] uint64_t KeyCount(uint32_t db) const noexcept {
    const Table* table = FindTable(db);
    return table == nullptr ? 0 : table->entry_count();
  }
  [[nodiscard]] uint64_t VolatileCount(uint32_t db) const noexcept {
    const Table* table = FindTable(db);
    return table == nullptr ? 0 : table->volatile_count();
  }
  [[nodiscard]] MemoryFigures Memory() const noexcept;
  // Bytes in use outside of the memory facade.
  [[nodiscard]] int64_t MappedBytes() const noexcept {
    return static_cast<int64_t>(heap_.used_bytes() + mapped_index_bytes_);
  }

 private:
  struct DetachedTable {
    std::unique_ptr<Table> table;
    uint64_t position = 0;  // Freed up to here.
  };

  [[nodiscard]] Facts FactsOf(const char* at) const noexcept override {
    return {KeyHash::Of(entry::Key(at)), entry::ExpireAt(at)};
  }
  void BeforeChange(Table& table, Bucket& head) noexcept override { SaveBeforeChange(table, head); }
  void BeforeInsert(Table& table, Bucket& head) noexcept override {
    if (IsUnsaved(head)) [[unlikely]]
      PassOver(table, head);
  }
  void FreeOutside(char* at) noexcept;
  void ForgetHash(uint32_t db, KeyHash hash, const char* at) noexcept;
  uint64_t SaveChain(Table& table, Bucket& head) noexcept;
  void SaveEntry(Table& table, Bucket& head, const Bucket& bucket, uint32_t slot) noexcept;
  void PassOver(Table& table, Bucket& head) noexcept;
  void FreeChain(Table& table, Bucket& head) noexcept;
  void SweepEpochs(Table& table) noexcept;
  void TellMapped(int64_t bytes) noexcept;
  void UpdateMappedIndex() noexcept;
  [[nodiscard]] bool IsInCut(const Table* table) const noexcept;

  const uint32_t shard_;
  const int64_t mapped_step_bytes_;
  RetireList& retire_list_;
  ValueReclaimer* reclaimer_;           // Null once the store is on its way out.
  std::atomic<int64_t>* mapped_total_;  // Null once the store is on its way out.
  const SnapshotState* snapshot_;
  SlabHeap heap_;
  FieldDeadlines field_deadlines_;
  FifoQueues fifo_;
  std::unique_ptr<std::atomic<Table*>[]> tables_;  // Owns what it points at.
  std::atomic<uint32_t> table_end_{0};
  std::vector<DetachedTable> detached_;
  std::vector<Table*> cut_tables_;  // Tables of the running snapshot's cut; null once walked to the end.
  uint64_t mapped_index_bytes_ = 0;
  int64_t mapped_reported_ = 0;
  OwnedCounter external_bytes_;
};

// A shard's content after FLUSHALL: owns all its memory, belongs to one thread at a time, which may be any.
class DetachedShard {
 public:
  DetachedShard(std::unique_ptr<ShardStore> store, const SnapshotState& snapshot);
  // Frees everything; time grows with the number of values outside the arena, not with the number of keys.
  ~DetachedShard();

  // As Shard::WalkUnsaved, for the snapshot that took it; no lock is needed.
  uint64_t WalkUnsaved(SnapshotCursor& cursor, uint64_t units_max) noexcept {
    return store_->WalkUnsaved(cursor, units_max);
  }
  [[nodiscard]] bool HasUnsaved() const noexcept { return store_->HasUnsaved(); }
  [[nodiscard]] MemoryFigures Memory() const noexcept { return store_->Memory(); }

 private:
  SnapshotState snapshot_;  // As it was when the shard was detached: later cuts do not concern it.
  std::unique_ptr<ShardStore> store_;
};

}  // namespace cachenode
