#include "persistence/restore.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "persistence/rdb_check.h"
#include "persistence/rdb_writer.h"
#include "persistence/start_thread.h"
#include "storage/base/bytes.h"
#include "storage/base/crc64.h"
#include "storage/base/numbers.h"

namespace cachenode {
namespace {

// What one thread decodes at once. A chunk of ours is one batch.
constexpr size_t kChunkBatchBytes = size_t{512} << 10;
// Of a stream: with its records it stays within a processor's second-level cache.
constexpr size_t kStreamBatchBytes = size_t{256} << 10;
constexpr int64_t kMsPerSecond = 1000;
constexpr size_t kLogTextBytesMax = 128;
constexpr int kEmptyKeysLoggedMax = 10;
// No key takes less: one granule of the slab heap, and a place in a bucket of 64 bytes for 11 entries.
constexpr uint64_t kKeyBytesMin = 8 + 5;

// Our chunks hold keys only; whatever else a file puts there is nobody's business.
class ChunkObserver final : public RdbObserver {
 public:
  void OnAux(std::string_view, std::string_view) override {}
  void OnResizeDb(uint32_t, uint64_t, uint64_t) override {}
  Status OnFunction(std::string_view) override {
    return Status::WithText(Err::kCorrupt, "a function library inside a chunk of keys");
  }
};

}  // namespace

Restore::Restore(Keyspace& keyspace, Clock& clock, Log& log, const RestoreOptions& options)
    : keyspace_(keyspace), clock_(clock), log_(log), options_(options) {
  if (options_.rules.now_ms == 0) options_.rules.now_ms = clock.NowMs();
  options_.thread_count = std::max(options_.thread_count, 1U);
  loader_ = std::make_unique<BatchLoader>(keyspace, options_.rules, [this](std::string_view key) { OnEmptyKey(key); });
}

Restore::~Restore() = default;

RdbReaderOptions Restore::ReaderOptions() const {
  RdbReaderOptions options;
  options.version_check = options_.version_check;
  options.verify_checksum = options_.verify_checksum;
  options.database_count = keyspace_.database_count();
  options.block_bytes = kChunkBatchBytes;
  options.unsupported = options_.unsupported;
  return options;
}

void Restore::Begin(int64_t total_bytes) {
  start_ms_.store(clock_.NowMs(), std::memory_order_relaxed);
  total_bytes_.store(static_cast<uint64_t>(std::max<int64_t>(total_bytes, 0)), std::memory_order_relaxed);
}

Status Restore::Finish(Status status, std::string_view name) {
  if (!status.ok()) {
    const bool bare_out_of_memory = status.code() == Err::kOutOfMemory && status.text().empty();
    if (bare_out_of_memory) status = Status::WithText(Err::kOutOfMemory, "out of memory");
    if (status.code() == Err::kCancelled) status = Status::WithText(Err::kCancelled, "cancelled");
    return std::move(status).WithContext(name);
  }
  CN_LOG(log_, kNotice, "Done loading RDB, keys loaded: {}, keys expired: {}, empty keys skipped: {}.",
         loader_->keys_loaded(), loader_->keys_expired(), loader_->empty_keys_skipped());
  if (!skipped_.empty()) CN_LOG(log_, kWarning, "{}", DescribeSkipped());
  return Status::Ok();
}

std::string Restore::DescribeSkipped() const {
  if (skipped_.empty()) return {};
  uint64_t count = 0;
  std::string types;
  for (const auto& [type, keys] : skipped_) {
    count += keys;
    types.append(fmt::format("{}{} {}", types.empty() ? "" : ", ", type, keys));
  }
  return fmt::format("{} keys of {} unsupported types were left out: {}", count, skipped_.size(), types);
}

Status Restore::FromSource(ByteSource& source, std::string_view name) {
  Begin(source.SizeBytes());
  return Finish(Stream(source), name);
}

Status Restore::FromFile(const std::string& path) {
  Result<std::unique_ptr<FileSource>> file = FileSource::Open(path);
  if (!file) return file.error();
  Begin((*file)->SizeBytes());
  Result<ChunkIndex> index = ReadChunkIndex(**file);
  if (!index) return index.error();
  const bool with_index = options_.thread_count > 1 && !index->chunks.empty();
  return Finish(with_index ? LoadChunks(**file, *index) : Stream(**file), path);
}

Status Restore::CheckFile(const std::string& path) {
  Result<std::unique_ptr<FileSource>> file = FileSource::Open(path);
  if (!file) return file.error();
  const RdbReaderOptions loaded = ReaderOptions();
  RdbCheckOptions how;
  how.stop = &cancelled_;
  how.version_check = loaded.version_check;
  how.verify_checksum = loaded.verify_checksum;
  how.database_count = loaded.database_count;
  how.unsupported = loaded.unsupported;
  how.refuses_rest = false;
  Result<RdbSummary> summary = CheckRdb(**file, how);
  if (!summary) return Finish(summary.error(), path);
  RefuseIfTooMuch(summary->needed_bytes);
  RefuseIfTooMuch((summary->key_count - summary->expiring_count) * kKeyBytesMin);
  return refusal_.ok() ? Status::Ok() : Finish(std::move(refusal_), path);
}

void Restore::Fail(Status status) {
  const std::lock_guard lock(mutex_);
  if (status_.ok()) status_ = std::move(status);
  failed_.store(true, std::memory_order_relaxed);
}

RestoreProgress Restore::Progress() const noexcept {
  RestoreProgress progress;
  const int64_t start_ms = start_ms_.load(std::memory_order_relaxed);
  progress.start_time_s = start_ms / kMsPerSecond;
  progress.total_bytes = total_bytes_.load(std::memory_order_relaxed);
  progress.loaded_bytes = loaded_bytes_.load(std::memory_order_relaxed);
  progress.writer_used_memory_bytes = writer_used_memory_bytes_.load(std::memory_order_relaxed);
  progress.keys_loaded = loader_->keys_loaded();
  progress.keys_expired = loader_->keys_expired();
  if (progress.total_bytes == 0) return progress;
  const double share = static_cast<double>(progress.loaded_bytes) / static_cast<double>(progress.total_bytes);
  progress.percent = share * 100;
  if (share <= 0) return progress;
  const double elapsed_s = static_cast<double>(clock_.NowMs() - start_ms) / kMsPerSecond;
  progress.eta_seconds = static_cast<int64_t>(elapsed_s / share * (1 - share));
  return progress;
}

// --- What is not a key -------------------------------------------------------------------------------------------

void Restore::OnAux(std::string_view name, std::string_view value) {
  int64_t number = 0;
  const bool is_number = TryParseInt64(value, number) && number >= 0;
  if (name == "redis-ver" || name == "valkey-ver") {
    CN_LOG(log_, kNotice, "Loading RDB produced by version {}", value);
  } else if (name == "ctime" && is_number) {
    CN_LOG(log_, kNotice, "RDB age {} seconds", std::max<int64_t>(clock_.NowMs() / kMsPerSecond - number, 0));
  } else if (name == "used-mem" && is_number) {
    CN_LOG(log_, kNotice, "RDB memory usage when created {:.2f} Mb", static_cast<double>(number) / (1024 * 1024));
    writer_used_memory_bytes_.store(static_cast<uint64_t>(number), std::memory_order_relaxed);
  } else if (name == kRdbAuxUsedMemory && is_number) {
    RefuseIfTooMuch(static_cast<uint64_t>(number));
  } else if (name.starts_with('%')) {
    CN_LOG(log_, kNotice, "RDB '{}': {}", name, value);
  }
}

void Restore::RefuseIfTooMuch(uint64_t needed_bytes) {
  if (options_.needed_bytes_max == 0 || needed_bytes <= options_.needed_bytes_max || !refusal_.ok()) return;
  refusal_ = Status::WithText(Err::kOutOfMemory, fmt::format("the data needs {} bytes of memory, {} are there",
                                                             needed_bytes, options_.needed_bytes_max));
}

// Keys with a deadline may have expired since, and would not be loaded.
void Restore::OnResizeDb(uint32_t db, uint64_t key_count, uint64_t expiring_count) {
  lasting_keys_ += key_count - std::min(key_count, expiring_count);
  uint64_t needed_bytes = 0;
  if (__builtin_mul_overflow(lasting_keys_, kKeyBytesMin, &needed_bytes)) needed_bytes = UINT64_MAX;
  RefuseIfTooMuch(needed_bytes);
  if (refusal_.ok()) loader_->Reserve(db, key_count);
}

Status Restore::OnFunction(std::string_view source) {
  functions_.emplace_back(source);
  return Status::Ok();
}

void Restore::OnEmptyKey(std::string_view key) {
  if (empty_keys_logged_.fetch_add(1, std::memory_order_relaxed) >= kEmptyKeysLoggedMax) return;
  CN_LOG(log_, kNotice, "skipping empty key: {}", key.substr(0, kLogTextBytesMax));
}

template <typename Body>
Status Restore::OnAllThreads(Body body) {
  std::vector<std::thread> helpers(options_.thread_count - 1);
  // Helpers that cannot be started are done without.
  for (std::thread& helper : helpers) (void)StartThread(helper, "restore", body);
  body();
  for (std::thread& helper : helpers) {
    if (helper.joinable()) helper.join();
  }
  if (cancelled_.load(std::memory_order_relaxed)) return Err::kCancelled;
  const std::lock_guard lock(mutex_);
  return std::move(status_);
}

// --- One thread after the other reads ----------------------------------------------------------------------------

Status Restore::Stream(ByteSource& source) {
  RdbReaderOptions options = ReaderOptions();
  options.block_bytes = kStreamBatchBytes;
  RdbReader reader(source, *this, options);
  if (Status status = reader.ReadHeader(); !status.ok()) return status;
  return OnAllThreads([&] { LoadInTurns(reader); });
}

// Who reads a batch also decodes it, while its bytes are in that processor's cache.
void Restore::LoadInTurns(RdbReader& reader) {
  RdbBatch batch;
  BatchLoader::Scratch scratch;
  while (ReadInTurn(reader, batch, scratch)) {
    if (batch.streamed) continue;
    if (Status status = loader_->Load(batch, scratch); !status.ok()) return Fail(std::move(status));
  }
}

// False at the end and after a failure. A streamed batch is loaded as well: its value is read on meanwhile.
bool Restore::ReadInTurn(RdbReader& reader, RdbBatch& batch, BatchLoader::Scratch& scratch) {
  const std::lock_guard turn(turn_);
  if (ShouldStop()) return false;
  Result<bool> more = reader.ReadBatch(batch);
  Status status = more ? std::move(refusal_) : more.error();
  if (status.ok() && batch.streamed) status = loader_->LoadStreamed(reader, batch, scratch);
  if (!status.ok()) {
    Fail(std::move(status));
    return false;
  }
  loaded_bytes_.store(reader.bytes_read(), std::memory_order_relaxed);
  return *more;
}

// --- All threads read ----------------------------------------------------------------------------------------------

Status Restore::LoadChunks(FileSource& file, const ChunkIndex& index) {
  uint64_t checksum = 0;
  if (Status status = LoadHead(file, index, checksum); !status.ok()) return status;
  chunk_checksums_.assign(index.chunks.size(), 0);
  if (Status status = OnAllThreads([&] { LoadChunksOfOneThread(file, index); }); !status.ok()) return status;
  for (size_t i = 0; i < index.chunks.size(); ++i) {
    checksum = Crc64Combine(checksum, chunk_checksums_[i], index.chunks[i].size_bytes);
  }
  return CheckTail(file, index, checksum);
}

Status Restore::LoadHead(const FileSource& file, const ChunkIndex& index, uint64_t& checksum) {
  FileRangeSource head(file, 0, index.head_bytes);
  RdbReaderOptions options = ReaderOptions();
  options.whole_file_bytes = static_cast<uint64_t>(file.SizeBytes());
  RdbReader reader(head, *this, options);
  if (Status status = reader.ReadHeader(); !status.ok()) return status;
  version_ = reader.version();
  dialect_ = reader.dialect();
  reader.StartFragment(version_, dialect_, kRdbMagicBytes);
  RdbBatch batch;
  BatchLoader::Scratch scratch;
  Status status = LoadFragment(reader, batch, scratch);
  checksum = reader.checksum();
  return status;
}

Status Restore::LoadFragment(RdbReader& reader, RdbBatch& batch, BatchLoader::Scratch& scratch) {
  while (!ShouldStop()) {
    Result<bool> more = reader.ReadBatch(batch);
    if (!more) return more.error();
    if (!refusal_.ok()) return std::move(refusal_);
    if (!*more) return Status::Ok();
    if (Status status = LoadBatch(reader, batch, scratch); !status.ok()) return status;
  }
  return Err::kCancelled;
}

Status Restore::LoadBatch(RdbReader& reader, RdbBatch& batch, BatchLoader::Scratch& scratch) {
  return batch.streamed ? loader_->LoadStreamed(reader, batch, scratch) : loader_->Load(batch, scratch);
}

void Restore::LoadChunksOfOneThread(const FileSource& file, const ChunkIndex& index) {
  RdbBatch batch;
  BatchLoader::Scratch scratch;
  while (!ShouldStop()) {
    const size_t number = next_chunk_.fetch_add(1, std::memory_order_relaxed);
    if (number >= index.chunks.size()) return;
    const ChunkIndex::Chunk& chunk = index.chunks[number];
    FileRangeSource range(file, chunk.offset, chunk.size_bytes);
    ChunkObserver observer;
    RdbReader reader(range, observer, ReaderOptions());
    reader.StartFragment(version_, dialect_, chunk.offset);
    if (Status status = LoadFragment(reader, batch, scratch); !status.ok()) {
      Fail(std::move(status));
      return;
    }
    chunk_checksums_[number] = reader.checksum();
    loaded_bytes_.fetch_add(chunk.size_bytes, std::memory_order_relaxed);
  }
}

// The tail is the index, the end marker and the checksum.
Status Restore::CheckTail(const FileSource& file, const ChunkIndex& index, uint64_t checksum) {
  const uint64_t file_bytes = static_cast<uint64_t>(file.SizeBytes());
  std::string tail(file_bytes - index.tail_offset, '\0');
  if (Status status = file.ReadAt(index.tail_offset, tail); !status.ok()) return status;
  const size_t covered = tail.size() - kRdbChecksumBytes;
  checksum = Crc64(checksum, std::string_view(tail).substr(0, covered));
  const uint64_t stored = LoadLittleEndian<uint64_t>(tail.data() + covered);
  if (static_cast<uint8_t>(tail[covered - 1]) != static_cast<uint8_t>(RdbOpcode::kEof)) {
    return Status::WithText(Err::kCorrupt,
                            fmt::format("offset {}: the end marker is missing", file_bytes - kRdbChecksumBytes - 1));
  }
  loaded_bytes_.store(file_bytes, std::memory_order_relaxed);
  if (!options_.verify_checksum || stored == 0 || stored == checksum) return Status::Ok();
  return Status::WithText(Err::kCorrupt,
                          fmt::format("offset {}: wrong checksum (CRC error): the file says {:016x}, its bytes give "
                                      "{:016x}",
                                      file_bytes - kRdbChecksumBytes, stored, checksum));
}

}  // namespace cachenode
