#include "persistence/snapshot_run.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "persistence/start_thread.h"
#include "storage/base/background_thread.h"
#include "storage/base/cycle_clock.h"

namespace cachenode {
namespace {

constexpr size_t kChunkBytesMax = size_t{64} << 10;
constexpr size_t kChunkBytesMin = size_t{16} << 10;
constexpr size_t kSoftLimitBytes = SnapshotRun::kBufferBytesMax - SnapshotRun::kReserveBytes;
// Parked writers are woken when this much is free again, not for every chunk.
constexpr size_t kWakeBelowBytes = kSoftLimitBytes / 4 * 3;
// Pieces of large values may be held as long as this leaves room for the entries that writers will bring.
constexpr size_t kHoldBelowBytes = kSoftLimitBytes - (size_t{8} << 20);
// The walk stops when so much waits for the encoders, and goes on at a quarter less: what it copies ahead of them only
// takes the room of writers, which are parked when there is none.
constexpr uint64_t kWalkAheadBytesMax = uint64_t{12} << 20;
constexpr uint64_t kWalkAgainBelowBytes = kWalkAheadBytesMax / 4 * 3;
constexpr uint32_t kNoShard = UINT32_MAX;
// What one hold should add to the buffers at most: pinning large values is quick, but fills them all the same.
constexpr uint64_t kHoldBytesMax = uint64_t{1} << 20;
// With a delay after each key, the walk keeps no more than this ahead of the encoders.
constexpr size_t kDelayedJobsMax = 2;
constexpr uint32_t kEntriesPerHoldMin = 11;
constexpr uint32_t kEntriesPerHoldMax = 1024;
constexpr uint64_t kDetachedEntriesPerStep = 256;

// Open chunks of all shards together take at most a quarter of the buffers, and what they pin as much again, so that
// there is always something queued to encode when the buffers are full.
size_t ChunkBytesFor(uint32_t shard_count) noexcept {
  return std::clamp(kSoftLimitBytes / 4 / shard_count, kChunkBytesMin, kChunkBytesMax);
}

}  // namespace

std::vector<RdbFileHeader::Database> DatabaseSizes(const Keyspace& keyspace) {
  std::vector<RdbFileHeader::Database> databases;
  for (uint32_t db = 0; db < keyspace.database_count(); ++db) {
    const uint64_t key_count = keyspace.KeyCount(db);
    if (key_count > 0) databases.push_back({db, key_count, keyspace.VolatileCount(db)});
  }
  return databases;
}

SnapshotRun::SnapshotRun(Keyspace& keyspace, SnapshotHost& host, SnapshotPlan plan)
    : keyspace_(keyspace),
      host_(host),
      plan_(std::move(plan)),
      chunk_bytes_(ChunkBytesFor(keyspace.shard_count())),
      shards_(keyspace.shard_count()),
      walkers_(plan_.walker_count),
      sources_left_(keyspace.shard_count()) {}

SnapshotRun::~SnapshotRun() { End(); }

void SnapshotRun::Begin() {
  plan_.header.databases = DatabaseSizes(keyspace_);
  for (const RdbFileHeader::Database& database : plan_.header.databases) keys_total_ += database.key_count;
  keyspace_.BeginSnapshot(*this);
  begun_ = true;
  if (StartThread(lead_, "snapshot", [this] { Lead(); })) return;
  Stop(Status::WithText(Err::kIo, "cannot start a thread for the snapshot"));
  finished_.store(true, std::memory_order_release);
}

void SnapshotRun::End() {
  if (!begun_) return;
  begun_ = false;
  Stop(Err::kCancelled);
  // The threads may be walking a detached shard, so they end before the keyspace forgets the run.
  if (lead_.joinable()) lead_.join();
  keyspace_.EndSnapshot();
  // Chunks still in shards hold references to values; they go before the keyspace may.
  for (ShardState& state : shards_) state.open.reset();
  const std::lock_guard lock(mutex_);
  jobs_.clear();
  long_jobs_.clear();
}

Status SnapshotRun::TakeStatus() {
  const std::lock_guard lock(mutex_);
  return std::move(status_);
}

uint64_t SnapshotRun::KeysCopied() const noexcept {
  uint64_t copied = 0;
  for (const ShardState& state : shards_) copied += state.keys_copied.Get();
  return copied;
}

uint64_t SnapshotRun::BytesCopiedForWriters() const noexcept {
  uint64_t bytes = 0;
  for (const ShardState& state : shards_) bytes += state.bytes_for_writers.Get();
  return bytes;
}

void SnapshotRun::Stop(Status why) {
  {
    const std::lock_guard lock(mutex_);
    if (IsStopped() || finished()) return;
    status_ = std::move(why);
    stopped_.store(true, std::memory_order_relaxed);
  }
  changed_.notify_all();
  room_changed_.notify_all();
  host_.OnSnapshotRoom();
}

// --- Copying, under shard locks --------------------------------------------------------------------------------------

void SnapshotRun::SaveEntries(uint32_t shard, uint32_t db, std::span<const EntryView> entries) {
  ShardState& state = shards_[shard];
  state.keys_copied.Add(static_cast<int64_t>(entries.size()));
  if (state.direct != nullptr) {
    for (const EntryView& entry : entries) state.direct->Add(db, entry);
    return;
  }
  if (IsStopped()) return;
  for (const EntryView& entry : entries) {
    const size_t bytes = CopyEntry(state, db, entry);
    if (!state.walking) state.bytes_for_writers.Add(static_cast<int64_t>(bytes));
  }
}

size_t SnapshotRun::CopyEntry(ShardState& state, uint32_t db, const EntryView& entry) {
  const size_t bytes = RawChunk::BytesFor(entry);
  if (state.open == nullptr || state.open->BytesLeft() < bytes) {
    if (!OpenChunk(state, bytes)) return 0;
  }
  const size_t pinned_before = state.open->pinned_bytes();
  state.open->Append(db, entry, bytes);
  const size_t pinned = state.open->pinned_bytes() - pinned_before;
  if (pinned > 0) Count(pinned);
  // A chunk that pins much must not wait for more entries: nobody may come to fill it. A large aggregate that is held
  // costs its writers copies of nodes.
  if (state.open->pinned_bytes() >= chunk_bytes_ || IsLargeAggregate(entry)) Push({std::move(state.open), nullptr, 0});
  return bytes + pinned;
}

bool SnapshotRun::OpenChunk(ShardState& state, size_t bytes_needed) {
  const bool filled_one = state.open != nullptr;
  if (filled_one) Push({std::move(state.open), nullptr, 0});
  WaitForRoom();
  if (bytes_needed <= chunk_bytes_) state.open = TakeSpareChunk();
  if (state.open == nullptr) {
    state.open = RawChunk::Create(std::max(chunk_bytes_, bytes_needed));
    if (state.open == nullptr) {
      Stop(Err::kOutOfMemory);
      return false;
    }
    if (filled_one) state.open->MakePresent();
  }
  Count(state.open->capacity());
  return true;
}

std::unique_ptr<RawChunk> SnapshotRun::TakeSpareChunk() {
  const std::lock_guard lock(mutex_);
  if (spare_chunks_.empty()) return nullptr;
  std::unique_ptr<RawChunk> chunk = std::move(spare_chunks_.back());
  spare_chunks_.pop_back();
  return chunk;
}

void SnapshotRun::KeepSpareChunk(std::unique_ptr<RawChunk> chunk) {
  if (chunk->capacity() != chunk_bytes_) return;
  chunk->Clear();
  const std::lock_guard lock(mutex_);
  if ((spare_chunks_.size() + 1) * chunk_bytes_ <= kSpareBytesMax) spare_chunks_.push_back(std::move(chunk));
}

// Only EXEC and scripts come this far, when even the reserve is used up: they wait for the disk, because they can
// neither be parked nor be allowed to take memory without bound. Encoders take no shard lock, so this ends.
void SnapshotRun::WaitForRoom() {
  if (used_bytes_.load(std::memory_order_relaxed) < kBufferBytesMax) [[likely]]
    return;
  std::unique_lock lock(mutex_);
  room_changed_.wait(lock, [this] {
    return used_bytes_.load(std::memory_order_relaxed) < kBufferBytesMax || jobs_.empty() || IsStopped();
  });
}

bool SnapshotRun::CanSave(uint32_t) noexcept {
  if (used_bytes_.load(std::memory_order_relaxed) < kSoftLimitBytes) [[likely]]
    return true;
  if (IsStopped()) return true;
  someone_waits_.store(true, std::memory_order_seq_cst);
  // Room may have come between the two looks, and its news gone to nobody.
  return used_bytes_.load(std::memory_order_seq_cst) < kWakeBelowBytes;
}

bool SnapshotRun::IsFarAhead() noexcept {
  if (queued_bytes_.load(std::memory_order_relaxed) < kWalkAheadBytesMax) [[likely]]
    return false;
  a_walker_waits_.store(true, std::memory_order_seq_cst);
  // The encoders may have caught up between the two looks, and the news gone to nobody.
  return queued_bytes_.load(std::memory_order_seq_cst) >= kWalkAgainBelowBytes;
}

void SnapshotRun::Count(size_t bytes) {
  const uint64_t used = used_bytes_.fetch_add(bytes) + bytes;
  uint64_t peak = peak_bytes_.load(std::memory_order_relaxed);
  while (used > peak && !peak_bytes_.compare_exchange_weak(peak, used, std::memory_order_relaxed)) {
  }
}

void SnapshotRun::Uncount(size_t bytes) {
  const uint64_t before = used_bytes_.fetch_sub(bytes);
  if (before - bytes < kWakeBelowBytes && someone_waits_.load(std::memory_order_seq_cst) &&
      someone_waits_.exchange(false)) {
    host_.OnSnapshotRoom();
  }
  if (before < kBufferBytesMax) [[likely]]
    return;
  // Whoever is about to wait in WaitForRoom has looked at the old number, or is woken.
  { const std::lock_guard lock(mutex_); }
  room_changed_.notify_all();
}

void SnapshotRun::TakeDetached(uint32_t shard, std::unique_ptr<DetachedShard> detached) {
  CloseShard(shards_[shard], std::move(detached), shard);
}

// --- Walking ---------------------------------------------------------------------------------------------------------

WalkOutcome SnapshotRun::Walk(unsigned walker_index, uint32_t budget_us) {
  Walker& walker = walkers_[walker_index];
  const uint64_t begin = CycleClock::Ticks();
  do {
    if (IsStopped()) return WalkOutcome::kNothingLeft;
    if (!CanSave(0) || IsFarAhead() || IsAheadOfTheDelay()) return WalkOutcome::kStalled;
    if (walker.shard == kNoShard && !ClaimShard(walker)) return WalkOutcome::kNothingLeft;
    if (!WalkOnce(walker)) return WalkOutcome::kMore;
  } while (CycleClock::ToMicroseconds(CycleClock::Ticks() - begin) < budget_us);
  return WalkOutcome::kMore;
}

bool SnapshotRun::ClaimShard(Walker& walker) {
  const uint32_t shard = next_shard_.fetch_add(1, std::memory_order_relaxed);
  if (shard >= shards_.size()) {
    next_shard_.store(static_cast<uint32_t>(shards_.size()), std::memory_order_relaxed);
    return false;
  }
  walker.shard = shard;
  return true;
}

bool SnapshotRun::WalkOnce(Walker& walker) {
  Shard& shard = keyspace_.shard(walker.shard);
  ShardState& state = shards_[walker.shard];
  if (!shard.TryLockSpinning()) return false;
  const uint64_t begin = CycleClock::Ticks();
  const uint64_t used_before = used_bytes_.load(std::memory_order_relaxed);
  uint64_t copied = 0;
  state.walking = true;
  if (!state.closed) copied = shard.WalkUnsaved(state.cursor, walker.entries_per_hold);
  state.walking = false;
  if (!state.closed && state.cursor.done) CloseShard(state, nullptr, walker.shard);
  const bool closed = state.closed;
  shard.Unlock();
  if (closed) {
    walker.shard = kNoShard;
    return true;
  }
  const uint64_t held_us = CycleClock::ToMicroseconds(CycleClock::Ticks() - begin);
  // Others fill and empty the buffers meanwhile; for a step up or down the estimate is good enough.
  const uint64_t used = used_bytes_.load(std::memory_order_relaxed);
  const uint64_t added_bytes = used > used_before ? used - used_before : 0;
  // Half as many after a hold that was too long, a few more after a short one.
  if (held_us > kHoldUs || added_bytes > kHoldBytesMax) {
    walker.entries_per_hold = std::max(walker.entries_per_hold / 2, kEntriesPerHoldMin);
  } else if (copied > 0 && held_us < kHoldUs / 2 && added_bytes < kHoldBytesMax / 2) {
    walker.entries_per_hold = std::min(walker.entries_per_hold + kEntriesPerHoldMin, kEntriesPerHoldMax);
  }
  return true;
}

// --- The queue -------------------------------------------------------------------------------------------------------

bool SnapshotRun::IsLonger(const Job& left, const Job& right) noexcept { return left.LongBytes() > right.LongBytes(); }

void SnapshotRun::AddJob(Job job) {
  queued_bytes_.fetch_add(job.Bytes(), std::memory_order_relaxed);
  if (job.LongBytes() == 0) {
    jobs_.push_back(std::move(job));
    return;
  }
  long_jobs_.push_back(std::move(job));
  std::push_heap(long_jobs_.begin(), long_jobs_.end(), IsLonger);
}

void SnapshotRun::Push(Job job) {
  {
    const std::lock_guard lock(mutex_);
    AddJob(std::move(job));
  }
  changed_.notify_one();
}

void SnapshotRun::CloseShard(ShardState& state, std::unique_ptr<DetachedShard> detached, uint32_t shard) {
  {
    const std::lock_guard lock(mutex_);
    if (state.open != nullptr) AddJob({std::move(state.open), nullptr, 0});
    if (!state.closed) --sources_left_;
    state.closed = true;
    if (detached != nullptr) {
      ++sources_left_;
      AddJob({nullptr, std::move(detached), shard});
    }
  }
  changed_.notify_all();
}

// Large values go first, and of them the smallest: what their keys change until they are encoded is copied. But one
// encoder is left to the many small ones, and what is encoded at a time should fit into the room for it, if it is more
// than one value.
bool SnapshotRun::MayTakeLongJob() const noexcept {
  if (long_jobs_.empty()) return false;
  const bool others_may_wait = !jobs_.empty() || sources_left_ > 0;
  if (long_jobs_running_ == 0 || !others_may_wait) return true;
  return long_jobs_running_ + 1 < plan_.encoder_threads &&
         long_bytes_running_ + long_jobs_.front().LongBytes() <= kHoldBelowBytes;
}

void SnapshotRun::TakeLongJob(Job& job) noexcept {
  std::pop_heap(long_jobs_.begin(), long_jobs_.end(), IsLonger);
  job = std::move(long_jobs_.back());
  long_jobs_.pop_back();
  ++long_jobs_running_;
  long_bytes_running_ += job.LongBytes();
}

bool SnapshotRun::PopJob(Job& job) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] {
    const bool none_to_come = sources_left_ == 0 && long_jobs_.empty();
    return !jobs_.empty() || MayTakeLongJob() || none_to_come || IsStopped();
  });
  if (IsStopped()) return false;
  if (MayTakeLongJob()) {
    TakeLongJob(job);
    return true;
  }
  if (jobs_.empty()) return false;
  job = std::move(jobs_.front());
  jobs_.pop_front();
  if (jobs_.empty()) room_changed_.notify_all();
  return true;
}

