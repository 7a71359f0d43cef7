// Random operations on hashes of all forms against std::map: fields with and without deadlines, keys that are moved,
// copied, erased and flushed, databases that are swapped, time that passes. A failure prints its seed.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "storage/base/random.h"
#include "storage/key_observer.h"
#include "storage/keyspace.h"
#include "storage/value/hash_value.h"
#include "storage/value/value_limits.h"
#include "tests/support/property.h"

namespace cachenode {
namespace {

constexpr uint32_t kDatabases = 2;
constexpr uint64_t kKeys = 6;

struct ModelField {
  std::string value;
  int64_t expire_at_ms = -1;
  bool operator==(const ModelField&) const = default;
};
using ModelHash = std::map<std::string, ModelField>;
using ModelDatabase = std::map<std::string, ModelHash>;

class Counting final : public KeyObserver {
 public:
  void BeforeChange(uint32_t, std::string_view) override {}
  void OnExpired(uint32_t, std::string_view) override {}
  void OnEvicted(uint32_t, std::string_view) override {}
  void OnFieldsExpired(uint32_t, std::string_view, uint64_t count, bool key_gone) override {
    fields += count;
    keys += key_gone;
  }
  uint64_t fields = 0;
  uint64_t keys = 0;
};

class HashModelTest : public ::testing::Test {
 protected:
  HashModelTest() : random_(PropertySeed()), keyspace_(Options()), limits_(value_limits) {
    context_.SetNow(1'700'000'000'000);
    context_.observer = &observer_;
    context_.random = &random_;
  }
  ~HashModelTest() override { value_limits = limits_; }

  static KeyspaceOptions Options() {
    KeyspaceOptions options;
    options.shard_count = 1;
    options.database_count = kDatabases;
    return options;
  }

  KeySlot At(uint32_t db, const std::string& key) { return keyspace_.Locate(db, key, context_); }
  std::string SomeKey() { return "key" + std::to_string(random_.Below(kKeys)); }
  uint32_t SomeDb() { return static_cast<uint32_t>(random_.Below(kDatabases)); }

  std::string SomeName() {
    const uint64_t number = random_.Below(fields_);
    if (number % 3 == 0) return std::to_string(number);
    return std::string(number % 7 == 0 ? 30 : 3, 'n') + std::to_string(number);
  }
  std::string SomeValue() {
    const uint64_t kind = random_.Below(40);
    if (kind < 15) return std::to_string(static_cast<int64_t>(random_.Next()) >> random_.Below(64));
    if (kind == 20) return std::string(random_.Below(3000), 'v');
    return std::string(random_.Below(60), static_cast<char>('a' + kind % 26));
  }
  int64_t SomeDeadline() { return context_.now_ms + 1 + static_cast<int64_t>(random_.Below(500)); }

  void SetField(uint32_t db, const std::string& key) {
    KeySlot slot = At(db, key);
    const std::string name = SomeName();
    const std::string value = SomeValue();
    ModelHash& model = model_[db][key];
    const bool is_new = !model.contains(name);
    int64_t deadline = -1;
    Expiry expiry = Expiry::kClear;
    if (random_.Below(4) == 0) {
      deadline = SomeDeadline();
      expiry = Expiry::At(deadline);
    } else if (random_.Below(3) == 0) {
      deadline = is_new ? -1 : model[name].expire_at_ms;
      expiry = Expiry::kKeep;
    }
    Result<bool> set = HashValue(slot).Set(name, value, with_deadlines_ ? expiry : Expiry::kClear);
    ASSERT_TRUE(set.ok());
    EXPECT_EQ(*set, is_new) << name;
    model[name] = {value, with_deadlines_ ? deadline : -1};
  }

  void SetPairs(uint32_t db, const std::string& key) {
    std::vector<std::string> words(2 * (1 + random_.Below(12)));
    for (size_t i = 0; i < words.size(); ++i) words[i] = i % 2 == 0 ? SomeName() : SomeValue();
    ModelHash& model = model_[db][key];
    const size_t before = model.size();
    for (size_t i = 0; i < words.size(); i += 2) model[words[i]] = {words[i + 1], -1};
    KeySlot slot = At(db, key);
    Result<size_t> created = HashValue(slot).SetPairs(std::vector<std::string_view>(words.begin(), words.end()));
    ASSERT_TRUE(created.ok());
    EXPECT_EQ(*created, model.size() - before);
  }

