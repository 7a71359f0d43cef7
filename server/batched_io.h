// A worker's receives and sends, taken together: what is readable after a poll is received in one system call and then
// executed connection by connection; what a turn wrote is sent in one.
//
// Thread-safety: the worker's own thread, on which Open is called.
// Invariants: a connection whose input was received is executed before anything else of it is read, and what was sent
//   is taken out of its replies before anything else of it is sent: a round of Worker::Pump in between begins with
//   SetAside. Such a round may come whenever the owner is told that a batch is over, or to let a writer pass, and from
//   inside a request. Without the kernel's help, or with it for a single connection, everything goes the plain way;
//   nobody else knows the difference.
// Limits: kReceivesMax connections and kReceiveBytes of each, and SocketBatch::kOperationsMax sends, at a time. Who is
//   not executed within kTurnUs is in the next turn, first and in the same order: replies leave in between, and
//   everything else of the worker has its time.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "server/net/connection.h"
#include "server/net/socket_batch.h"
#include "server/stats/worker_stats.h"

namespace cachenode {

class BatchedIo {
 public:
  // The worker.
  class Owner {
   public:
    virtual ~Owner() = default;
    // Around each system call, during which nothing that other threads may change is looked at.
    virtual void BeforeBatch() = 0;
    virtual void AfterBatch() = 0;
    // Between two connections.
    virtual void LetWriterPass() = 0;
    // A flush found the connection finished.
    virtual void Retire(Connection& connection) = 0;
  };

  static constexpr size_t kReceivesMax = 32;
  static constexpr size_t kReceiveBytes = 16 * 1024;  // Who fills it is read alone the next time.
  static constexpr uint64_t kTurnUs = 1000;

  BatchedIo(Owner& owner, WorkerStats& stats) : owner_(owner), stats_(stats) {}

  // Without it there are no batches.
  void Open();

  // --- Receiving -----------------------------------------------------------------------------------------------------

  // False when the connection is to be read at once.
  [[nodiscard]] bool QueueRead(Connection& connection);
  [[nodiscard]] bool HasReads() const { return !readable_.empty() || !AllExecuted(); }
  // Receives and executes for those that are queued, until none is left or the time is over.
  void ReadQueued();
  // The connection ends.
  void Forget(const Connection& connection);
  // From inside a request that ReadQueued executes, or AfterBatch: gives what was received for others to them, for
  // their next turns, and forgets who was not read yet: the kernel announces them again. Ends what was sent.
  void SetAside();

  // --- Sending -------------------------------------------------------------------------------------------------------

  // Flushes all of `round`. Those of it that were not begun with may be queued for a flush meanwhile.
  void Flush(std::span<Connection* const> round);

 private:
  // Mapped, not allocated: most of it is never touched, and then counts neither as used nor as resident.
  struct Buffers {
    std::array<std::array<char, kReceiveBytes>, kReceivesMax> received;
    std::array<std::array<iovec, Connection::kWritePiecesMax>, SocketBatch::kOperationsMax> pieces;
  };
  struct Unmap {
    void operator()(Buffers* buffers) const noexcept;
  };
  using MappedBuffers = std::unique_ptr<Buffers, Unmap>;
  // Null when there is no memory.
  [[nodiscard]] static MappedBuffers MapBuffers() noexcept;

  [[nodiscard]] bool AllExecuted() const { return executed_ == received_count_; }
  void ReceiveNext();
  void ExecuteNext();
  static void ReadAlone(Connection& connection);
  void ForgetRead();
  [[nodiscard]] std::string_view ReceivedBy(size_t index) const;
  void Perform(std::span<TransferResult> results);
  // False when the connection has nothing to send in a batch.
  [[nodiscard]] bool AddSend(Connection& connection);
  void EndSends();
  void CloseIfBroken();

  Owner& owner_;
  WorkerStats& stats_;
  std::unique_ptr<SocketBatch> batch_;
  MappedBuffers buffers_;
  std::vector<Connection*> readable_;  // In order; null: gone.
  size_t next_ = 0;                    // Those before it are read, or received.
  // The last ones received; null: set aside or gone. Those before executed_ are executed.
  std::array<Connection*, kReceivesMax> received_{};
  std::array<TransferResult, kReceivesMax> results_{};
  size_t received_count_ = 0;
  size_t executed_ = 0;
  // The last ones sent for. Those before ended_ are done with.
  std::array<Connection*, SocketBatch::kOperationsMax> senders_{};
  std::array<TransferResult, SocketBatch::kOperationsMax> sent_{};
  size_t sender_count_ = 0;
  size_t ended_ = 0;
};

}  // namespace cachenode
