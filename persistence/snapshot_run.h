// One background snapshot, from the cut to the file: saves each bucket before it changes, walks those that do not, and
// encodes and writes what was copied on threads of its own. The algorithm is in persistence/README.md.
//
// Thread-safety: Begin, End and the destructor under the world lock. Walk by a loop thread, in its world flag and with
//   no shard lock held. SaveEntries, CanSave and TakeDetached as SnapshotObserver says. Everything else by any thread.
// Invariants: an entry is handed to an encoder exactly once. Memory held is at most kBufferBytesMax, plus one chunk per
//   thread that already holds shard locks when it asks for more, plus one encoder buffer per encoder, plus spare chunks
//   of at most kSpareBytesMax.
// Errors: the first one stops the run; writes go on at once, nothing is saved any more, and the file never appears.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "persistence/byte_stream.h"
#include "persistence/chunk_encoder.h"
#include "persistence/encoder_host.h"
#include "persistence/raw_chunk.h"
#include "persistence/rdb_writer.h"
#include "persistence/snapshot_host.h"
#include "storage/keyspace.h"
#include "storage/memory_account.h"
#include "storage/snapshot_observer.h"

namespace cachenode {

// Opens where a snapshot goes. Called on a thread of the run; may block.
using SinkFactory = std::function<Result<std::unique_ptr<ByteSink>>()>;

struct SnapshotPlan {
  RdbFileHeader header;  // Databases are filled in at the cut.
  RdbEncoding encoding;
  SinkFactory open_sink;
  unsigned encoder_threads = 1;
  int encoder_nice = 0;
  unsigned walker_count = 1;  // Loops that call Walk.
  // rdb-key-save-delay, for tests that need a snapshot to last: so long after every key, by all encoders together. The
  // walk keeps close to the encoders then, so that most keys are still to be saved.
  int64_t key_delay_us = 0;
};

// The databases that have keys, for the file's header. World lock.
[[nodiscard]] std::vector<RdbFileHeader::Database> DatabaseSizes(const Keyspace& keyspace);

enum class WalkOutcome : uint8_t {
  kNothingLeft,  // For this walker; others may be at work still.
  kStalled,      // Buffers are full: go on when the host hears of room.
  kMore,
};

class SnapshotRun final : public SnapshotObserver, private EncoderHost {
 public:
  // All the memory that copied entries and pinned blocks may take.
  static constexpr size_t kBufferBytesMax = size_t{52} << 20;
  // The part of it kept for EXEC and scripts, which cannot be parked half-way.
  static constexpr size_t kReserveBytes = size_t{12} << 20;
  // Emptied chunks that are kept for their next use.
  static constexpr size_t kSpareBytesMax = size_t{2} << 20;

  SnapshotRun(Keyspace& keyspace, SnapshotHost& host, SnapshotPlan plan);
  ~SnapshotRun() override;

  // The cut, and the start of the encoders.
  void Begin();
  // Takes the run off the keyspace and waits for its threads. Cancels it when it is not finished.
  void End();

  // Copies unsaved buckets for about `budget_us`, each shard lock held for at most kHoldUs.
  WalkOutcome Walk(unsigned walker, uint32_t budget_us);
  static constexpr uint32_t kHoldUs = 15;

  // Stops the run with an error, kCancelled for one that was asked for. The first call counts.
  void Stop(Status why);

  [[nodiscard]] bool finished() const noexcept { return finished_.load(std::memory_order_acquire); }
  // Requires finished(). The outcome; Ok means the file is in place.
  [[nodiscard]] Status TakeStatus();
  [[nodiscard]] uint64_t keys_total() const noexcept { return keys_total_; }
  [[nodiscard]] uint64_t KeysCopied() const noexcept;
  [[nodiscard]] uint64_t bytes_written() const noexcept { return bytes_written_.load(std::memory_order_relaxed); }
  // Changes for as long as the run gets on.
  [[nodiscard]] uint64_t Progress() const noexcept {
    return KeysCopied() + bytes_written() + pieces_encoded_.load(std::memory_order_relaxed);
  }
  // Bytes of buffers and of blocks that live on only for this snapshot (at most; they may also be live values).
  [[nodiscard]] uint64_t buffer_bytes() const noexcept { return used_bytes_.load(std::memory_order_relaxed); }
  [[nodiscard]] uint64_t buffer_bytes_peak() const noexcept { return peak_bytes_.load(std::memory_order_relaxed); }

  // Bytes of entries that were copied because a writer was about to change them.
  [[nodiscard]] uint64_t BytesCopiedForWriters() const noexcept;

  void SaveEntries(uint32_t shard, uint32_t db, std::span<const EntryView> entries) override;
  [[nodiscard]] bool CanSave(uint32_t shard) noexcept override;
  void TakeDetached(uint32_t shard, std::unique_ptr<DetachedShard> detached) override;