  void ChangeDeadline(uint32_t db, const std::string& key) {
    KeySlot slot = At(db, key);
    if (!slot.Exists() || !with_deadlines_) return;
    const std::string name = SomeName();
    ModelHash& model = model_[db][key];
    const int64_t deadline = random_.Below(3) == 0 ? -1 : SomeDeadline();
    Result<bool> set = HashValue(slot).SetDeadline(name, deadline < 0 ? Expiry::kClear : Expiry::At(deadline));
    ASSERT_TRUE(set.ok());
    EXPECT_EQ(*set, model.contains(name));
    if (*set) model[name].expire_at_ms = deadline;
  }

  void EraseField(uint32_t db, const std::string& key) {
    KeySlot slot = At(db, key);
    if (!slot.Exists()) return;
    const std::string name = SomeName();
    Result<bool> erased = HashValue(slot).Erase(name);
    ASSERT_TRUE(erased.ok());
    EXPECT_EQ(*erased, model_[db][key].erase(name) == 1);
    if (model_[db][key].empty()) model_[db].erase(key);
  }

  void MoveOrCopy(uint32_t db, const std::string& key) {
    const uint32_t to_db = SomeDb();
    const std::string to_key = SomeKey();
    if ((db == to_db && key == to_key) || !At(db, key).Exists()) return;
    KeySlot from = At(db, key);
    KeySlot to = At(to_db, to_key);
    model_[to_db][to_key] = model_[db][key];
    if (random_.Below(2) == 0) {
      ASSERT_TRUE(from.CopyTo(to).ok());
      return;
    }
    ASSERT_TRUE(from.MoveTo(to).ok());
    model_[db].erase(key);
  }

  void Rebuild(uint32_t db, const std::string& key) {
    KeySlot from = At(db, key);
    if (!from.Exists()) return;
    HashBuilder builder;
    const HashView view = HashView::Of(from);
    if (view.IsPacked() && random_.Below(2) == 0) {
      const std::string bytes(view.Listpack());
      ASSERT_TRUE(builder.AddListpack(bytes, view.IsTriples()).ok());
    } else {
      builder.Expect(view.Count());
      view.ForEach([&](const HashField& field) {
        EXPECT_TRUE(builder.Add(field).ok());
        return true;
      });
    }
    EXPECT_EQ(builder.Count(), view.Count());
    const uint32_t to_db = SomeDb();
    const std::string to_key = SomeKey();
    KeySlot to = At(to_db, to_key);
    model_[to_db][to_key] = ModelHash(model_[db][key]);
    ASSERT_TRUE(builder.Finish(to, Expiry::kClear).ok());
  }

