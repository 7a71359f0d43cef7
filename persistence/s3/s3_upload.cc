#include "persistence/s3/s3_upload.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "persistence/start_thread.h"
#include "storage/base/background_thread.h"
#include "storage/base/crc64.h"
#include "storage/base/memory_pages.h"

namespace cachenode {
namespace {

constexpr int kPollMsMax = 100;  // How late cancellation and the deadline are noticed.
constexpr uint64_t kMebibyte = uint64_t{1} << 20;

}  // namespace

size_t S3UploadPartBytes(size_t s3_part_size, uint64_t estimated_bytes) {
  // Twice the estimate still fits.
  const uint64_t for_size = (estimated_bytes / (kS3UploadPartsMax / 2) + kMebibyte) / kMebibyte * kMebibyte;
  const uint64_t wanted = std::max<uint64_t>({s3_part_size, kS3UploadPartBytesMin, for_size});
  return static_cast<size_t>(std::min<uint64_t>(wanted, kS3PartBytesMax));
}

Result<std::unique_ptr<S3Upload>> S3Upload::Start(std::unique_ptr<S3Multipart> multipart,
                                                  const S3UploadOptions& options) {
  std::unique_ptr<S3Upload> upload(new S3Upload(std::move(multipart), options));
  const size_t slot_count = std::clamp<size_t>(kS3RingBytesMax / upload->part_bytes_, 1, options.s3.s3_parallel_parts);
  void* memory =
      mmap(nullptr, slot_count * upload->part_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return upload->multipart_->session().Error(Err::kOutOfMemory, "no memory for the part buffers");
  }
  upload->memory_ = static_cast<char*>(memory);
  upload->mapped_bytes_ = slot_count * upload->part_bytes_;
  for (size_t i = 0; i < slot_count; ++i) {
    upload->slots_.push_back(std::make_unique<Slot>());
    upload->slots_.back()->memory = {upload->memory_ + i * upload->part_bytes_, upload->part_bytes_};
  }
  if (!StartThread(upload->thread_, "s3-upload", [self = upload.get()] { self->Run(); })) {
    return upload->multipart_->session().Error(Err::kIo, "cannot start a thread for the upload");
  }
  return upload;
}

S3Upload::S3Upload(std::unique_ptr<S3Multipart> multipart, const S3UploadOptions& options)
    : multipart_(std::move(multipart)),
      expect_rdb_checksum_(options.expect_rdb_checksum),
      checksum_meant_(options.checksum_meant),
      run_later_(options.run_later),
      part_bytes_(S3UploadPartBytes(options.s3.s3_part_size, options.estimated_bytes)) {}

S3Upload::~S3Upload() {
  StopThread();
  slots_.clear();
  if (memory_ != nullptr) munmap(memory_, mapped_bytes_);
  if (committed_) return;
  if (!run_later_) {
    multipart_->Abort();
    return;
  }
  // std::function wants a copyable callable; the upload has no other owner.
  run_later_([multipart = std::shared_ptr<S3Multipart>(std::move(multipart_))] { multipart->Abort(); });
}

void S3Upload::StopThread() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  if (!thread_.joinable()) return;
  multipart_->session().engine().Wake();
  thread_.join();
}

// --- The writer ------------------------------------------------------------------------------------------------------

Status S3Upload::Failure() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (failure_code_ == Err::kOk) return Status::Ok();
  return Status::WithText(failure_code_, failure_text_);
}

Status S3Upload::WaitForFree(Slot& slot) {
  {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return !slot.is_handed_over || failure_code_ != Err::kOk; });
  }
  return Failure();
}

Status S3Upload::HandOver() {
  if (parts_filled_ == kS3UploadPartsMax) {
    return multipart_->session().Error(Err::kUnavailable, std::string("the object needs more than ")
                                                              .append(std::to_string(kS3UploadPartsMax))
                                                              .append(" parts; s3-part-size must be larger"));
  }
  Slot& slot = Filling();
  slot.filled = std::exchange(filled_, 0);
  slot.number = ++parts_filled_;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    slot.is_handed_over = true;
    ++parts_handed_over_;
  }
  multipart_->session().engine().Wake();
  return Status::Ok();
}