 private:
  // Guarded by the shard's lock; `direct` and what follows from it by the one thread that walks a detached shard.
  struct alignas(64) ShardState {
    std::unique_ptr<RawChunk> open;
    ChunkEncoder* direct = nullptr;  // Set while a detached shard is walked: no copy is needed.
    SnapshotCursor cursor;
    bool closed = false;   // Nothing more can come from the live shard.
    bool walking = false;  // Entries come from the walk, not from a writer.
    OwnedCounter keys_copied;
    OwnedCounter bytes_for_writers;
  };
  struct alignas(64) Walker {
    uint32_t shard = UINT32_MAX;
    uint32_t entries_per_hold = 64;
  };
  // Exactly one of the two is set.
  struct Job {
    std::unique_ptr<RawChunk> chunk;
    std::unique_ptr<DetachedShard> detached;
    uint32_t shard = 0;

    [[nodiscard]] size_t Bytes() const noexcept { return chunk == nullptr ? 0 : chunk->BytesHeld(); }
    // Of large values, in the keyspace; about as many, or fewer, encoded.
    [[nodiscard]] size_t LongBytes() const noexcept { return chunk == nullptr ? 0 : chunk->long_value_bytes(); }
  };

  // Returns the bytes copied or pinned.
  size_t CopyEntry(ShardState& state, uint32_t db, const EntryView& entry);
  [[nodiscard]] bool OpenChunk(ShardState& state, size_t bytes_needed);
  // Chunks of the usual size are used again: memory that is present already.
  [[nodiscard]] std::unique_ptr<RawChunk> TakeSpareChunk();
  void KeepSpareChunk(std::unique_ptr<RawChunk> chunk);
  static bool IsLonger(const Job& left, const Job& right) noexcept;
  // Requires mutex_; who waits for a job is told afterwards.
  void AddJob(Job job);
  void Push(Job job);
  void CloseShard(ShardState& state, std::unique_ptr<DetachedShard> detached, uint32_t shard);
  void Count(size_t bytes);
  void Uncount(size_t bytes);
  void WaitForRoom();
  // Whether the encoders should catch up before more is walked.
  [[nodiscard]] bool IsFarAhead() noexcept;
  bool ClaimShard(Walker& walker);
  // False when the shard's lock was busy.
  bool WalkOnce(Walker& walker);

  void Lead();
  void Encode();
  void EncodeChunk(ChunkEncoder& encoder, std::unique_ptr<RawChunk> chunk);
  void DelayAfterKey();
  [[nodiscard]] bool IsAheadOfTheDelay();
  void EncodeDetached(ChunkEncoder& encoder, Job job);
  // Waits for a job. False when there will be none.
  [[nodiscard]] bool PopJob(Job& job);
  void EndLongJob(size_t long_bytes);
  // Both require mutex_.
  [[nodiscard]] bool MayTakeLongJob() const noexcept;
  void TakeLongJob(Job& job) noexcept;
  // EncoderHost: of the encoders.
  [[nodiscard]] bool TryHold(size_t bytes) noexcept override;
  void LetGo(size_t bytes) noexcept override;
  [[nodiscard]] bool IsShortOfRoom() const noexcept override;
  [[nodiscard]] bool OnPiece() noexcept override;
  void GiveWayUnlessShort() const noexcept;
  [[nodiscard]] bool IsStopped() const noexcept { return stopped_.load(std::memory_order_relaxed); }
  Status WriteEverything();

  Keyspace& keyspace_;
  SnapshotHost& host_;
  SnapshotPlan plan_;
  const size_t chunk_bytes_;
  uint64_t keys_total_ = 0;  // Constant after Begin.
  bool begun_ = false;       // World lock.

  std::vector<ShardState> shards_;
  std::vector<Walker> walkers_;  // Each touched by its own loop thread.
  std::atomic<uint32_t> next_shard_{0};

  std::atomic<bool> stopped_{false};
  std::atomic<bool> finished_{false};
  std::atomic<bool> someone_waits_{false};   // CanSave said no since the last OnSnapshotRoom.
  std::atomic<bool> a_walker_waits_{false};  // IsFarAhead said yes since the last OnSnapshotRoom.
  std::atomic<uint64_t> queued_bytes_{0};    // Of used_bytes_, what waits for an encoder or is with one.
  std::atomic<uint64_t> used_bytes_{0};
  std::atomic<uint64_t> peak_bytes_{0};
  std::atomic<uint64_t> bytes_written_{0};
  std::atomic<uint64_t> pieces_encoded_{0};

  std::thread lead_;
  std::unique_ptr<ByteSink> sink_;     // Lead thread only.
  std::unique_ptr<RdbWriter> writer_;  // Made by the lead thread before its helpers.

  std::mutex mutex_;                      // A leaf lock. Guards what follows.
  std::condition_variable changed_;       // Encoders wait here for jobs, or for the end of them.
  std::condition_variable room_changed_;  // And here those who wait for room, or for time to pass.
  std::deque<Job> jobs_;
  std::vector<Job> long_jobs_;  // Those with large values, a heap with the least work on top.
  unsigned long_jobs_running_ = 0;
  size_t long_bytes_running_ = 0;
  std::vector<std::unique_ptr<RawChunk>> spare_chunks_;
  uint32_t sources_left_ = 0;  // Shards and detached shards that may still bring chunks.
  Status status_;
};

}  // namespace cachenode
