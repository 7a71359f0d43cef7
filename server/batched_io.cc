#include "server/batched_io.h"

#include <sys/mman.h>

#include <algorithm>
#include <type_traits>
#include <utility>

#include "storage/base/cycle_clock.h"

namespace cachenode {

BatchedIo::MappedBuffers BatchedIo::MapBuffers() noexcept {
  static_assert(std::is_trivially_default_constructible_v<Buffers> && std::is_trivially_destructible_v<Buffers>);
  void* const at = mmap(nullptr, sizeof(Buffers), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return MappedBuffers(at == MAP_FAILED ? nullptr : static_cast<Buffers*>(at));
}

void BatchedIo::Unmap::operator()(Buffers* buffers) const noexcept { munmap(buffers, sizeof(Buffers)); }

void BatchedIo::Open() {
  batch_ = SocketBatch::Create();
  if (batch_ == nullptr) return;
  buffers_ = MapBuffers();
  if (buffers_ == nullptr) {
    batch_.reset();
    return;
  }
  stats_.io_uring_open.Set(1);
}

// What remains goes the plain way from now on.
void BatchedIo::CloseIfBroken() {
  if (batch_ == nullptr || !batch_->is_broken()) return;
  batch_.reset();
  stats_.io_uring_open.Set(0);
}

// --- Receiving -------------------------------------------------------------------------------------------------------

bool BatchedIo::QueueRead(Connection& connection) {
  if (connection.read_queued_) return true;
  if (batch_ == nullptr || !connection.MayBeReadInBatch()) return false;
  connection.read_queued_ = true;
  readable_.push_back(&connection);
  return true;
}

void BatchedIo::ReadQueued() {
  const uint64_t deadline = CycleClock::Ticks() + CycleClock::FromMicroseconds(kTurnUs);
  while (!AllExecuted() || next_ < readable_.size()) {
    if (AllExecuted()) {
      ReceiveNext();
    } else {
      ExecuteNext();
    }
    if (CycleClock::Ticks() >= deadline) break;
  }
  ForgetRead();
}

void BatchedIo::ReceiveNext() {
  received_count_ = executed_ = 0;
  const size_t count = std::min(readable_.size() - next_, batch_ == nullptr ? size_t{1} : kReceivesMax);
  const auto readers = std::span(readable_).subspan(next_, count);
  next_ += count;
  for (Connection* const connection : readers) {
    if (connection != nullptr) received_[received_count_++] = connection;
  }
  if (received_count_ <= 1) {
    if (std::exchange(received_count_, 0) == 1) ReadAlone(*std::exchange(received_.front(), nullptr));
    return;
  }
  for (size_t i = 0; i < received_count_; ++i) {
    batch_->AddReceive(received_[i]->FileDescriptor(), buffers_->received[i]);
  }
  Perform(results_);
}

// The results are taken over before anything else can happen.
void BatchedIo::Perform(std::span<TransferResult> results) {
  owner_.BeforeBatch();
  std::ranges::copy(batch_->Perform(), results.begin());
  owner_.AfterBatch();
}

void BatchedIo::ReadAlone(Connection& connection) {
  connection.read_queued_ = false;
  connection.ReadNow();
}

// Whoever waits in between for the world finds all input where it was, and sets it aside.
void BatchedIo::ExecuteNext() {
  owner_.LetWriterPass();
  if (AllExecuted()) return;
  const size_t index = executed_++;
  Connection* const connection = std::exchange(received_[index], nullptr);
  if (connection == nullptr) return;
  connection->read_queued_ = false;
  connection->TakeInput(results_[index], ReceivedBy(index));
}

void BatchedIo::Forget(const Connection& connection) {
  if (!connection.read_queued_) return;
  std::ranges::replace(received_, &connection, nullptr);
  std::ranges::replace(readable_, &connection, nullptr);
}

void BatchedIo::ForgetRead() {
  readable_.erase(readable_.begin(), readable_.begin() + static_cast<ptrdiff_t>(next_));
  next_ = 0;
}

std::string_view BatchedIo::ReceivedBy(size_t index) const {
  return {buffers_->received[index].data(), results_[index].bytes};
}

void BatchedIo::SetAside() {
  EndSends();
  for (; !AllExecuted(); ++executed_) {
    Connection* const connection = std::exchange(received_[executed_], nullptr);
    if (connection == nullptr) continue;
    connection->read_queued_ = false;
    connection->SetAside(results_[executed_], ReceivedBy(executed_));
  }
  for (; next_ < readable_.size(); ++next_) {
    if (readable_[next_] != nullptr) readable_[next_]->read_queued_ = false;
  }
  ForgetRead();
}

// --- Sending ---------------------------------------------------------------------------------------------------------

void BatchedIo::Flush(std::span<Connection* const> round) {
  const bool is_single = round.size() < 2;
  while (!round.empty()) {
    size_t added = 0;
    while (!round.empty() && added < SocketBatch::kOperationsMax) {
      Connection& connection = *round.front();
      round = round.subspan(1);
      connection.flush_queued_ = false;
      if (!is_single && AddSend(connection)) {
        senders_[added++] = &connection;
      } else if (!connection.Flush()) {
        owner_.Retire(connection);
      }
    }
    if (added == 0) continue;
    sender_count_ = added;
    ended_ = 0;
    Perform(sent_);
    EndSends();
    CloseIfBroken();
  }
}

// Who was queued anew meanwhile, by whom had the world, is found finished then.
void BatchedIo::EndSends() {
  while (ended_ != sender_count_) {
    Connection& connection = *senders_[ended_];
    const bool goes_on = connection.EndFlush(sent_[ended_++]);
    if (!goes_on && !connection.flush_queued_) owner_.Retire(connection);
  }
}

bool BatchedIo::AddSend(Connection& connection) {
  if (batch_ == nullptr || !connection.MaySendInBatch()) return false;
  const std::span<iovec> room = buffers_->pieces[batch_->size()];
  const size_t count = connection.BeginFlush(room);
  if (count == 0) return false;
  batch_->AddSend(connection.FileDescriptor(), room.first(count));
  return true;
}

}  // namespace cachenode
