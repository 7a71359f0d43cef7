// Random operations on a keyspace against std::map, with resizes both ways, deadlines, flushes, swaps, snapshots and
// defragmentation between them. A failure prints its seed.
#include "storage/keyspace.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "storage/base/random.h"
#include "storage/eviction.h"
#include "storage/expiry_cycle.h"

namespace cachenode {
namespace {

constexpr uint32_t kDatabases = 3;

struct Model {
  std::string value;
  int64_t expire_at_ms = -1;
  bool operator==(const Model&) const = default;
};
using Database = std::map<std::string, Model>;

// A snapshot that keeps what it is given in maps.
class MapSnapshot final : public SnapshotObserver {
 public:
  void SaveEntries(uint32_t, uint32_t db, std::span<const EntryView> entries) override {
    for (const EntryView& view : entries) {
      StringScratch scratch;
      const bool fresh =
          databases[db]
              .emplace(std::string(view.key), Model{std::string(view.String().Read(scratch)), view.expire_at_ms})
              .second;
      duplicates += !fresh;
    }
  }
  bool CanSave(uint32_t) noexcept override { return true; }
  void TakeDetached(uint32_t shard, std::unique_ptr<DetachedShard> gone) override {
    detached.emplace_back(shard, std::move(gone));
  }
  std::array<Database, kDatabases> databases;
  std::vector<std::pair<uint32_t, std::unique_ptr<DetachedShard>>> detached;
  int duplicates = 0;
};

class Harness {
 public:
  explicit Harness(uint64_t seed) : random_(seed), keyspace_(Options()) { context_.SetNow(1'700'000'000'000); }

  void Run(int operations) {
    for (int i = 0; i < operations && !::testing::Test::HasFailure(); ++i) Step();
    CheckAll();
    if (snapshot_ != nullptr) FinishSnapshot();
    for (uint32_t db = 0; db < kDatabases; ++db) static_cast<void>(keyspace_.FlushDatabase(db));
    keyspace_.FreeDetached();
    EXPECT_EQ(keyspace_.Memory().entry_bytes, 0U);
    EXPECT_EQ(keyspace_.Memory().external_bytes, 0U);
  }

 private:
  static KeyspaceOptions Options() {
    KeyspaceOptions options;
    options.shard_count = 2;
    options.database_count = kDatabases;
    return options;
  }

