#include "server/worker.h"

#include <sys/prctl.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <utility>

#include "server/acl/acl_store.h"
#include "server/blocking/wait_table.h"
#include "server/client_memory.h"
#include "server/client_registry.h"
#include "server/command_context.h"
#include "server/config/config.h"
#include "server/config/config_store.h"
#include "server/dispatcher.h"
#include "server/nested_runner.h"
#include "server/net/connection.h"
#include "server/net/transport.h"
#include "server/pubsub/pubsub.h"
#include "server/script/script_engine.h"
#include "server/server_control.h"
#include "server/session_listener.h"
#include "server/tracking/client_tracking.h"
#include "server/transaction/watch_table.h"
#include "storage/base/clock.h"
#include "storage/base/cycle_clock.h"
#include "storage/base/memory.h"

namespace cachenode {

namespace {

// The CPU clock costs a system call, so it is read at most this often, and only compared against for turns that
// lasted at least as long: loop_cpu_us_max is at most this much too high.
constexpr uint64_t kCpuSampleUs = 250;
// Each client is looked at about once a second, and at least this many per call.
constexpr size_t kClientsPerCronMin = 5;
constexpr int64_t kTrimChunksMs = 250;

// Holding nothing. The kernel's timer slack must be small for that to be exact, see Run.
void SleepUs(uint32_t microseconds) {
  timespec wait{};
  wait.tv_nsec = long{1000} * microseconds;
  nanosleep(&wait, nullptr);  // tidy: allow(sleep) the loop has nothing to do, and wakes late on purpose
}

int64_t ThreadCpuUs() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * 1'000'000 + now.tv_nsec / 1000;
}

void SetOption(int descriptor, int level, int name, int value) {
  setsockopt(descriptor, level, name, &value, sizeof(value));
}

void ConfigureSocket(int descriptor, const Config& config) {
  SetOption(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
  const int idle_seconds = static_cast<int>(config.tcp_keepalive);
  if (idle_seconds == 0) return;
  SetOption(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
  SetOption(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, idle_seconds);
  SetOption(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, std::max(idle_seconds / 3, 1));
  SetOption(descriptor, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

}  // namespace

Worker::Worker(const WorkerSetup& setup, const ServerParts& parts, WorkerStats& stats)
    : setup_(setup), parts_(parts), stats_(stats), seat_(parts.world->TakeSeat()), batched_io_(*this, stats) {}

Worker::~Worker() {
  for (Connection* connection : connections_) {
    parts_.clients->Remove(connection->session());
    delete connection;
  }
  CountReplies();
  // Letters may hold sockets; they go before the loop that could not take them any more.
  mailbox_.reset();
  wait_timer_.reset();
  cron_timer_.reset();
  wake_.reset();
  loop_.reset();
  if (seat_ != nullptr) parts_.world->GiveBack(seat_);
}

Status Worker::Open() {
  if (seat_ == nullptr) return Status::WithText(Err::kIo, "no seat in the world lock is left");
  Result<std::unique_ptr<EventLoop>> loop = EventLoop::Create();
  if (!loop) return loop.error();
  loop_ = *std::move(loop);
  loop_->SetObserver(this);
  wake_ = std::make_unique<AsyncSignal>(*loop_, [this] { TakeMail(); });
  mailbox_ = std::make_unique<Mailbox>([this] { wake_->Send(); });
  parts_.clients->SetMailbox(setup_.index, *mailbox_);
  if (parts_.pubsub != nullptr) parts_.pubsub->SetMailbox(setup_.index, *mailbox_);
  cron_timer_ = std::make_unique<Timer>(*loop_, [this] { RunCron(); });
  tools_ = MakeTools();
  tools_.dispatcher->KeepScripts();
  AttachWaits(parts_.world->elided() ? nullptr : seat_);
  turn_budget_ticks_ = CycleClock::FromMicroseconds(static_cast<uint64_t>(config().client_turn_us));
  uses_io_uring_ = config().io_uring;
  return Status::Ok();
}

// A thread inside the world lock must not sleep for a shard: whoever holds that may wait for the world.
void Worker::BeforeSleep() noexcept { parts_.world->Leave(*seat_); }

void Worker::AfterSleep() noexcept { parts_.world->Enter(*seat_); }
void Worker::AttachWaits(WorldLock::Seat* command_seat) {
  if (parts_.waits == nullptr) return;
  wait_timer_ =
      std::make_unique<Timer>(*loop_, [this] { parts_.waits->ExpireDue(setup_.index, setup_.clock->NowUs() / 1000); });
  parts_.waits->Attach(setup_.index, command_seat, [this](int64_t due_ms) {
    wait_timer_->Start(static_cast<uint64_t>(std::max<int64_t>(due_ms - setup_.clock->NowUs() / 1000, 0)));
  });
}

// Outside of the world: only what concerns this worker's own clients may happen, while the script that all wait for
// keeps still (ScriptEngine::TryBeGuest).
void Worker::WhileWaiting() noexcept {
  constexpr int kWaitMs = 1;
  if (pumping_ || parts_.scripts == nullptr || !parts_.scripts->TryBeGuest()) return;
  Pump(kWaitMs);
  parts_.scripts->EndGuest();
}

Worker::Tools Worker::MakeTools() {
  // Without other threads commands lock nothing, which saves them even the branches.
  WorldLock::Seat* command_seat = parts_.world->elided() ? nullptr : seat_;
  Tools tools;
  tools.dispatcher = std::make_unique<Dispatcher>(parts_, stats_, setup_.index, command_seat);
  tools.dispatcher->context().nested().SetPump([this](int wait_ms) { Pump(wait_ms); });
  tools.read_buffer = std::make_unique<char[]>(kReadBufferBytes);
  tools.batch = std::make_unique<RequestBatch>();
  return tools;
}

void Worker::Run() {
  WorldLock::Adopt(*seat_);  // It was made before this thread.
  SetThreadLockWaitHook(this);
  constexpr unsigned long kTimerSlackNs = 1000;
  prctl(PR_SET_TIMERSLACK, kTimerSlackNs);
  if (uses_io_uring_) batched_io_.Open();
  cron_timer_->Start(1);
  if (!stop_.load(std::memory_order_acquire)) loop_->Run();
  SetThreadLockWaitHook(nullptr);
}

void Worker::Stop() {
  stop_.store(true, std::memory_order_release);
  wake_->Send();
}

// --- Turns -----------------------------------------------------------------------------------------------------------

void Worker::OnTurnBegin() {
  parts_.world->Enter(*seat_);
  turn_begin_ticks_ = CycleClock::Ticks();
  busy_since_ticks_.store(turn_begin_ticks_, std::memory_order_relaxed);
  now_us_ = setup_.clock->NowUs();
  tools_.dispatcher->BeginTurn(now_ms());
  if (parts_.tracking != nullptr) {
    parts_.tracking->BeginTurn(setup_.index, static_cast<uint64_t>(config().tracking_table_max_keys));
  }
  if (CycleClock::Ticks() - cpu_sample_ticks_ > CycleClock::FromMicroseconds(kCpuSampleUs)) SampleCpu();
}

// Another thread had the world for itself, and may have changed anything meanwhile.
void Worker::StepAside() {
  if (seat_->exclusive()) return;  // The writer is this thread, between two scripts.
  parts_.world->Yield(*seat_);
  tools_.dispatcher->BeginTurn(now_ms());
}

const Config& Worker::config() const { return parts_.config->Current(); }

ParserLimits Worker::parser_limits() const {
  const Config& options = config();
  return {options.proto_max_bulk_len, options.engine_version.AtLeast(7, 0) ? INT32_MAX : 1024 * 1024};
}

void Worker::OnEventsHandled(bool had_events) {
  const bool has_reads = batched_io_.HasReads();
  if (!had_events && turn_queue_.empty() && idle_work_.empty() && !mail_left_ && !has_reads) return;
  loop_->TouchTurn();
  if (has_reads) batched_io_.ReadQueued();
  if (mail_left_) TakeMail();
  if (!turn_queue_.empty()) RunQueuedTurns();
  FlushQueued();
  if (!idle_work_.empty() && !ScriptIsBusy()) RunIdleWork(had_events);
}

void Worker::OnTurnEnd() {
  FlushQueued();
  KeepClientsWithinMemory();
  UpdateAwake();
  MeasureTurn();
  busy_since_ticks_.store(0, std::memory_order_relaxed);
  parts_.world->Leave(*seat_);
  if (stop_.load(std::memory_order_relaxed)) {
    loop_->Stop();
    return;
  }
  const uint64_t now_ticks = CycleClock::Ticks();
  if (coalescer_.WindowIsOver(now_ticks)) coalescer_.CloseWindow(now_ticks, cpu_queue_time_.Us());
  const uint32_t sleep_us = coalescer_.SleepUsAfterTurn();
  if (sleep_us != 0 && !awake_) SleepUs(sleep_us);
}

void Worker::UpdateAwake() {
  const bool wanted =
      !turn_queue_.empty() || !idle_work_.empty() || mail_left_ || !flush_queue_.empty() || batched_io_.HasReads();
  if (wanted == awake_) return;
  awake_ = wanted;
  loop_->KeepAwake(wanted);
}

void Worker::TakeMail() { mail_left_ = mailbox_->Drain(*this); }

void Worker::SampleCpu() {
  cpu_sample_us_ = ThreadCpuUs();
  cpu_sample_ticks_ = turn_begin_ticks_;
}

void Worker::MeasureTurn() {
  stats_.loop_iterations.Increment();
  const uint64_t wall_us = CycleClock::ToMicroseconds(CycleClock::Ticks() - turn_begin_ticks_);
  stats_.loop_us_total.Add(wall_us);
  if (wall_us <= kCpuSampleUs) {
    stats_.loop_cpu_us_max.RaiseTo(wall_us);
    return;
  }
  const int64_t now_cpu_us = ThreadCpuUs();
  const auto cpu_us = static_cast<uint64_t>(now_cpu_us - cpu_sample_us_);
  // Time stolen from the thread is in the wall clock only; earlier short turns are in the CPU figure only.
  stats_.loop_cpu_us_max.RaiseTo(std::min(cpu_us, wall_us));
  cpu_sample_us_ = now_cpu_us;
  cpu_sample_ticks_ = CycleClock::Ticks();
}

// --- Connections -----------------------------------------------------------------------------------------------------

void Worker::Adopt(IncomingConnection incoming, uint64_t id) {
  if (!incoming.is_unix()) ConfigureSocket(incoming.descriptor(), config());
  const std::string local_address = incoming.LocalAddress();
  const bool is_tls = incoming.is_tls();
  auto connection = std::make_unique<Connection>(*this, id, incoming.TakeTransport(log()));
  Session& session = connection->session();
  session.peer_address = incoming.peer_address();
  session.local_address = local_address;
  session.is_unix_socket = incoming.is_unix();
  session.is_tls = is_tls;
  parts_.acl->BecomeDefault(session);
  session.created_ms = session.last_interaction_ms = now_ms();
  if (Status failed = connection->Open(); !failed.ok()) {
    CN_LOG(log(), kWarning, "Error registering fd event for the new client: {} (addr={})", failed.text(),
           session.peer_address);
    parts_.clients->CancelReservation(setup_.index);
    return;
  }
  CN_LOG(log(), kVerbose, "Accepted {}", session.peer_address);
  stats_.connections_received.Increment();
  parts_.clients->Add(session);
  connection->worker_slot_ = static_cast<uint32_t>(connections_.size());
  connections_.push_back(connection.release());
  if (incoming.farewell().empty()) return;
  session.replies.Append(incoming.farewell());
  session.connection->ScheduleClose();
}

void Worker::Destroy(Connection* connection) {
  batched_io_.Forget(*connection);
  if (connection->turn_queued_) std::erase(turn_queue_, connection);
  for (SessionListener* listener : parts_.session_listeners) listener->OnSessionEnd(connection->session());
  parts_.clients->Remove(connection->session());
  const uint32_t slot = connection->worker_slot_;
  connections_[slot] = connections_.back();
  connections_[slot]->worker_slot_ = slot;
  connections_.pop_back();
  delete connection;
}

// Whoever wants the world for itself need not wait for what this thread has the kernel do. A round of Pump is part of a
// call that knows already where it stands.
bool Worker::StepsOutForBatches() const { return !pumping_ && !parts_.world->elided() && !seat_->exclusive(); }

void Worker::BeforeBatch() {
  if (StepsOutForBatches()) parts_.world->Leave(*seat_);
}

void Worker::AfterBatch() {
  if (!StepsOutForBatches()) return;
  parts_.world->Enter(*seat_);
  tools_.dispatcher->BeginTurn(now_ms());  // As after stepping aside.
}

// In a round of Pump nothing is put off: the loop comes back too late.
bool Worker::QueueRead(Connection& connection) { return !pumping_ && batched_io_.QueueRead(connection); }

void Worker::QueueFlush(Connection& connection) {
  if (connection.flush_queued_) return;
  connection.flush_queued_ = true;
  flush_queue_.push_back(&connection);
}

void Worker::QueueTurn(Connection& connection) {
  if (connection.turn_queued_) return;
  connection.turn_queued_ = true;
  turn_queue_.push_back(&connection);
}

void Worker::KeepClientsWithinMemory() {
  if (config().maxmemory_clients == 0 || !ClientsHoldTooMuch(parts_, config())) return;
  EvictClients(parts_, *seat_);
  tools_.dispatcher->BeginTurn(now_ms());  // As after stepping aside.
}

void Worker::TakeAllMail() {
  constexpr int kRoundsMax = 16;
  TakeMail();
  for (int round = 1; mail_left_ && round < kRoundsMax; ++round) TakeMail();
}

// One turn for each connection that was waiting when this began.
void Worker::RunQueuedTurns() {
  for (size_t waiting = turn_queue_.size(); waiting != 0 && !turn_queue_.empty(); --waiting) {
    YieldToWriter();
    if (turn_queue_.empty()) return;
    Connection* connection = turn_queue_.front();
    turn_queue_.pop_front();
    connection->RunTurn();
  }
}

void Worker::FlushQueued() {
  tools_.dispatcher->ReleaseScripts();
  if (parts_.tracking != nullptr) parts_.tracking->EndTurn(setup_.index);
  FlushConnections();
  CountReplies();
}

// What could not be sent at once is used memory from now on.
void Worker::CountReplies() {
  if (chunks_.borrowed_count() == counted_chunks_) [[likely]]
    return;
  const auto more = static_cast<int64_t>(chunks_.borrowed_count()) - static_cast<int64_t>(counted_chunks_);
  memory::AddExternalBytes(more * static_cast<int64_t>(ChunkPool::kChunkBytes));
  counted_chunks_ = chunks_.borrowed_count();
}

void Worker::FlushConnections() {
  std::vector<Connection*>& round = pumping_ ? pumped_flush_round_ : flush_round_;
  while (!flush_queue_.empty()) {
    round.swap(flush_queue_);
    batched_io_.Flush(round);
    round.clear();
  }
  if (finished_.empty() || MustKeepClients()) return;
  for (Connection* connection : std::exchange(finished_, {})) Destroy(connection);
}

void Worker::Retire(Connection& connection) {
  if (!MustKeepClients()) return Destroy(&connection);
  connection.flush_queued_ = true;
  finished_.push_back(&connection);
}

// Inside another call of this thread, which may hold locks that the end of a client asks for.
bool Worker::MustKeepClients() const { return pumping_ && !parts_.world->elided(); }

bool Worker::ScriptIsBusy() const { return parts_.scripts != nullptr && parts_.scripts->IsBusy(); }

// --- Serving clients from inside a long call -------------------------------------------------------------------------

void Worker::Pump(int wait_ms) {
  if (pumping_) return;
  pumping_ = true;
  batched_io_.SetAside();
  if (spare_tools_.dispatcher == nullptr) spare_tools_ = MakeTools();
  std::swap(tools_, spare_tools_);
  PumpRound(wait_ms);
  std::swap(tools_, spare_tools_);
  pumping_ = false;
}

void Worker::PumpRound(int wait_ms) {
  now_us_ = setup_.clock->NowUs();
  tools_.dispatcher->BeginTurn(now_ms());
  std::vector<PumpedDescriptor> extra;
  if (pumped_) extra = pumped_();
  std::vector<pollfd> polled;
  polled.reserve(extra.size());
  for (const PumpedDescriptor& entry : extra) polled.push_back({entry.descriptor, POLLIN, 0});
  std::vector<uint64_t> ids;
  for (const Connection* connection : connections_) {
    const short events = connection->EventsToPump();
    if (events == 0) continue;
    polled.push_back({connection->FileDescriptor(), events, 0});
    ids.push_back(connection->session().id);
  }
  if (poll(polled.data(), polled.size(), turn_queue_.empty() ? wait_ms : 0) > 0) {
    for (size_t i = 0; i < extra.size(); ++i) {
      if (polled[i].revents != 0) extra[i].on_readable();
    }
    for (size_t i = 0; i < ids.size(); ++i) {
      const short events = polled[extra.size() + i].revents;
      Session* session = events == 0 ? nullptr : parts_.clients->FindOwn(setup_.index, ids[i]);
      if (session != nullptr) static_cast<Connection*>(session->connection)->OnPumped(events);
    }
  }
  TakeMail();
  RunQueuedTurns();
  FlushQueued();
}

void Worker::ResumeParked() {
  for (Connection* connection : connections_) {
    if (connection->session().paused) connection->Resume();
  }
}

// --- Periodic and idle-time work -------------------------------------------------------------------------------------

void Worker::RunCron() {
  const Config& options = config();
  int64_t hz = std::clamp<int64_t>(options.hz, 1, 500);
  if (options.dynamic_hz) {
    while (hz < 500 && connections_.size() / static_cast<size_t>(hz) > 200) hz *= 2;
  }
  cron_timer_->Start(static_cast<uint64_t>(std::max<int64_t>(1000 / hz, 1)));
  if (parts_.control != nullptr && parts_.control->cron_paused()) return;
  ClientsCron(hz);
  if (now_ms() - chunks_trimmed_ms_ >= kTrimChunksMs) {
    chunks_trimmed_ms_ = now_ms();
    chunks_.Trim();
  }
  if (ScriptIsBusy()) return;  // Nothing may change while a script is half done.
  for (CronTask& task : cron_tasks_) {
    YieldToWriter();
    task(*this, now_ms());
  }
  LookAfterWaits();
}

// Keys that maintenance touched, deadlines that a moved clock brought nearer, and watches that a busy script kept here.
void Worker::LookAfterWaits() {
  if (parts_.watches != nullptr && setup_.index == 0) parts_.watches->ForgetAbandoned();
  if (parts_.waits == nullptr) return;
  if (parts_.waits->HasWork(setup_.index)) parts_.waits->Deliver(tools_.dispatcher->context(), nullptr);
  parts_.waits->ExpireDue(setup_.index, setup_.clock->NowUs() / 1000);
}

void Worker::HurryCron() { cron_timer_->Start(kHurryMs); }

int64_t Worker::BusyMs() const {
  const uint64_t since = busy_since_ticks_.load(std::memory_order_relaxed);
  if (since == 0) return 0;
  return static_cast<int64_t>(CycleClock::ToMicroseconds(CycleClock::Ticks() - since) / 1000);
}

// Before the connection's own look, which forgets peaks and gives room back.
void Worker::NoteBufferPeaks(const Connection& connection) {
  input_buffer_peak_.Note(connection.InputBufferPeak(), now_ms() / 1000);
  output_buffer_peak_.Note(connection.OutputBufferBytes(), now_ms() / 1000);
}

void Worker::ClientsCron(int64_t hz) {
  const size_t share = connections_.size() / static_cast<size_t>(hz);
  const size_t count = std::min(connections_.size(), std::max(share, kClientsPerCronMin));
  for (size_t i = 0; i < count; ++i) {
    if (clients_cron_cursor_ >= connections_.size()) clients_cron_cursor_ = 0;
    Connection& connection = *connections_[clients_cron_cursor_++];
    NoteBufferPeaks(connection);
    connection.Cron(now_ms());
  }
  input_buffer_peak_.Advance(now_ms() / 1000);
  output_buffer_peak_.Advance(now_ms() / 1000);
  stats_.input_buffer_bytes_max.Set(input_buffer_peak_.Value());
  stats_.output_buffer_bytes_max.Set(output_buffer_peak_.Value());
}

void Worker::AddIdleWork(IdleWork& work) {
  if (std::find(idle_work_.begin(), idle_work_.end(), &work) == idle_work_.end()) idle_work_.push_back(&work);
}

// All the time there is while no event came, else a share of what the events took.
void Worker::RunIdleWork(bool had_events) {
  const uint64_t begin = CycleClock::Ticks();
  if (had_events) {
    uint32_t percent = 0;
    for (const IdleWork* work : idle_work_) percent = std::max(percent, work->BusyPercent());
    idle_credit_ticks_ += static_cast<int64_t>((begin - turn_begin_ticks_) * percent / 100);
    if (idle_credit_ticks_ <= 0) return;
  } else {
    idle_credit_ticks_ = 0;
  }
  const auto turn_limit = static_cast<int64_t>(CycleClock::FromMicroseconds(kIdleWorkTurnUs));
  const int64_t budget = had_events ? std::min(idle_credit_ticks_, turn_limit) : turn_limit;
  int64_t spent = 0;
  for (size_t next = 0; !idle_work_.empty() && spent < budget; ++next) {
    YieldToWriter();
    const size_t index = next % idle_work_.size();
    if (!idle_work_[index]->RunSlice(*this)) idle_work_.erase(idle_work_.begin() + static_cast<ptrdiff_t>(index));
    spent = static_cast<int64_t>(CycleClock::Ticks() - begin);
  }
  if (had_events) idle_credit_ticks_ -= spent;
}

}  // namespace cachenode
