#include "server/net/connection.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "protocol/resp_writer.h"
#include "server/batched_io.h"
#include "server/blocking/blocked_client.h"
#include "server/client_memory.h"
#include "server/config/config.h"
#include "server/dispatcher.h"
#include "server/executing_session.h"
#include "server/node_state.h"
#include "server/pubsub/pubsub.h"
#include "server/transaction/transaction_state.h"
#include "server/worker.h"
#include "storage/base/cycle_clock.h"

namespace cachenode {

namespace {

// Unfinished input up to this size is carried over to the front of the shared buffer for the next read; more stays
// in the connection's own buffer and is completed there.
constexpr size_t kCarriedInputMax = 16 * 1024;
// Own buffers grow towards a large bulk string's end by at most this, or by doubling: a claimed length alone must not
// make us allocate.
constexpr size_t kInputGrowthMax = size_t{4} << 20;
constexpr size_t kInputCapacityMin = 512;
// Room that a read into an own buffer has at least, but where it completes a large bulk string.
constexpr size_t kInputReadMin = 16 * 1024;
// An empty own buffer above this size shrinks to what the client's recent requests needed.
constexpr size_t kInputShrinkAbove = 32 * 1024;
// An own buffer that is empty this long is freed.
constexpr int64_t kInputIdleMs = 2000;

// What may wait for a client that has not logged in: the errors of one turn, and some.
constexpr uint64_t kUnauthenticatedOutputMax = 17 * 1024;

constexpr size_t OutputClassOf(ClientClass client_class) {
  switch (client_class) {
    case ClientClass::kReplica:
    case ClientClass::kPrimary:
      return 1;
    case ClientClass::kPubSub:
      return 2;
    case ClientClass::kNormal:
      break;
  }
  return 0;
}

}  // namespace

Connection::Connection(Worker& worker, uint64_t id, std::unique_ptr<Transport> transport)
    : worker_(worker),
      transport_(std::move(transport)),
      plain_descriptor_(transport_->IsPlain()),
      session_(id, worker.index(), worker.chunks()),
      parser_(worker.parser_limits()) {
  session_.connection = this;
}

Connection::~Connection() {
  Unpark();
  ForgetMemory();
  transport_->Close();
}

Status Connection::Open() { return transport_->Open(worker_.loop(), *this); }

// --- Reading ---------------------------------------------------------------------------------------------------------

void Connection::OnReadable() {
  // Input that waits for its turn goes first; what the kernel holds is announced again.
  if (turn_queued_ || session_.closing != Closing::kNo || worker_.QueueRead(*this)) return;
  ReadNow();
}

void Connection::ReadNow() {
  worker_.YieldToWriter();
  if (session_.closing != Closing::kNo) return;
  if (parked_ || InputSize() > kCarriedInputMax) {
    ReadOwn();
  } else {
    ReadShared();
  }
  FinishTurn();
}

void Connection::OnHangUp() { CloseNow(); }

bool Connection::ReadInto(std::span<char> space, size_t& got) {
  const TransferResult read = transport_->Read(space);
  got = read.bytes;
  return Accept(read);
}

// Whether the read brought anything.
bool Connection::Accept(const TransferResult& read) {
  worker_.stats().reads_processed.Increment();
  worker_.coalescer().NoteRead(read_stamp_);
  if (read.outcome == TransferResult::Outcome::kWouldBlock) return false;
  if (read.outcome != TransferResult::Outcome::kDone) {
    CN_LOG(worker_.log(), kVerbose, "Client closed connection id={} addr={}", session_.id, session_.peer_address);
    CloseNow();
    return false;
  }
  reads_much_ = read.bytes >= BatchedIo::kReceiveBytes;
  input_bytes_total_ += read.bytes;
  worker_.stats().input_bytes.Add(read.bytes);
  session_.last_interaction_ms = worker_.now_ms();
  return true;
}

void Connection::TakeInput(const TransferResult& read, std::string_view received) {
  if (session_.closing != Closing::kNo) return;
  if (Accept(read)) ExecuteShared(received);
  FinishTurn();
}

void Connection::SetAside(const TransferResult& read, std::string_view received) {
  if (session_.closing != Closing::kNo || !Accept(read)) return;
  KeepInput(received);
  worker_.QueueTurn(*this);
}

// The usual case: into the worker's buffer, behind the few bytes an earlier read left over.
void Connection::ReadShared() {
  const std::span<char> shared = worker_.read_buffer();
  const size_t carried = InputSize();
  if (carried != 0) std::memcpy(shared.data(), input_.get() + input_begin_, carried);
  size_t got = 0;
  if (!ReadInto(shared.subspan(carried), got)) return;
  input_begin_ = input_end_ = 0;
  ExecuteShared({shared.data(), carried + got});
}

// Input that lies in a buffer of others: what is not done with is kept.
void Connection::ExecuteShared(std::string_view input) {
  const size_t done = ExecuteInput(input);
  if (done < input.size() && session_.closing == Closing::kNo) KeepInput(input.substr(done));
}

// A large request, or a parked client's further input.
void Connection::ReadOwn() {
  size_t capacity = std::max(parser_.BytesWanted(), InputSize() + 1);
  capacity = std::min(capacity, InputSize() + std::max(kInputGrowthMax, InputSize()));
  if (parser_.LargeBulkBegin() == 0) capacity = std::max(capacity, CapacityForMore());
  if (parked_) capacity = std::max(InputSize() + 1, kParkedInputMax);
  ReserveInput(capacity);
  size_t got = 0;
  if (!ReadInto({input_.get() + input_end_, input_capacity_ - input_end_}, got)) return;
  input_end_ += got;
  if (parked_) return;
  ExecuteOwn();
}

// A request of many small arguments: where the next of them ends says little, and a read for each, with all before it
// copied each time, would be dear.
size_t Connection::CapacityForMore() const {
  const size_t wanted = InputSize() + kInputReadMin;
  if (wanted <= input_capacity_) return wanted;
  return std::max(wanted, InputSize() + std::min(InputSize(), kInputGrowthMax / 4));
}

void Connection::ExecuteOwn() {
  const size_t done = ExecuteInput({input_.get() + input_begin_, InputSize()});
  input_begin_ += done;
  if (input_begin_ == input_end_) input_begin_ = input_end_ = 0;
}

void Connection::KeepInput(std::string_view rest) {
  // The next read goes straight behind it when it is large: room for all that is wanted, within what a claim may ask.
  size_t capacity = rest.size();
  if (capacity > kCarriedInputMax) {
    capacity = std::clamp(parser_.BytesWanted(), capacity, capacity + std::max(kInputGrowthMax, capacity));
  }
  ReserveInput(capacity);
  std::memcpy(input_.get(), rest.data(), rest.size());
  input_end_ = rest.size();
}

// Room for `size` bytes counted from the first unparsed one; that one moves to the front.
void Connection::ReserveInput(size_t size) {
  if (input_begin_ != 0) {
    std::memmove(input_.get(), input_.get() + input_begin_, InputSize());
    input_end_ -= input_begin_;
    input_begin_ = 0;
  }
  if (size <= input_capacity_) return;
  const size_t capacity = std::max(size, kInputCapacityMin);
  std::unique_ptr<char[]> larger(new char[capacity]);
  if (input_end_ != 0) std::memcpy(larger.get(), input_.get(), input_end_);
  input_ = std::move(larger);
  input_capacity_ = capacity;
}

void Connection::ReleaseInput() {
  input_.reset();
  input_capacity_ = input_begin_ = input_end_ = 0;
}

// --- Executing -------------------------------------------------------------------------------------------------------

void Connection::RunTurn() {
  turn_queued_ = false;
  if (parked_ || session_.closing != Closing::kNo) return;
  if (InputSize() != 0) ExecuteOwn();
  FinishTurn();
}

size_t Connection::ExecuteInput(std::string_view input) {
  executing_ = true;
  const size_t done = ExecuteRequests(input);
  executing_ = false;
  return done;
}

size_t Connection::ExecuteRequests(std::string_view input) {
  input_peak_ = std::max(input_peak_, input.size());
  const ExecutingSession named_in_a_crash_report(session_);
  const uint64_t deadline = CycleClock::Ticks() + worker_.turn_budget_ticks();
  if ((session_.conditions & (kTracksKeys | kSubscribed)) != 0) worker_.TakeAllMail();
  worker_.KeepClientsWithinMemory();
  if (session_.closing != Closing::kNo) return input.size();
  RequestBatch& batch = worker_.batch();
  // Messages that were published before this input was sent come before what it asks for.
  if (PubSub* pubsub = worker_.parts().pubsub; pubsub != nullptr) pubsub->CatchUp(worker_.index());
  parser_.SetLimits(worker_.parser_limits());
  size_t done = 0;
  size_t executed = 0;
  while (!worker_.stopping()) {
    batch.Clear();
    parser_.SetUnauthenticated(!session_.authenticated);
    const RespParser::Progress progress = parser_.Parse(input.substr(done), batch);
    if (!batch.empty()) {
      const size_t finished = worker_.dispatcher().Execute(session_, batch, deadline);
      requests_total_ += finished;
      executed += finished;
      // A client that waits now goes on at the next request, whatever came behind it.
      if (finished < batch.size() || parked_) return done + Rewind(batch, finished);
    }
    done += progress.consumed_bytes;
    if (session_.closing != Closing::kNo) return input.size();
    if (progress.outcome == RespParser::Outcome::kError) {
      FailProtocol();
      return input.size();
    }
    if (progress.outcome == RespParser::Outcome::kNeedMore || parked_) return done;
    if (executed >= kRequestsPerTurn || CycleClock::Ticks() >= deadline) {
      if (done < input.size()) worker_.QueueTurn(*this);
      return done;
    }
  }
  return done;
}

// The dispatcher stopped early: parsing starts again at the first request it left. Returns the bytes of those done.
size_t Connection::Rewind(const RequestBatch& batch, size_t finished) {
  size_t bytes = 0;
  for (size_t i = 0; i < finished; ++i) bytes += batch.wire_bytes(i);
  parser_ = RespParser(worker_.parser_limits());
  if (!parked_ && session_.closing == Closing::kNo) worker_.QueueTurn(*this);
  return bytes;
}

// After each look at input: limits, replies on their way, what to wait for.
void Connection::FinishTurn() {
  if (session_.closing == Closing::kNo) {
    CheckQueryLimit();
    if (!session_.replies.empty()) CheckOutputLimit(worker_.now_ms());
  }
  if (!session_.replies.empty() || session_.closing != Closing::kNo) worker_.QueueFlush(*this);
  if (session_.blocked != nullptr) [[unlikely]]
    AllowDirectReply();
  UpdateWatch();
  // The flush that follows counts, too; before that only a limit wants to know.
  if (!flush_queued_ || worker_.config().maxmemory_clients != 0) CountMemory();
}

void Connection::FailProtocol() {
  const std::string text = parser_.ErrorText();
  CN_LOG(worker_.log(), kVerbose, "Protocol error ({}) from client: id={} addr={}", text, session_.id,
         session_.peer_address);
  RespWriter(session_.replies).Error(text);
  worker_.stats().CountError(text);
  session_.closing = Closing::kAfterReply;
}

void Connection::Park() {
  if (parked_) return;
  parked_ = true;
  worker_.parts().state->clients_blocked.fetch_add(1, std::memory_order_relaxed);
}

void Connection::Unpark() {
  if (!parked_) return;
  parked_ = false;
  session_.paused = false;
  if (session_.counts_as_blocked) worker_.parts().state->clients_blocked.fetch_sub(1, std::memory_order_relaxed);
  session_.counts_as_blocked = true;
}

void Connection::Resume() {
  if (!parked_) return;
  Unpark();
  UpdateWatch();
  worker_.QueueTurn(*this);
}

// --- Writing ---------------------------------------------------------------------------------------------------------

// Somebody else wrote to this client: messages, replies to those who waited.
void Connection::ScheduleFlush() {
  if (session_.closing == Closing::kNo) CheckOutputLimit(worker_.now_ms());
  worker_.QueueFlush(*this);
}

short Connection::EventsToPump() const {
  if (executing_ || session_.closing == Closing::kNow) return 0;
  return static_cast<short>((watching_read_ ? POLLIN : 0) | (watching_write_ ? POLLOUT : 0));
}

void Connection::OnPumped(short events) {
  if ((events & POLLOUT) != 0) OnWritable();
  if ((events & (POLLIN | POLLHUP | POLLERR)) != 0) OnReadable();
}

bool Connection::Flush() {
  if (executing_) return true;  // Called by a round of the worker's Pump; the request's own turn flushes again.
  if (session_.closing == Closing::kNow) return false;
  std::array<iovec, kWritePiecesMax> pieces;
  const size_t count = BeginFlush(pieces);
  return count == 0 ? EndFlush() : EndFlush(transport_->Write({pieces.data(), count}));
}

size_t Connection::BeginFlush(std::span<iovec> pieces) {
  if (session_.blocked != nullptr && session_.blocked->direct_reply != nullptr) [[unlikely]]
    session_.blocked->direct_reply->Forbid();
  if (session_.replies.empty() || write_blocked_) return 0;
  return session_.replies.FillIovecs(pieces);
}

bool Connection::EndFlush(const TransferResult& written) {
  worker_.stats().writes_processed.Increment();
  if (written.outcome == TransferResult::Outcome::kError) return false;
  session_.replies.Consume(written.bytes);
  worker_.stats().output_bytes.Add(written.bytes);
  if (written.bytes != 0) session_.last_interaction_ms = worker_.now_ms();
  write_blocked_ = !session_.replies.empty();
  UpdateWatch();
  return EndFlush();
}

bool Connection::EndFlush() {
  // What others had this client told does not pass by FinishTurn.
  if (!session_.replies.empty() && session_.closing == Closing::kNo) CheckOutputLimit(worker_.now_ms());
  CountMemory();
  if (session_.blocked != nullptr) [[unlikely]]
    AllowDirectReply();
  return !session_.replies.empty() || session_.closing == Closing::kNo;
}

// Whoever serves the waiting client may send the reply, as long as nothing is to be sent before it and nothing but
// this reply can come meanwhile: not to clients of RESP3, which get pushes at any time.
void Connection::AllowDirectReply() {
  DirectReply* const direct = session_.blocked->direct_reply.get();
  if (direct == nullptr || direct->IsAllowed() || !parked_ || session_.is_tls || session_.resp_version != 2) return;
  constexpr uint32_t kGetsMore = kSubscribed | kTracksKeys | kIsMonitor;
  if ((session_.conditions & kGetsMore) != 0 || session_.reply_mode != ReplyMode::kOn) return;
  if (session_.closing != Closing::kNo || !session_.replies.empty()) return;
  direct->Allow(transport_->descriptor());
}

void Connection::OnWritable() {
  write_blocked_ = false;
  worker_.QueueFlush(*this);
}

void Connection::ScheduleClose() {
  if (session_.closing == Closing::kNo) session_.closing = Closing::kAfterReply;
  UpdateWatch();
  worker_.QueueFlush(*this);
}

void Connection::CloseNow() {
  session_.closing = Closing::kNow;
  worker_.QueueFlush(*this);
}

void Connection::UpdateWatch() {
  const bool wants_input = session_.closing == Closing::kNo && (!parked_ || InputSize() < kParkedInputMax);
  if (wants_input == watching_read_ && write_blocked_ == watching_write_) return;
  watching_read_ = wants_input;
  watching_write_ = write_blocked_;
  transport_->Watch(watching_read_, watching_write_);
}

// --- Limits and figures ----------------------------------------------------------------------------------------------

void Connection::CheckQueryLimit() {
  const auto limit = static_cast<uint64_t>(worker_.config().client_query_buffer_limit);
  const size_t queued = session_.transaction == nullptr ? 0 : session_.transaction->queue.ArgumentBytes();
  if (InputSize() + parser_.MemoryBytes() + queued <= limit) return;
  CN_LOG(worker_.log(), kWarning, "Closing client that reached max query buffer length: id={} addr={} qbuf={}",
         session_.id, session_.peer_address, InputSize());
  worker_.stats().query_buffer_limit_disconnections.Increment();
  CloseNow();
}

void Connection::CheckOutputLimit(int64_t now_ms) {
  const auto& limit = worker_.config().client_output_buffer_limit[OutputClassOf(session_.client_class)];
  const uint64_t waiting = session_.replies.SizeBytes();
  const bool over_soft = limit.soft_bytes != 0 && waiting > limit.soft_bytes;
  if (!over_soft) soft_limit_since_ms_ = 0;
  if (over_soft && soft_limit_since_ms_ == 0) soft_limit_since_ms_ = now_ms;
  const bool soft_too_long = over_soft && now_ms - soft_limit_since_ms_ > limit.soft_seconds * 1000;
  const bool over_hard = (limit.hard_bytes != 0 && waiting > limit.hard_bytes) ||
                         (!session_.authenticated && waiting > kUnauthenticatedOutputMax);
  if (!over_hard && !soft_too_long) return;
  CN_LOG(worker_.log(), kWarning,
         "Client id={} addr={} omem={} scheduled to be closed ASAP for overcoming of output buffer limits.",
         session_.id, session_.peer_address, waiting);
  worker_.stats().output_buffer_limit_disconnections.Increment();
  CloseNow();
}

void Connection::Cron(int64_t now_ms) {
  if (session_.closing == Closing::kNow) return;
  const int64_t idle_ms = now_ms - session_.last_interaction_ms;
  const int64_t timeout_ms = worker_.config().timeout * 1000;
  const bool listens = session_.client_class != ClientClass::kNormal || (session_.conditions & kIsMonitor) != 0;
  const bool may_time_out = !listens && !parked_;
  if (timeout_ms != 0 && may_time_out && idle_ms > timeout_ms) {
    CN_LOG(worker_.log(), kVerbose, "Closing idle client");
    CloseNow();
    return;
  }
  if (!session_.replies.empty()) CheckOutputLimit(now_ms);
  if (InputSize() == 0 && input_capacity_ != 0) {
    const size_t needed = std::max(input_peak_, input_peak_recent_);
    if (idle_ms > kInputIdleMs) {
      ReleaseInput();
    } else if (input_capacity_ > kInputShrinkAbove && needed < input_capacity_ / 2) {
      ReleaseInput();
      ReserveInput(needed);
    }
  }
  input_peak_recent_ = input_peak_;
  input_peak_ = InputSize();
  CountMemory();
}

void Connection::CountMemory() {
  const size_t bytes = session_.closing == Closing::kNow ? 0 : MemoryBytes();
  CountAs(bytes, MayBeEvicted(session_) ? bytes : 0);
}

// The counters take differences; unsigned, so that a smaller figure wraps to the right sum.
void Connection::CountAs(size_t bytes, size_t evictable_bytes) {
  WorkerStats& stats = worker_.stats();
  stats.client_bytes.Add(bytes - std::exchange(counted_bytes_, bytes));
  stats.evictable_client_bytes.Add(evictable_bytes - std::exchange(counted_evictable_bytes_, evictable_bytes));
}

ConnectionUsage Connection::Usage() const {
  ConnectionUsage usage;
  usage.query_buffer_used = InputSize() - parser_.LargeBulkBegin();
  usage.query_buffer_free = input_capacity_ - input_end_;
  usage.query_buffer_peak = std::max(input_peak_, input_peak_recent_);
  usage.memory_bytes = MemoryBytes();
  if (session_.transaction != nullptr) usage.multi_buffer = session_.transaction->queue.MemoryBytes();
  usage.input_total = input_bytes_total_;
  usage.output_total = session_.replies.consumed_bytes();
  usage.commands_total = requests_total_;
  usage.readable_watched = watching_read_;
  usage.writable_watched = watching_write_;
  return usage;
}

size_t Connection::MemoryBytes() const {
  return sizeof(*this) + SessionStateBytes(session_) + input_capacity_ + parser_.MemoryBytes() +
         session_.replies.MemoryBytes();
}

}  // namespace cachenode
