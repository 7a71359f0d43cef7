#include "persistence/blocking_save.h"

#include "persistence/start_thread.h"

namespace cachenode {
namespace {

constexpr uint64_t kEntriesPerStep = 8192;

class BlockingSave final : public SnapshotObserver {
 public:
  BlockingSave(Keyspace& keyspace, RdbWriter& writer, const RdbEncoding& how)
      : keyspace_(keyspace), writer_(writer), how_(how), shards_(keyspace.shard_count()) {}

  // Takes shard after shard until none is left. Called by every thread.
  void Work() {
    ChunkEncoder encoder(writer_, how_);
    for (;;) {
      const uint32_t shard = next_shard_.fetch_add(1, std::memory_order_relaxed);
      if (shard >= shards_.size() || failed_.load(std::memory_order_relaxed)) break;
      WalkShard(shard, encoder);
    }
    encoder.Flush();
    if (encoder.failed()) Fail(encoder.TakeStatus());
  }
  [[nodiscard]] Status TakeStatus() { return std::move(status_); }
  [[nodiscard]] uint64_t KeysSaved() const noexcept {
    uint64_t keys = 0;
    for (const PerShard& shard : shards_) keys += shard.keys;
    return keys;
  }

  void SaveEntries(uint32_t shard, uint32_t db, std::span<const EntryView> entries) override {
    for (const EntryView& entry : entries) shards_[shard].encoder->Add(db, entry);
    shards_[shard].keys += entries.size();
  }
  [[nodiscard]] bool CanSave(uint32_t) noexcept override { return true; }
  // Nothing can be flushed while the world stands still.
  void TakeDetached(uint32_t, std::unique_ptr<DetachedShard> detached) override { detached.reset(); }

 private:
  struct alignas(64) PerShard {
    ChunkEncoder* encoder = nullptr;  // Of the thread that walks the shard now.
    uint64_t keys = 0;
  };

  void WalkShard(uint32_t index, ChunkEncoder& encoder) {
    Shard& shard = keyspace_.shard(index);
    shard.AssertHeld();
    shards_[index].encoder = &encoder;
    SnapshotCursor cursor;
    while (!cursor.done && !encoder.failed()) shard.WalkUnsaved(cursor, kEntriesPerStep);
    shards_[index].encoder = nullptr;
  }
  void Fail(Status status) {
    const std::lock_guard lock(mutex_);
    if (status_.ok()) status_ = std::move(status);
    failed_.store(true, std::memory_order_relaxed);
  }

  Keyspace& keyspace_;
  RdbWriter& writer_;
  const RdbEncoding how_;
  std::vector<PerShard> shards_;
  std::atomic<uint32_t> next_shard_{0};
  std::atomic<bool> failed_{false};
  std::mutex mutex_;  // Guards status_.
  Status status_;
};

void RunOnThreads(BlockingSave& save, unsigned thread_count) {
  std::vector<std::thread> helpers(thread_count - 1);
  // Helpers that cannot be started are done without.
  for (std::thread& helper : helpers) (void)StartThread(helper, "save", [&save] { save.Work(); });
  save.Work();
  for (std::thread& helper : helpers) {
    if (helper.joinable()) helper.join();
  }
}

}  // namespace

Result<BlockingSaveResult> SaveBlocking(Keyspace& keyspace, SnapshotPlan plan) {
  plan.header.databases = DatabaseSizes(keyspace);
  Result<std::unique_ptr<ByteSink>> sink = plan.open_sink();
  if (!sink) return sink.error();
  RdbWriter writer(**sink);
  if (Status status = writer.WriteHeader(plan.header); !status.ok()) return status;
  BlockingSaveResult result;
  {
    BlockingSave save(keyspace, writer, plan.encoding);
    keyspace.BeginSnapshot(save);
    RunOnThreads(save, plan.encoder_threads);
    keyspace.EndSnapshot();
    if (Status status = save.TakeStatus(); !status.ok()) return status;
    result.keys = save.KeysSaved();
  }
  if (Status status = writer.Finish(); !status.ok()) return status;
  if (Status status = (*sink)->Commit(); !status.ok()) return status;
  result.file_bytes = writer.bytes_written();
  result.sink = *std::move(sink);
  return result;
}

}  // namespace cachenode
