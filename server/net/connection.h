// One client's connection: reads requests, offers them to the dispatcher, sends the replies, and keeps the client
// within its limits.
//
// Thread-safety: owned by one worker. Another thread may read Usage and the session under the exclusive world lock.
// Invariants:
//   - Input lies in the worker's shared buffer for the length of one turn; what is unfinished then moves into the
//     connection's own buffer, which is freed after being empty for a while.
//   - Replies leave once a turn, by one write.
//   - Only the worker destroys a connection, and never from inside one of its calls.
// Limits: one turn executes kRequestsPerTurn requests or lasts client-turn-us; client-query-buffer-limit and
//   client-output-buffer-limit close the client; a parked client is read up to kParkedInputMax bytes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "protocol/resp_parser.h"
#include "server/net/transport.h"
#include "server/poll_coalescer.h"
#include "server/session.h"

namespace cachenode {

class Worker;

class Connection final : public ClientConnection, private Transport::Listener {
 public:
  static constexpr size_t kRequestsPerTurn = 64;
  static constexpr size_t kParkedInputMax = 64 * 1024;
  // Pieces of one write; the rest goes out when the socket takes more.
  static constexpr size_t kWritePiecesMax = 64;

  Connection(Worker& worker, uint64_t id, std::unique_ptr<Transport> transport);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Registers with the loop. Error: kIo.
  Status Open();

  // ClientConnection.
  void ScheduleFlush() override;
  void Park() override;
  void Resume() override;
  void ScheduleClose() override;
  [[nodiscard]] ConnectionUsage Usage() const override;
  void ForgetMemory() override { CountAs(0, 0); }
  [[nodiscard]] int FileDescriptor() const override { return transport_->descriptor(); }

  // For the worker.
  [[nodiscard]] Session& session() { return session_; }
  [[nodiscard]] const Session& session() const { return session_; }
  // Executes waiting input for one turn.
  void RunTurn();
  // For Worker::Pump: the poll events to look for, 0 while a request of this connection executes; and their arrival.
  [[nodiscard]] short EventsToPump() const;
  void OnPumped(short events);
  // Sends what can be sent. False when the connection is finished and must be destroyed.
  [[nodiscard]] bool Flush();

  // For BatchedIo, which moves the bytes of plain sockets instead.
  // Whether the usual read, of nothing in particular into no particular place, is what comes next.
  [[nodiscard]] bool MayBeReadInBatch() const {
    return plain_descriptor_ && !parked_ && InputSize() == 0 && !reads_much_;
  }
  // Reads by itself, and executes.
  void ReadNow();
  // Executes what was received, or keeps it for a next turn; `received` is what `read` is about.
  void TakeInput(const TransferResult& read, std::string_view received);
  void SetAside(const TransferResult& read, std::string_view received);
  [[nodiscard]] bool MaySendInBatch() const {
    return plain_descriptor_ && !executing_ && session_.closing != Closing::kNow;
  }
  // Flush in two halves: what is to be sent, at most kWritePiecesMax pieces, and, unless that was nothing, what became
  // of it. EndFlush answers as Flush.
  [[nodiscard]] size_t BeginFlush(std::span<iovec> pieces);
  [[nodiscard]] bool EndFlush(const TransferResult& written);

  // Once a second or so: idle timeout, soft output limit, buffer shrinking, peaks.
  void Cron(int64_t now_ms);
  // The most input that waited since the last Cron, or the room held for it if that is more. Bytes.
  [[nodiscard]] size_t InputBufferPeak() const {
    return std::max(input_peak_, input_capacity_) + parser_.MemoryBytes();
  }
  // Replies that wait to be sent, in the room they take.
  [[nodiscard]] size_t OutputBufferBytes() const { return session_.replies.MemoryBytes(); }
  // Bytes this client holds: itself, buffers, replies.
  [[nodiscard]] size_t MemoryBytes() const;

 private:
  friend class BatchedIo;
  friend class Worker;

  void OnReadable() override;
  void OnWritable() override;
  void OnHangUp() override;

  [[nodiscard]] size_t InputSize() const { return input_end_ - input_begin_; }
  [[nodiscard]] bool ReadInto(std::span<char> space, size_t& got);
  [[nodiscard]] bool Accept(const TransferResult& read);
  void ExecuteShared(std::string_view input);
  [[nodiscard]] bool EndFlush();
  void ReadShared();
  void ReadOwn();
  void KeepInput(std::string_view rest);
  void ReserveInput(size_t size);
  void ReleaseInput();
  // Executes from the front of `input` and returns how many bytes are done with.
  [[nodiscard]] size_t ExecuteInput(std::string_view input);
  [[nodiscard]] size_t ExecuteRequests(std::string_view input);
  [[nodiscard]] size_t CapacityForMore() const;
  void ExecuteOwn();
  [[nodiscard]] size_t Rewind(const RequestBatch& batch, size_t finished);
  void FinishTurn();
  void FailProtocol();
  void CheckQueryLimit();
  void CheckOutputLimit(int64_t now_ms);
  void CountMemory();
  void CountAs(size_t bytes, size_t evictable_bytes);
  void CloseNow();
  void Unpark();
  void UpdateWatch();
  void AllowDirectReply();

  // Constant after construction.
  Worker& worker_;
  const std::unique_ptr<Transport> transport_;
  const bool plain_descriptor_;  // What is sent and received is what the peer receives and sends.

  // Owner worker.
  Session session_;
  RespParser parser_;
  // Own input: [input_begin_, input_end_) of input_ wait to be parsed.
  std::unique_ptr<char[]> input_;
  size_t input_capacity_ = 0;
  size_t input_begin_ = 0;
  size_t input_end_ = 0;
  size_t input_peak_ = 0;  // Since the last Cron look.
  size_t input_peak_recent_ = 0;
  uint64_t input_bytes_total_ = 0;
  uint64_t requests_total_ = 0;
  size_t counted_bytes_ = 0;            // What the worker's counters have of this client.
  size_t counted_evictable_bytes_ = 0;  // The same for those that maxmemory-clients means.
  PollCoalescer::Stamp read_stamp_ = 0;
  int64_t soft_limit_since_ms_ = 0;  // 0: below the soft output limit.
  uint32_t worker_slot_ = 0;         // Place in the worker's list.
  bool read_queued_ = false;         // In the hands of BatchedIo.
  bool reads_much_ = false;          // The last read filled what a batch has for one.
  bool flush_queued_ = false;
  bool turn_queued_ = false;
  bool parked_ = false;
  bool executing_ = false;  // Inside ExecuteInput.
  bool write_blocked_ = false;
  bool watching_read_ = true;
  bool watching_write_ = false;
};

}  // namespace cachenode