Status S3Upload::Write(std::span<const char> bytes) {
  if (Status failed = Failure(); !failed.ok()) return failed;
  while (!bytes.empty()) {
    Slot& slot = Filling();
    if (filled_ == 0) {
      if (Status failed = WaitForFree(slot); !failed.ok()) return failed;
      if (parts_filled_ != 0) MakePagesPresent(slot.memory.data(), part_bytes_);  // It is no small object.
    }
    const size_t count = std::min(bytes.size(), part_bytes_ - filled_);
    std::memcpy(slot.memory.data() + filled_, bytes.data(), count);
    filled_ += count;
    size_bytes_ += static_cast<int64_t>(count);
    bytes = bytes.subspan(count);
    if (filled_ < part_bytes_) break;
    if (Status failed = HandOver(); !failed.ok()) return failed;
  }
  return Status::Ok();
}

Status S3Upload::Commit() {
  if (Status failed = Failure(); !failed.ok()) return failed;
  if (filled_ != 0 || parts_filled_ == 0) {  // An object has at least one part, and be it empty.
    if (Status failed = HandOver(); !failed.ok()) return failed;
  }
  {
    std::unique_lock<std::mutex> lock(mutex_);
    no_more_parts_ = true;
    changed_.wait(lock, [this] { return parts_done_ == parts_handed_over_ || failure_code_ != Err::kOk; });
  }
  StopThread();
  if (Status failed = Failure(); !failed.ok()) return failed;
  // A checksum behind the bytes it covers makes the checksum of both zero.
  if (expect_rdb_checksum_ && checksum_ != 0) {
    return multipart_->session().Error(Err::kCorrupt, "what was sent does not fit its own checksum; not completed");
  }
  if (checksum_meant_ && checksum_ != checksum_meant_()) {
    return multipart_->session().Error(Err::kCorrupt, "what was sent is not what was meant to be; not completed");
  }
  Status status = multipart_->Complete(etags_, size_bytes_);
  committed_ = status.ok();
  return status;
}

// --- The upload thread -----------------------------------------------------------------------------------------------

bool S3Upload::IsOver() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return stop_ || failure_code_ != Err::kOk || (no_more_parts_ && parts_done_ == parts_handed_over_);
}

void S3Upload::Run() {
  BecomeBackgroundThread(0);
  S3Session& session = multipart_->session();
  HttpEngine& engine = session.engine();
  while (!IsOver()) {
    if (session.ShouldStop()) {
      Fail(session.Stopped());
      break;
    }
    if (!StartSlots()) break;
    engine.Poll(PollTimeoutMs());
    while (HttpTransfer* finished = engine.TakeFinished()) {
      const auto slot =
          std::ranges::find_if(slots_, [&](const auto& candidate) { return &candidate->transfer == finished; });
      if (!FinishSlot(**slot)) break;
    }
  }
  for (const std::unique_ptr<Slot>& slot : slots_) engine.Stop(slot->transfer);
  while (engine.TakeFinished() != nullptr) {  // Of no interest after a failure.
  }
}

int S3Upload::PollTimeoutMs() const {
  const Clock::time_point now = Clock::now();
  int64_t timeout_ms = kPollMsMax;
  for (const std::unique_ptr<Slot>& slot : slots_) {
    if (slot->state != Slot::State::kWaiting) continue;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(slot->due - now).count();
    timeout_ms = std::clamp<int64_t>(left + 1, 0, timeout_ms);
  }
  return static_cast<int>(timeout_ms);
}

