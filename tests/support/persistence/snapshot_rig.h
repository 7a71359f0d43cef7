// A keyspace with a snapshotter around it, a world lock, and sinks that a test can slow down or break.
//
// Thread-safety: InWorld, Run and the operations by any thread; the rest by the test's own.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "persistence/rdb_cursor.h"
#include "persistence/rdb_reader.h"
#include "persistence/snapshotter.h"
#include "storage/base/log.h"
#include "storage/base/random.h"
#include "tests/support/persistence/memory_stream.h"

namespace cachenode {

// What a data set is: (database, key) -> (value, deadline).
using DataSet = std::map<std::pair<uint32_t, std::string>, std::pair<std::string, int64_t>>;

class TestHost final : public SnapshotHost {
 public:
  void RunExclusive(FunctionRef<void()> body) override {
    if (exclusive_here_) return body();
    const std::unique_lock lock(world_);
    exclusive_here_ = true;
    body();
    exclusive_here_ = false;
  }
  void WakeWalkers() noexcept override {}
  void OnSnapshotRoom() noexcept override { room_calls.fetch_add(1); }
  void OnSnapshotOutcome() noexcept override { outcomes.push_back(exclusive_here_); }
  void OnSnapshotFinished() noexcept override { finished_calls.fetch_add(1); }

  // What a worker does inside its world flag. Writers are preferred by sleeping a little: std::shared_mutex is not
  // fair.
  void InWorld(FunctionRef<void()> body) {
    const std::shared_lock lock(world_);
    body();
  }

  std::atomic<int> room_calls{0};
  std::atomic<int> finished_calls{0};
  std::vector<bool> outcomes;  // For each call of OnSnapshotOutcome: whether it was under exclusion.

 private:
  std::shared_mutex world_;
  inline static thread_local bool exclusive_here_ = false;
};

// Collects the file; optionally slow, optionally failing.
class TestSink final : public ByteSink {
 public:
  struct Behaviour {
    size_t room_bytes = SIZE_MAX;
    std::chrono::microseconds delay{0};
    std::shared_future<void> released;  // Writing waits for it, if there is one.
  };
  TestSink(std::string& out, const Behaviour& behaviour)
      : memory_(out, behaviour.room_bytes), delay_(behaviour.delay), released_(behaviour.released) {}
  Status Write(std::span<const char> bytes) override {
    if (released_.valid()) released_.wait();
    if (delay_.count() > 0) std::this_thread::sleep_for(delay_);
    return memory_.Write(bytes);
  }
  Status Commit() override { return memory_.Commit(); }

 private:
  MemorySink memory_;
  const std::chrono::microseconds delay_;
  const std::shared_future<void> released_;
};

struct SnapshotRig {
  explicit SnapshotRig(bool threaded, uint32_t shard_count = 16)
      : keyspace(Options(threaded, shard_count)), snapshotter(keyspace, host, clock, log) {
    SnapshotSettings settings;
    settings.walker_count = 8;
    snapshotter.SetSettings(settings);
  }

  static KeyspaceOptions Options(bool threaded, uint32_t shard_count) {
    KeyspaceOptions options;
    options.shard_count = shard_count;
    options.database_count = 4;
    options.threaded = threaded;
    options.arena_reserve_bytes = size_t{256} << 20;
    return options;
  }

  SinkFactory Sink(TestSink::Behaviour behaviour = {}) {
    return [this, behaviour]() -> Result<std::unique_ptr<ByteSink>> {
      return std::unique_ptr<ByteSink>(std::make_unique<TestSink>(file, behaviour));
    };
  }

  // All keys as they are now. Under exclusion.
  DataSet Everything() const {
    DataSet all;
    for (uint32_t db = 0; db < keyspace.database_count(); ++db) {
      keyspace.ForEach(db, [&](const EntryView& entry) {
        StringScratch scratch;
        all[{db, std::string(entry.key)}] = {std::string(entry.String().Read(scratch)), entry.expire_at_ms};
        return true;
      });
    }
    return all;
  }

  // Walks and polls until no snapshot runs. Leaves the processor to the encoders when there is nothing to walk.
  void RunToEnd(unsigned walker = 0) {
    while (snapshotter.Running()) {
      bool more = false;
      host.InWorld([&] { more = snapshotter.RunSlice(walker, 200); });
      snapshotter.Poll();
      if (!more) std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  }

  SystemClock clock;
  NullLogSink no_log;
  Log log{no_log};
  TestHost host;
  Keyspace keyspace;
  std::string file;
  Snapshotter snapshotter;
};

// The keys of a file, or an empty set and a failed expectation.
inline DataSet KeysOfFile(std::string_view bytes) {
  struct Nobody : RdbObserver {
    void OnAux(std::string_view, std::string_view) override {}
    void OnResizeDb(uint32_t, uint64_t, uint64_t) override {}
    Status OnFunction(std::string_view) override { return Status::Ok(); }
  } nobody;
  MemorySource source(bytes);
  RdbReader reader(source, nobody, {});
  DataSet all;
  Status header = reader.ReadHeader();
  EXPECT_TRUE(header.ok()) << header.text();
  RdbBatch batch;
  for (;;) {
    Result<bool> more = reader.ReadBatch(batch);
    EXPECT_TRUE(more.ok()) << more.status().text();
    if (!more.ok() || !*more) return all;
    for (const RdbRecord& record : batch.records) {
      RdbCursor cursor(record.value);
      RdbString text;
      std::string value;
      EXPECT_TRUE(cursor.ReadString(text) && text.CopyTo(value));
      const bool is_new =
          all.emplace(std::pair(record.db, std::string(record.key)), std::pair(value, record.expire_at_ms)).second;
      EXPECT_TRUE(is_new) << "written twice: " << record.key;
    }
  }
}

// Says what differs without printing whole data sets.
inline void ExpectSame(const DataSet& got, const DataSet& want) {
  EXPECT_EQ(got.size(), want.size());
  int shown = 0;
  for (const auto& [key, value] : want) {
    const auto found = got.find(key);
    if (found != got.end() && found->second == value) continue;
    ADD_FAILURE() << (found == got.end() ? "missing: " : "different: ") << key.first << " " << key.second.substr(0, 40);
    if (++shown == 5) return;
  }
}

}  // namespace cachenode
