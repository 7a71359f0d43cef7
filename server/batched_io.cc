#include "server/batched_io.h"

#include <algorithm>
#include <utility>

namespace cachenode {

void BatchedIo::Open() {
  batch_ = SocketBatch::Create();
  if (batch_ == nullptr) return;
  buffers_.reset(new Buffers);  // Its pages come when they are used.
  stats_.io_uring_open.Set(1);
}

// What remains goes the plain way from now on.
void BatchedIo::CloseIfBroken() {
  if (!batch_->is_broken()) return;
  batch_.reset();
  stats_.io_uring_open.Set(0);
}

// --- Receiving -------------------------------------------------------------------------------------------------------

bool BatchedIo::QueueRead(Connection& connection) {
  if (batch_ == nullptr || !connection.MayBeReadInBatch()) return false;
  if (!std::exchange(connection.read_queued_, true)) readable_.push_back(&connection);
  return true;
}

void BatchedIo::ReadQueued() {
  while (next_ < readable_.size()) {
    const size_t most = batch_ == nullptr ? 1 : kReceivesMax;
    const auto readers = std::span(readable_).subspan(next_, std::min(readable_.size() - next_, most));
    next_ += readers.size();
    Receive(readers);
    for (size_t i = 0; i < received_count_; ++i) {
      Connection* const connection = std::exchange(received_[i], nullptr);
      if (connection == nullptr) continue;  // Set aside meanwhile.
      connection->read_queued_ = false;
      connection->TakeInput(results_[i], ReceivedBy(i));
    }
    received_count_ = 0;
  }
  readable_.clear();
  next_ = 0;
}

void BatchedIo::Receive(std::span<Connection* const> readers) {
  if (readers.size() == 1) {
    readers.front()->read_queued_ = false;
    return readers.front()->ReadNow();
  }
  for (Connection* const connection : readers) {
    batch_->AddReceive(connection->FileDescriptor(), buffers_->received[received_count_]);
    received_[received_count_++] = connection;
  }
  results_ = batch_->Perform();
}

std::string_view BatchedIo::ReceivedBy(size_t index) const {
  return {buffers_->received[index].data(), results_[index].bytes};
}

void BatchedIo::SetAside() {
  for (size_t i = 0; i < received_count_; ++i) {
    Connection* const connection = std::exchange(received_[i], nullptr);
    if (connection == nullptr) continue;
    connection->read_queued_ = false;
    connection->SetAside(results_[i], ReceivedBy(i));
  }
  for (; next_ < readable_.size(); ++next_) readable_[next_]->read_queued_ = false;
  readable_.clear();
  next_ = 0;
}

// --- Sending ---------------------------------------------------------------------------------------------------------

bool BatchedIo::AddSend(Connection& connection) {
  if (!connection.MaySendInBatch()) return false;
  const std::span<iovec> room = buffers_->pieces[batch_->size()];
  const size_t count = connection.BeginFlush(room);
  if (count == 0) return false;
  batch_->AddSend(connection.FileDescriptor(), room.first(count));
  return true;
}

}  // namespace cachenode