void SnapshotRun::EndLongJob(size_t long_bytes) {
  const std::lock_guard lock(mutex_);
  --long_jobs_running_;
  long_bytes_running_ -= long_bytes;
  changed_.notify_all();
}

// --- Encoding and writing, on threads of the run -------------------------------------------------------------------

void SnapshotRun::Lead() {
  BecomeBackgroundThread(plan_.encoder_nice);
  Status status = WriteEverything();
  sink_.reset();  // Without Commit this removes what was written.
  {
    const std::lock_guard lock(mutex_);
    if (status.ok() || status_.ok()) status_ = std::move(status);
    stopped_.store(true, std::memory_order_relaxed);
  }
  finished_.store(true, std::memory_order_release);
  host_.OnSnapshotRoom();
  host_.OnSnapshotFinished();
}

Status SnapshotRun::WriteEverything() {
  Result<std::unique_ptr<ByteSink>> sink = plan_.open_sink();
  if (!sink) return sink.error();
  sink_ = *std::move(sink);
  writer_ = std::make_unique<RdbWriter>(*sink_);
  if (Status status = writer_->WriteHeader(plan_.header); !status.ok()) return status;
  // Helpers that cannot be started are done without.
  std::vector<std::thread> helpers(plan_.encoder_threads - 1);
  for (std::thread& helper : helpers) {
    (void)StartThread(helper, "snapshot", [this] {
      BecomeBackgroundThread(plan_.encoder_nice);
      Encode();
    });
  }
  Encode();
  for (std::thread& helper : helpers) {
    if (helper.joinable()) helper.join();
  }
  if (IsStopped()) return Err::kCancelled;
  if (Status status = writer_->Finish(); !status.ok()) return status;
  bytes_written_.store(writer_->bytes_written(), std::memory_order_relaxed);
  return sink_->Commit();
}