  std::string RandomName() { return "key:" + std::to_string(random_.Below(key_range_)); }
  std::string RandomValue() {
    switch (random_.Below(8)) {
      case 0:
        return std::to_string(static_cast<int64_t>(random_.Next()) >> random_.Below(64));
      case 1:
        return std::string(random_.Below(9000), 'b');
      case 2:
        return std::string(random_.Below(600), 'm');
      default:
        return std::string(random_.Below(40), static_cast<char>('a' + random_.Below(26)));
    }
  }
  Expiry RandomExpiry() {
    switch (random_.Below(6)) {
      case 0:
        return Expiry::At(context_.now_ms + static_cast<int64_t>(random_.Below(20'000)));
      case 1:
        return Expiry::At(context_.now_ms + static_cast<int64_t>(random_.Below(400'000'000)));
      case 2:
        return Expiry::kKeep;
      default:
        return Expiry::kClear;
    }
  }
  // What the model knows, without what has expired.
  Model* Live(uint32_t db, const std::string& key) {
    const auto it = model_[db].find(key);
    if (it == model_[db].end()) return nullptr;
    if (it->second.expire_at_ms >= 0 && it->second.expire_at_ms <= context_.now_ms) {
      model_[db].erase(it);
      return nullptr;
    }
    return &it->second;
  }

  void Step() {
    const uint32_t db = random_.Below(10) == 0 ? static_cast<uint32_t>(random_.Below(kDatabases)) : 0;
    const std::string key = RandomName();
    KeySlot slot = keyspace_.Locate(db, key, context_);
    Model* known = Live(db, key);
    ASSERT_EQ(slot.Exists(), known != nullptr) << key;
    switch (random_.Below(1000)) {
      case 0:
        return Rare(db);
      case 1:
        return Flush(db);
      case 2:
        return Snapshot();
      case 3:
        key_range_ = uint64_t{1} << (3 + random_.Below(13));
        erase_bias_ = random_.Below(10);
        return;
      case 4:
        CheckScan(db);
        return;
      default:
        break;
    }
    const uint64_t choice = random_.Below(20);
    if (choice < erase_bias_) {
      slot.Erase();
      model_[db].erase(key);
      return;
    }
    if (choice < 16) return Write(db, key, slot, known);
    if (known == nullptr) return;
    StringScratch scratch;
    ASSERT_EQ(slot.ReadString(scratch), known->value);
    ASSERT_EQ(slot.expire_at_ms(), known->expire_at_ms);
    if (choice == 16) Move(db, key, slot, *known);
    if (choice == 17) SetDeadline(slot, *known);
  }

  void Write(uint32_t db, const std::string& key, KeySlot& slot, Model* known) {
    if (random_.Below(8) == 0) {
      const std::string more = RandomValue();
      const Result<size_t> size = slot.AppendString(more);
      ASSERT_TRUE(size.ok());
      Model& now = model_[db][key];
      now.value += more;
      ASSERT_EQ(*size, now.value.size());
      return;
    }
    const std::string value = RandomValue();
    const Expiry expiry = RandomExpiry();
    ASSERT_TRUE(slot.WriteString(value, expiry).ok());
    const int64_t before = known == nullptr ? -1 : known->expire_at_ms;
    model_[db][key] = {value, expiry.IsKeep() ? before : expiry.at_ms()};
  }

  void Move(uint32_t db, const std::string& key, KeySlot& slot, const Model& known) {
    const auto to_db = static_cast<uint32_t>(random_.Below(kDatabases));
    const std::string to = RandomName();
    if (to_db == db && to == key) return;
    KeySlot destination = keyspace_.Locate(to_db, to, context_);
    if (random_.Below(2) == 0) {
      ASSERT_TRUE(slot.CopyTo(destination).ok());
      model_[to_db][to] = known;
      return;
    }
    ASSERT_TRUE(slot.MoveTo(destination).ok());
    const Model moved = known;
    model_[db].erase(key);
    model_[to_db][to] = moved;
  }

  void SetDeadline(KeySlot& slot, Model& known) {
    if (random_.Below(2) == 0) {
      ASSERT_TRUE(slot.Persist().ok());
      known.expire_at_ms = -1;
      return;
    }
    known.expire_at_ms = context_.now_ms + 1 + static_cast<int64_t>(random_.Below(50'000));
    ASSERT_TRUE(slot.SetExpire(known.expire_at_ms).ok());
  }

  void Rare(uint32_t db) {
    context_.SetNow(context_.now_ms + static_cast<int64_t>(random_.Below(30'000'000)));
    ExpiryCycle cycle(keyspace_, 0, 1);
    static_cast<void>(cycle.Run(context_, 1'000'000));
    // Everything due is gone, and nothing else.
    uint64_t live = 0;
    for (auto it = model_[db].begin(); it != model_[db].end();) {
      const auto next = std::next(it);
      live += Live(db, std::string(it->first)) != nullptr;
      it = next;
    }
    ASSERT_EQ(keyspace_.KeyCount(db), live);
    bool wrapped = false;
    for (uint32_t i = 0; i < keyspace_.shard_count(); ++i) {
      Shard& shard = keyspace_.shard(i);
      shard.AssertHeld();
      while (!wrapped) static_cast<void>(shard.DefragSlice(64, wrapped));
      wrapped = false;
      while (shard.MaintainSlice(64, context_.now_ms)) {
      }
    }
  }

  void Flush(uint32_t db) {
    switch (random_.Below(3)) {
      case 0:
        keyspace_.SwapDatabases(db, 1);
        std::swap(model_[db], model_[1]);
        return;
      case 1:
        static_cast<void>(keyspace_.FlushDatabase(db));
        model_[db].clear();
        return;
      default:
        if (random_.Below(4) != 0) return;
        static_cast<void>(keyspace_.FlushAll());
        for (Database& database : model_) database.clear();
    }
  }

  void Snapshot() {
    if (snapshot_ != nullptr) {
      if (random_.Below(3) != 0) return FinishSnapshot();
      keyspace_.EndSnapshot();  // Cancelled.
      snapshot_.reset();
      return;
    }
    snapshot_ = std::make_unique<MapSnapshot>();
    keyspace_.BeginSnapshot(*snapshot_);
    cut_ = CurrentContent();
  }

  // The content as the keyspace has it now, expired keys that still stand there included.
  std::array<Database, kDatabases> CurrentContent() {
    std::array<Database, kDatabases> content;
    for (uint32_t db = 0; db < kDatabases; ++db) {
      keyspace_.ForEach(db, [&](const EntryView& view) {
        StringScratch scratch;
        content[db][std::string(view.key)] = {std::string(view.String().Read(scratch)), view.expire_at_ms};
        return true;
      });
    }
    return content;
  }

  void FinishSnapshot() {
    for (uint32_t i = 0; i < keyspace_.shard_count(); ++i) {
      SnapshotCursor cursor;
      Shard& shard = keyspace_.shard(i);
      shard.AssertHeld();
      while (!cursor.done) static_cast<void>(shard.WalkUnsaved(cursor, 50));
    }
    for (auto& [shard, detached] : snapshot_->detached) {
      SnapshotCursor cursor;
      while (!cursor.done) static_cast<void>(detached->WalkUnsaved(cursor, 50));
    }
    snapshot_->detached.clear();
    keyspace_.EndSnapshot();
    ASSERT_EQ(snapshot_->duplicates, 0);
    for (uint32_t db = 0; db < kDatabases; ++db) ASSERT_EQ(snapshot_->databases[db], cut_[db]) << db;
    snapshot_.reset();
  }

  // Keys that stay for the whole scan come at least once, nothing comes that was never there.
  void CheckScan(uint32_t db) {
    std::set<std::string> steady;
    for (const auto& [key, model] : model_[db]) {
      if (model.expire_at_ms < 0) steady.insert(key);
    }
    std::set<std::string> seen;
    uint64_t cursor = 0;
    int steps = 0;
    do {
      cursor = keyspace_.Scan(db, cursor, 1 + random_.Below(100), context_.now_ms, Locking::kWorldHeld,
                              [&](const EntryView& view) { seen.insert(std::string(view.key)); });
      ASSERT_LT(cursor, uint64_t{1} << 53);
      // Grow or shrink the table between the steps, with keys of its own.
      const bool grow = random_.Below(2) == 0;
      for (int i = 0; i < 200; ++i) {
        const std::string key = "scan:" + std::to_string(random_.Below(20'000));
        KeySlot slot = keyspace_.Locate(db, key, context_);
        if (grow) {
          ASSERT_TRUE(slot.WriteString("s", Expiry::kClear).ok());
        } else {
          slot.Erase();
        }
      }
      ASSERT_LT(++steps, 100'000);
    } while (cursor != 0);
    for (const std::string& key : steady) ASSERT_TRUE(seen.contains(key)) << key;
    for (int i = 0; i < 20'000; ++i) keyspace_.Locate(db, "scan:" + std::to_string(i), context_).Erase();
  }

  void CheckAll() {
    for (uint32_t db = 0; db < kDatabases; ++db) {
      uint64_t live = 0;
      for (auto it = model_[db].begin(); it != model_[db].end();) {
        const auto next = std::next(it);
        const std::string key = it->first;
        KeySlot slot = keyspace_.Locate(db, key, context_);
        const Model* known = Live(db, key);
        ASSERT_EQ(slot.Exists(), known != nullptr) << key;
        if (known != nullptr) {
          StringScratch scratch;
          ASSERT_EQ(slot.ReadString(scratch), known->value);
          ASSERT_EQ(slot.expire_at_ms(), known->expire_at_ms);
          ++live;
        }
        it = next;
      }
      ASSERT_EQ(keyspace_.KeyCount(db), live);
    }
  }

  Random random_;
  Keyspace keyspace_;
  AccessContext context_;
  std::array<Database, kDatabases> model_;
  std::array<Database, kDatabases> cut_;
  std::unique_ptr<MapSnapshot> snapshot_;
  uint64_t key_range_ = 512;
  uint64_t erase_bias_ = 3;
};

TEST(KeyspaceProperty, BehavesLikeAMapOfMaps) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Harness(seed).Run(40'000);
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace cachenode
