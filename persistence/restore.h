// Fills the keyspace from an RDB file or an object, on several threads, and tells how far it is.
//
// Thread-safety: one call of FromSource or FromFile per object, on a thread that may block; it brings its own helpers.
//   Nothing else touches the keyspace until it returns: loops answer -LOADING and run no expiry, eviction or
//   maintenance. Cancel and Progress may be called by any thread.
// Invariant: Ok means that every byte was read and the checksum is right. After an error the keyspace holds a part of
//   the data, which must not be served: the caller empties it or ends the process.
// Errors: one line that names the source, the offset, and the key and type where there is one.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "persistence/batch_loader.h"
#include "persistence/chunk_index.h"
#include "persistence/file_stream.h"
#include "persistence/rdb_reader.h"
#include "storage/base/clock.h"
#include "storage/base/log.h"

namespace cachenode {

struct RestoreOptions {
  RdbVersionCheck version_check = RdbVersionCheck::kRelaxed;
  bool verify_checksum = true;
  LoadRules rules;            // now_ms 0: the time when the restore begins.
  unsigned thread_count = 2;  // The caller's among them.
  // A file that certainly needs more than this is refused before the first key: our own say what they need, and others'
  // counts of keys without a deadline give a lower bound. 0: no limit.
  uint64_t needed_bytes_max = 0;
  UnsupportedTypes unsupported = UnsupportedTypes::kFail;
};

// For INFO. Times are Unix seconds.
struct RestoreProgress {
  int64_t start_time_s = 0;
  uint64_t total_bytes = 0;  // 0 when the source does not know.
  uint64_t loaded_bytes = 0;
  uint64_t writer_used_memory_bytes = 0;  // "used-mem" of the file.
  uint64_t keys_loaded = 0;
  uint64_t keys_expired = 0;
  double percent = 0;
  int64_t eta_seconds = 1;
};

class Restore final : private RdbObserver {
 public:
  // All outlive the restore.
  Restore(Keyspace& keyspace, Clock& clock, Log& log, const RestoreOptions& options);
  ~Restore() override;

  // `name` is for messages.
  Status FromSource(ByteSource& source, std::string_view name);
  // Uses the file's chunk index, when it has one that can be believed, to read with all threads at once.
  Status FromFile(const std::string& path);
  // Reads the file with this one thread and loads nothing: Ok when FromFile can only fail for want of memory, for a key
  // that is there already, or inside a collection that CheckRdb does not build. Takes about as long as a load with one
  // thread. Called before FromFile, if at all.
  Status CheckFile(const std::string& path);
  // Makes the call that is under way end soon with kCancelled.
  void Cancel() noexcept { cancelled_.store(true, std::memory_order_relaxed); }

  [[nodiscard]] RestoreProgress Progress() const noexcept;
  // "3 keys of 2 types were left out: ReJSON-RL 2, MBbloom-- 1", or nothing when none was. After the load.
  [[nodiscard]] std::string DescribeSkipped() const;
  // The sources of the function libraries of a file that was loaded.
  [[nodiscard]] std::vector<std::string> TakeFunctions() noexcept { return std::move(functions_); }

 private:
  void OnAux(std::string_view name, std::string_view value) override;
  void OnResizeDb(uint32_t db, uint64_t key_count, uint64_t expiring_count) override;
  Status OnFunction(std::string_view source) override;
  void OnSkippedKey(std::string_view type) override { ++skipped_[std::string(type)]; }

  // On any thread.
  void OnEmptyKey(std::string_view key);

  void Begin(int64_t total_bytes);
  void RefuseIfTooMuch(uint64_t needed_bytes);
  Status Finish(Status status, std::string_view name);
  [[nodiscard]] RdbReaderOptions ReaderOptions() const;

  // One thread after the other reads.
  Status Stream(ByteSource& source);
  void LoadInTurns(RdbReader& reader);
  bool ReadInTurn(RdbReader& reader, RdbBatch& batch, BatchLoader::Scratch& scratch);

  // All threads read.
  Status LoadChunks(FileSource& file, const ChunkIndex& index);
  Status LoadHead(const FileSource& file, const ChunkIndex& index, uint64_t& checksum);
  void LoadChunksOfOneThread(const FileSource& file, const ChunkIndex& index);
  Status LoadFragment(RdbReader& reader, RdbBatch& batch, BatchLoader::Scratch& scratch);
  // By the thread that reads.
  Status LoadBatch(RdbReader& reader, RdbBatch& batch, BatchLoader::Scratch& scratch);
  Status CheckTail(const FileSource& file, const ChunkIndex& index, uint64_t checksum);
  // kCancelled, or the first failure of any of them.
  template <typename Body>
  Status OnAllThreads(Body body);

  void Fail(Status status);
  [[nodiscard]] bool ShouldStop() const noexcept {
    return failed_.load(std::memory_order_relaxed) || cancelled_.load(std::memory_order_relaxed);
  }

  Keyspace& keyspace_;
  Clock& clock_;
  Log& log_;
  RestoreOptions options_;
  std::unique_ptr<BatchLoader> loader_;

  int version_ = 0;  // Of the file; constant once the head was read.
  RdbDialect dialect_ = RdbDialect::kRedis;
  Status refusal_;  // Of the thread that reads at the time, as are the next.
  std::vector<std::string> functions_;
  std::map<std::string, uint64_t> skipped_;  // Keys that were left out, by type. The same.
  uint64_t lasting_keys_ = 0;                // Without a deadline, as announced so far. The same.
  std::vector<uint64_t> chunk_checksums_;    // Each written by one thread.
  std::atomic<size_t> next_chunk_{0};

  std::atomic<bool> cancelled_{false};
  std::atomic<bool> failed_{false};
  std::atomic<int> empty_keys_logged_{0};
  std::atomic<int64_t> start_ms_{0};
  std::atomic<uint64_t> total_bytes_{0};
  std::atomic<uint64_t> loaded_bytes_{0};
  std::atomic<uint64_t> writer_used_memory_bytes_{0};

  std::mutex turn_;   // Of the threads that read one source in turn. Held while the source is waited for.
  std::mutex mutex_;  // Guards what follows.
  Status status_;
};

}  // namespace cachenode