void SnapshotRun::Encode() {
  ChunkEncoder encoder(*writer_, plan_.encoding, this);
  Job job;
  while (!encoder.failed() && PopJob(job)) {
    const size_t long_bytes = job.LongBytes();
    if (job.chunk != nullptr) EncodeChunk(encoder, std::move(job.chunk));
    if (long_bytes > 0) EndLongJob(long_bytes);
    if (job.detached != nullptr) EncodeDetached(encoder, std::move(job));
    bytes_written_.store(writer_->bytes_written(), std::memory_order_relaxed);
    GiveWayUnlessShort();
  }
  if (!IsStopped()) encoder.Flush();
  if (encoder.failed()) Stop(encoder.TakeStatus());
}

void SnapshotRun::EncodeChunk(ChunkEncoder& encoder, std::unique_ptr<RawChunk> chunk) {
  chunk->ForEach([&](uint32_t db, const EntryView& entry) {
    encoder.Add(db, entry);
    if (plan_.key_delay_us > 0) [[unlikely]]
      DelayAfterKey();
  });
  const size_t bytes = chunk->BytesHeld();
  KeepSpareChunk(std::move(chunk));
  const uint64_t queued = queued_bytes_.fetch_sub(bytes) - bytes;
  if (queued < kWalkAgainBelowBytes && a_walker_waits_.load(std::memory_order_seq_cst) &&
      a_walker_waits_.exchange(false)) {
    host_.OnSnapshotRoom();
  }
  Uncount(bytes);
}

