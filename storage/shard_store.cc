#include "storage/shard_store.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>
#include <utility>

#include "storage/base/background_thread.h"
#include "storage/base/memory.h"
#include "storage/value/hash_value.h"

namespace cachenode {

namespace {

// A stale epoch is swept away within this many cuts, long before its value comes again.
constexpr uint64_t kSweepCuts = Bucket::kEpochMax / 2;

// The views of a bucket and a little of its chain, not set before they are needed: to clear them all would take as long
// as to fill those of a bucket.
union EntryViewRoom {
  EntryViewRoom() noexcept {}  // Leaves them as they are.
  std::array<EntryView, 2 * Bucket::kSlots> views;
};
static_assert(std::is_trivially_copyable_v<EntryView> && std::is_trivially_destructible_v<EntryView>);

}  // namespace

ShardStore::ShardStore(uint32_t shard, const ShardStoreOptions& options)
    : shard_(shard),
      mapped_step_bytes_(options.mapped_step_bytes),
      retire_list_(*options.retire_list),
      reclaimer_(options.reclaimer),
      mapped_total_(options.mapped_total),
      snapshot_(options.snapshot),
      heap_(options.arena),
      field_deadlines_(options.database_count),
      tables_(std::make_unique<std::atomic<Table*>[]>(options.database_count)) {}

ShardStore::~ShardStore() {
  // Entries inside the arena go with it; only what lies outside has to be looked for.
  const bool walk = external_bytes_.Get() != 0;
  for (uint32_t db = 0; db < table_end(); ++db) {
    std::unique_ptr<Table> table(tables_[db].exchange(nullptr, std::memory_order_relaxed));
    if (table != nullptr && walk) detached_.push_back({std::move(table), 0});
  }
  cut_tables_.clear();
  reclaimer_ = nullptr;
  while (walk && FreeSlice(UINT32_MAX)) {
  }
  LeaveTotals();
}

void ShardStore::LeaveTotals() noexcept {
  reclaimer_ = nullptr;
  if (mapped_total_ == nullptr) return;
  mapped_total_->fetch_sub(mapped_reported_, std::memory_order_relaxed);
  mapped_reported_ = 0;
  mapped_total_ = nullptr;
}

// --- Tables and entries ---------------------------------------------------------------------------------------------

Table& ShardStore::CreateTable(uint32_t db) {
  if (Table* table = FindTable(db); table != nullptr) return *table;
  auto* table = new Table(*this, heap_, retire_list_);
  table->set_cut_db(db);
  tables_[db].store(table, std::memory_order_release);
  if (db >= table_end()) table_end_.store(db + 1, std::memory_order_relaxed);
  return *table;
}

void ShardStore::SwapTables(uint32_t first, uint32_t second) noexcept {
  Table* const table = FindTable(first);
  tables_[first].store(FindTable(second), std::memory_order_release);
  tables_[second].store(table, std::memory_order_release);
  field_deadlines_.Swap(first, second);
  table_end_.store(std::max({table_end(), first + 1, second + 1}), std::memory_order_relaxed);
}

void ShardStore::FreeOutside(char* at) noexcept {
  const ValueOps& ops = OpsOf(entry::TypeOf(at));
  char* const value = at + entry::ValueOffset(at);
  const size_t bytes = ops.external_bytes(entry::EncodingOf(at), value);
  if (bytes == 0) return;
  AddExternal(-static_cast<int64_t>(bytes));
  const Encoding encoding = entry::EncodingOf(at);
  if (reclaimer_ != nullptr &&
      (bytes >= kReclaimBytesMin || ops.external_blocks(encoding, value) >= kReclaimBlocksMin)) {
    RemovedValue removed{.type = entry::TypeOf(at), .encoding = encoding};
    std::memcpy(removed.value, value, sizeof(removed.value));
    reclaimer_->Reclaim(removed);
    return;
  }
  ops.free_external(encoding, value);
}

void ShardStore::ForgetHash(uint32_t db, KeyHash hash, const char* at) noexcept {
  const int64_t earliest_ms = HashView::Of(entry::View(at)).EarliestDeadlineMs();
  if (earliest_ms != kNoFieldDeadline) field_deadlines_.Erase(db, hash, earliest_ms);
}

void ShardStore::FreeEntry(uint32_t ref, bool keep_external) noexcept {
  char* const at = heap_.Address(ref);
  if (!keep_external) FreeExternal(at);
  if (entry::HasLongKey(at)) [[unlikely]] {
    AddExternal(-static_cast<int64_t>(entry::KeySize(at)));
    memory::Free(entry::LongKey(at), entry::KeySize(at));
  }
  heap_.Free(ref);
}

bool ShardStore::ResizeStep(Table& table, uint32_t buckets, int64_t now_ms) noexcept {
  if (!CanSave()) return table.IsResizing();
  const uint64_t before = table.mapped_bytes();
  const bool more = table.ResizeStep(buckets, now_ms);
  if (table.mapped_bytes() != before) mapped_index_bytes_ += table.mapped_bytes() - before;
  return more;
}

bool ShardStore::ReserveKeys(uint32_t db, uint64_t key_count) {
  const bool reserved = CreateTable(db).Reserve(key_count);
  UpdateMappedIndex();
  ReportMapped();
  return reserved;
}

void ShardStore::UpdateMappedIndex() noexcept {
  mapped_index_bytes_ = 0;
  for (uint32_t db = 0; db < table_end(); ++db) {
    if (const Table* table = FindTable(db); table != nullptr) mapped_index_bytes_ += table->mapped_bytes();
  }
  for (const DetachedTable& detached : detached_) mapped_index_bytes_ += detached.table->mapped_bytes();
}

void ShardStore::TellMapped(int64_t bytes) noexcept {
  if (mapped_total_ == nullptr) return;
  mapped_total_->fetch_add(bytes - mapped_reported_, std::memory_order_relaxed);
  mapped_reported_ = bytes;
}

// --- Flushed tables -------------------------------------------------------------------------------------------------

void ShardStore::DetachTable(uint32_t db) {
  Table* const table = FindTable(db);
  if (table == nullptr) return;
  tables_[db].store(nullptr, std::memory_order_release);
  field_deadlines_.Clear(db);
  detached_.push_back({std::unique_ptr<Table>(table), 0});
}

bool ShardStore::HasOtherTables(uint32_t db) const noexcept {
  for (uint32_t other = 0; other < table_end(); ++other) {
    if (other != db && KeyCount(other) != 0) return true;
  }
  return false;
}

bool ShardStore::IsInCut(const Table* table) const noexcept {
  return std::find(cut_tables_.begin(), cut_tables_.end(), table) != cut_tables_.end();
}

void ShardStore::FreeChain(Table& table, Bucket& head) noexcept {
  table.ForEachInChain(head, [&](const Bucket& bucket, uint32_t slot) { FreeEntry(bucket.refs[slot]); });
  table.ClearChain(head);
}

bool ShardStore::FreeSlice(uint32_t units) noexcept {
  for (size_t i = 0; i < detached_.size();) {
    DetachedTable& detached = detached_[i];
    if (IsInCut(detached.table.get())) {
      ++i;
      continue;
    }
    while (detached.position < kPositionEnd) {
      if (units-- == 0) return true;
      const Table::Place place = detached.table->PlaceAt(detached.position);
      if (place.head != nullptr) FreeChain(*detached.table, *place.head);
      detached.position = place.end;
      GiveWay();
    }
    detached_.erase(detached_.begin() + static_cast<ptrdiff_t>(i));
    UpdateMappedIndex();
  }
  ReportMapped();
  return false;
}

// --- Snapshots ------------------------------------------------------------------------------------------------------

// Hands over what the snapshot has not seen of the chain, and marks it. Returns how many entries that were.
uint64_t ShardStore::SaveChain(Table& table, Bucket& head) noexcept {
  const uint32_t saved = head.SavedMask(snapshot_->epoch);
  head.SetSaved(snapshot_->epoch, Bucket::kSlotMask);
  EntryViewRoom room;
  size_t count = 0;
  uint64_t total = 0;
  table.ForEachInChain(head, [&](const Bucket& bucket, uint32_t slot) {
    if (&bucket == &head && (saved >> slot & 1U) != 0) return;
    if (count == room.views.size()) {
      snapshot_->observer->SaveEntries(shard_, table.cut_db(), {room.views.data(), count});
      count = 0;
    }
    room.views[count++] = entry::View(heap_.Address(bucket.refs[slot]));
    ++total;
  });
  if (count != 0) snapshot_->observer->SaveEntries(shard_, table.cut_db(), {room.views.data(), count});
  return total;
}

// An overwrite costs the copy of one entry, not of eleven: most of a bucket is left to the walker, which is paced.
void ShardStore::SaveEntry(Table& table, Bucket& head, const Bucket& bucket, uint32_t slot) noexcept {
  if (&bucket != &head || head.overflow != 0) {
    SaveChain(table, head);
    return;
  }
  const uint32_t saved = head.SavedMask(snapshot_->epoch);
  const uint32_t bit = 1U << slot;
  if ((saved & bit) != 0) return;
  head.SetSaved(snapshot_->epoch, saved | bit);
  const EntryView view = entry::View(heap_.Address(head.refs[slot]));
  snapshot_->observer->SaveEntries(shard_, table.cut_db(), {&view, 1});
}

// An entry is about to take the first free slot of the bucket, and is none of the snapshot's.
void ShardStore::PassOver(Table& table, Bucket& head) noexcept {
  const uint32_t free_slots = head.Match(0);
  if (free_slots == 0 || head.overflow != 0) {
    SaveChain(table, head);
    return;
  }
  const uint32_t first_free = free_slots & -free_slots;
  head.SetSaved(snapshot_->epoch, head.SavedMask(snapshot_->epoch) | first_free);
}

void ShardStore::BeginSnapshot() {
  cut_tables_.clear();
  for (uint32_t db = 0; db < table_end(); ++db) {
    Table* const table = FindTable(db);
    if (table == nullptr) continue;
    table->set_cut_db(db);
    SweepEpochs(*table);
    if (table->entry_count() != 0) cut_tables_.push_back(table);
  }
}

// Epochs come again after Bucket::kEpochMax cuts. So that a bucket untouched for that long is not taken for saved, each
// cut resets the buckets of one stretch of positions, and all of them are passed every kSweepCuts cuts.
void ShardStore::SweepEpochs(Table& table) noexcept {
  constexpr uint64_t kStretch = kPositionEnd / kSweepCuts;
  uint64_t position = snapshot_->cuts % kSweepCuts * kStretch;
  const uint64_t end = position + kStretch;
  while (position < end) {
    const Table::Place place = table.PlaceAt(position);
    if (place.head != nullptr) place.head->SetSaved(0, 0);
    position = place.end;
  }
}

bool ShardStore::HasUnsaved() const noexcept {
  return snapshot_->observer != nullptr &&
         std::any_of(cut_tables_.begin(), cut_tables_.end(), [](const Table* table) { return table != nullptr; });
}

uint64_t ShardStore::WalkUnsaved(SnapshotCursor& cursor, uint64_t units_max) noexcept {
  uint64_t saved = 0;
  uint64_t units = 0;
  while (snapshot_->observer != nullptr && cursor.table < cut_tables_.size()) {
    Table* const table = cut_tables_[cursor.table];
    Table::Place next = table != nullptr ? table->PlaceAt(cursor.position) : Table::Place{};
    while (table != nullptr && cursor.position < kPositionEnd) {
      if (units >= units_max) return saved;
      const Table::Place place = next;
      next = table->PlaceAt(place.end);
      table->PrefetchPlace(next);
      if (place.head != nullptr && !place.head->IsSaved(snapshot_->epoch)) {
        const uint64_t entries = SaveChain(*table, *place.head);
        saved += entries;
        units += entries;
      }
      ++units;
      cursor.position = place.end;
    }
    cut_tables_[cursor.table] = nullptr;
    ++cursor.table;
    cursor.position = 0;
  }
  cursor.done = true;
  return saved;
}

// --- Figures --------------------------------------------------------------------------------------------------------

int64_t ShardStore::EarliestExpiryMs() const noexcept {
  int64_t earliest = field_deadlines_.earliest_ms();
  for (uint32_t db = 0; db < table_end(); ++db) {
    if (const Table* table = FindTable(db); table != nullptr) earliest = std::min(earliest, table->earliest_ms());
  }
  return earliest;
}

MemoryFigures ShardStore::Memory() const noexcept {
  MemoryFigures figures;
  figures.entry_bytes = heap_.used_bytes();
  figures.page_bytes = heap_.page_bytes();
  figures.external_bytes = external_bytes_.Get();
  for (uint32_t db = 0; db < table_end(); ++db) {
    const Table* table = FindTable(db);
    if (table == nullptr) continue;
    figures.index_bytes += table->index_bytes();
    figures.mapped_index_bytes += table->mapped_bytes();
    figures.overflow_bytes += table->overflow_count() * sizeof(Bucket);
  }
  return figures;
}

// --- Detached shards ------------------------------------------------------------------------------------------------

DetachedShard::DetachedShard(std::unique_ptr<ShardStore> store, const SnapshotState& snapshot)
    : snapshot_(snapshot), store_(std::move(store)) {
  store_->set_snapshot(&snapshot_);
}

DetachedShard::~DetachedShard() = default;

}  // namespace cachenode