  void PassTime() {
    context_.SetNow(context_.now_ms + static_cast<int64_t>(random_.Below(100)));
    uint64_t due_fields = 0;
    uint64_t due_keys = 0;
    for (ModelDatabase& database : model_) {
      for (auto hash = database.begin(); hash != database.end();) {
        due_fields += std::erase_if(hash->second, [&](const auto& field) {
          return field.second.expire_at_ms >= 0 && field.second.expire_at_ms <= context_.now_ms;
        });
        const bool gone = hash->second.empty();
        due_keys += gone;
        hash = gone ? database.erase(hash) : std::next(hash);
      }
    }
    observer_ = {};
    Shard& shard = keyspace_.shard(0);
    shard.AssertHeld();
    for (int i = 0; shard.EarliestExpiryMs() <= context_.now_ms; ++i) {
      ASSERT_LT(i, 10'000) << "expiry gets nowhere";
      shard.ExpireSlice(context_, 1 + static_cast<uint32_t>(random_.Below(20)));
    }
    EXPECT_EQ(observer_.fields, due_fields);
    EXPECT_EQ(observer_.keys, due_keys);
  }

  void Step() {
    const uint32_t db = SomeDb();
    const std::string key = SomeKey();
    const uint64_t what = random_.Below(1000);
    if (what < 470) return SetField(db, key);
    if (what < 500) return SetPairs(db, key);
    if (what < 650) return ChangeDeadline(db, key);
    if (what < 900) return EraseField(db, key);
    if (what < 930) return MoveOrCopy(db, key);
    if (what < 950) return Rebuild(db, key);
    if (what < 985) return PassTime();
    if (what < 990) {
      At(db, key).Erase();
      model_[db].erase(key);
    } else if (what < 995) {
      keyspace_.SwapDatabases(0, 1);
      std::swap(model_[0], model_[1]);
    } else if (what == 999) {
      static_cast<void>(keyspace_.FlushDatabase(db));
      model_[db].clear();
    }
  }

  void CheckHash(uint32_t db, const std::string& key, const ModelHash& model) {
    KeySlot slot = At(db, key);
    ASSERT_TRUE(slot.Exists()) << key;
    const HashView view = HashView::Of(slot);
    EXPECT_EQ(view.Count(), model.size());
    ModelHash seen;
    int64_t earliest = kNoFieldDeadline;
    view.ForEach([&](const HashField& field) {
      seen[std::string(field.name)] = {std::string(field.value), field.expire_at_ms};
      if (field.expire_at_ms >= 0) earliest = std::min(earliest, field.expire_at_ms);
      return true;
    });
    EXPECT_EQ(seen, model) << key << " " << slot.EncodingName();
    EXPECT_LE(view.EarliestDeadlineMs(), earliest);
    EXPECT_EQ(view.HasDeadlines(), earliest != kNoFieldDeadline);
    HashScratch scratch;
    HashField field;
    for (const auto& [name, expected] : model) {
      ASSERT_TRUE(view.Find(name, field, scratch));
      EXPECT_EQ(field.value, expected.value);
    }
    EXPECT_FALSE(view.Find("no such field", field, scratch));
    view.RandomField(random_, field, scratch);
    EXPECT_TRUE(model.contains(std::string(field.name)));
  }

  void CheckAll() {
    for (uint32_t db = 0; db < kDatabases; ++db) {
      uint64_t with_deadlines = 0;
      EXPECT_EQ(keyspace_.KeyCount(db), model_[db].size());
      for (const auto& [key, hash] : model_[db]) {
        CheckHash(db, key, hash);
        with_deadlines +=
            std::any_of(hash.begin(), hash.end(), [](const auto& f) { return f.second.expire_at_ms >= 0; });
      }
      EXPECT_EQ(keyspace_.shard(0).FieldExpiryCount(db), with_deadlines);
    }
  }

  void Run(size_t rounds) {
    SCOPED_TRACE(PropertyTrace());
    for (size_t i = 0; i < rounds && !HasFailure(); ++i) {
      Step();
      if (i % 64 == 0) CheckAll();
    }
    CheckAll();
    for (uint32_t db = 0; db < kDatabases; ++db) static_cast<void>(keyspace_.FlushDatabase(db));
    keyspace_.FreeDetached();
    EXPECT_EQ(keyspace_.Memory().external_bytes, 0U);
  }

  Random random_;
  Counting observer_;
  AccessContext context_;
  Keyspace keyspace_;
  const ValueLimits limits_;
  std::array<ModelDatabase, kDatabases> model_;
  uint64_t fields_ = 12;
  bool with_deadlines_ = true;
};

TEST_F(HashModelTest, FewFieldsStayPacked) { Run(PropertyRounds(6000)); }

TEST_F(HashModelTest, FieldsAroundTheLimitChangeTheForm) {
  value_limits.hash_max_listpack_entries = 8;
  value_limits.hash_max_listpack_value = 40;
  fields_ = 20;
  Run(PropertyRounds(6000));
}

TEST_F(HashModelTest, ManyFieldsWithDeadlines) {
  value_limits.hash_max_listpack_entries = 4;
  fields_ = 3000;
  Run(PropertyRounds(20'000));
}

TEST_F(HashModelTest, WithoutDeadlines) {
  with_deadlines_ = false;
  value_limits.hash_max_listpack_entries = 16;
  fields_ = 200;
  Run(PropertyRounds(10'000));
}

}  // namespace
}  // namespace cachenode