// Starts what the writer handed over, in order, and what waited for another try. False after a failure.
bool S3Upload::StartSlots() {
  for (;;) {
    Slot& next = *slots_[static_cast<size_t>(next_number_ - 1) % slots_.size()];
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!next.is_handed_over) break;
    }
    // The part before it in this slot is on its way still.
    if (next.state != Slot::State::kIdle || next.number != next_number_) break;
    const std::span<const char> body = next.memory.first(next.filled);
    next.sha256 = Sha256Hex({body.data(), body.size()});
    if (expect_rdb_checksum_ || checksum_meant_) checksum_ = Crc64(checksum_, body);
    next.attempt = 0;
    next.due = Clock::time_point::min();
    ++next_number_;
    etags_.emplace_back();
    if (!StartSlot(next)) return false;
  }
  const Clock::time_point now = Clock::now();
  for (const std::unique_ptr<Slot>& slot : slots_) {
    if (slot->state == Slot::State::kWaiting && slot->due <= now && !StartSlot(*slot)) return false;
  }
  return true;
}

bool S3Upload::StartSlot(Slot& slot) {
  S3Session& session = multipart_->session();
  Result<S3SignedRequest> request =
      session.Sign(multipart_->PartCall(slot.number, {slot.memory.data(), slot.filled}, slot.sha256));
  if (!request) {
    Fail(request.error());
    return false;
  }
  slot.request = *std::move(request);
  ++slot.attempt;
  slot.state = Slot::State::kRunning;
  slot.transfer.Prepare(slot.request.http, nullptr);
  session.engine().Start(slot.transfer);
  return true;
}

// False after a failure that ends the upload.
bool S3Upload::FinishSlot(Slot& slot) {
  const HttpResponse& response = slot.transfer.response();
  const std::string_view etag = response.Header("etag");
  S3Verdict verdict = multipart_->session().Judge(slot.request, slot.transfer, response.status == 200);
  if (verdict.next != S3Verdict::Next::kSucceeded) return RetrySlot(slot, verdict);
  if (etag.empty()) {
    verdict = {.next = S3Verdict::Next::kFail, .reason = "the store took the part and gave it no ETag"};
    return RetrySlot(slot, verdict);
  }
  etags_[static_cast<size_t>(slot.number - 1)] = etag;
  Release(slot);
  return true;
}

void S3Upload::Release(Slot& slot) {
  multipart_->session().progress().bytes_sent.fetch_add(static_cast<int64_t>(slot.filled), std::memory_order_relaxed);
  slot.state = Slot::State::kIdle;
  const std::lock_guard<std::mutex> lock(mutex_);
  slot.is_handed_over = false;
  ++parts_done_;
  changed_.notify_all();
}

bool S3Upload::RetrySlot(Slot& slot, const S3Verdict& verdict) {
  S3Session& session = multipart_->session();
  const std::string part = std::string("part ").append(std::to_string(slot.number)).append(": ");
  const bool gives_up = slot.attempt >= session.retry().attempts_max();
  if (verdict.next == S3Verdict::Next::kFail || gives_up) {
    std::string text = part;
    if (verdict.next != S3Verdict::Next::kFail) {
      text.append("gave up after ").append(std::to_string(slot.attempt)).append(" attempts: ");
    }
    Fail(session.Error(verdict.code, text.append(verdict.reason)));
    return false;
  }
  const bool at_once = verdict.next == S3Verdict::Next::kRetryAtOnce;
  const int64_t wait_ms = at_once ? 0 : session.retry().BackoffMs(slot.attempt, verdict.wait_at_least_ms);
  slot.due = Clock::now() + std::chrono::milliseconds(wait_ms);
  slot.state = Slot::State::kWaiting;
  session.progress().retries.fetch_add(1, std::memory_order_relaxed);
  session.Report(
      std::string(part).append(verdict.reason).append("; next try in ").append(std::to_string(wait_ms)).append(" ms"));
  return true;
}

void S3Upload::Fail(Status status) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (failure_code_ != Err::kOk) return;  // The first reason is the one that matters.
  failure_code_ = status.code();
  failure_text_ = status.text();
  changed_.notify_all();
}

}  // namespace cachenode