bool SnapshotRun::TryHold(size_t bytes) noexcept {
  if (used_bytes_.load(std::memory_order_relaxed) >= kHoldBelowBytes) return false;
  Count(bytes);
  return true;
}

void SnapshotRun::LetGo(size_t bytes) noexcept { Uncount(bytes); }

bool SnapshotRun::OnPiece() noexcept {
  pieces_encoded_.fetch_add(1, std::memory_order_relaxed);
  return !IsStopped();
}

// A clue, not a bound: writers are parked a quarter later.
bool SnapshotRun::IsShortOfRoom() const noexcept {
  return used_bytes_.load(std::memory_order_relaxed) >= kWakeBelowBytes;
}

// Being parked is the longer wait.
void SnapshotRun::GiveWayUnlessShort() const noexcept {
  if (!IsShortOfRoom()) GiveWay();
}

void SnapshotRun::DelayAfterKey() {
  bool has_room = false;
  {
    std::unique_lock lock(mutex_);
    const auto delay = std::chrono::microseconds(plan_.key_delay_us) * plan_.encoder_threads;
    room_changed_.wait_for(lock, delay, [this] { return IsStopped(); });
    has_room = jobs_.size() < kDelayedJobsMax;
  }
  if (has_room && someone_waits_.exchange(false)) host_.OnSnapshotRoom();
}

bool SnapshotRun::IsAheadOfTheDelay() {
  if (plan_.key_delay_us <= 0) [[likely]]
    return false;
  const std::lock_guard lock(mutex_);
  if (jobs_.size() < kDelayedJobsMax) return false;
  someone_waits_.store(true);
  return true;
}

void SnapshotRun::EncodeDetached(ChunkEncoder& encoder, Job job) {
  ShardState& state = shards_[job.shard];
  SnapshotCursor cursor;
  state.direct = &encoder;
  while (!cursor.done && !encoder.failed() && !IsStopped()) {
    job.detached->WalkUnsaved(cursor, kDetachedEntriesPerStep);
    GiveWayUnlessShort();
  }
  state.direct = nullptr;
  job.detached.reset();
  {
    const std::lock_guard lock(mutex_);
    --sources_left_;
  }
  changed_.notify_all();
}

}  // namespace cachenode
