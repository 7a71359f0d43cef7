// One event loop thread: its connections, its mailbox, its seat in the world lock, its periodic and idle-time work.
//
// Thread-safety: everything belongs to the worker's own thread, except mailbox().Post and the atomics it names.
//   Worker 0 runs on the main thread.
// Invariants: from the first callback of a turn to its end the thread sits inside the world lock, but for the time it
//   has the kernel receive and send for many, or waits for a lock or the script slot; it sleeps outside.
//   Connections are destroyed only between callbacks.
// Limits: periodic tasks bound themselves (kCronSliceUs is what they should aim at); idle work gets all time while
//   nothing else is to do, in slices, and about a tenth of it otherwise (see IdleWork).
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "protocol/reply_buffer.h"
#include "protocol/resp_parser.h"
#include "server/batched_io.h"
#include "server/cpu_queue_time.h"
#include "server/mailbox.h"
#include "server/net/event_loop.h"
#include "server/net/listener.h"
#include "server/poll_coalescer.h"
#include "server/server_parts.h"
#include "server/stats/recent_peak.h"
#include "server/stats/worker_stats.h"
#include "server/world_lock.h"
#include "storage/base/lock_wait.h"

namespace cachenode {

class Connection;
class Dispatcher;
class Worker;
struct Config;

// Work that fills idle time: snapshot walkers, lazy frees.
class IdleWork {
 public:
  virtual ~IdleWork() = default;
  // Does about 20 us of work, inside the world lock, on worker `worker`. False when nothing is left.
  virtual bool RunSlice(Worker& worker) = 0;
  // What share of a busy loop's time this work should have.
  [[nodiscard]] virtual uint32_t BusyPercent() const { return kBusyPercent; }
  static constexpr uint32_t kBusyPercent = 10;
};

// Called every 1000/hz ms on each worker, inside the world lock. Bounds its own time.
using CronTask = std::function<void(Worker& worker, int64_t now_ms)>;

struct WorkerSetup {
  uint32_t index = 0;
  Log* log = nullptr;
  Clock* clock = nullptr;
};

class Worker final : private TurnObserver, private LockWaitHook, private BatchedIo::Owner {
 public:
  static constexpr size_t kReadBufferBytes = 64 * 1024;
  static constexpr int64_t kCronSliceUs = 1000;
  static constexpr int64_t kIdleWorkTurnUs = 200;

  // `parts` outlives this. The seat in the world lock is taken here.
  Worker(const WorkerSetup& setup, const ServerParts& parts, WorkerStats& stats);
  ~Worker() override;
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Makes the loop. Error: kIo.
  Status Open();
  // Before Run.
  void AddCronTask(CronTask task) { cron_tasks_.push_back(std::move(task)); }
  // Runs the loop on the calling thread until Stop, then flushes what it can and closes all connections.
  void Run();
  // Any thread.
  void Stop();
  [[nodiscard]] Mailbox& mailbox() { return *mailbox_; }

  // Own thread from here on.

  // Makes client `id` of an accepted socket that ClientRegistry::Reserve has counted. The id is given at acceptance, so
  // that ids grow in the order of arrival, whichever worker is quicker.
  void Adopt(IncomingConnection incoming, uint64_t id);
  // Idle work runs until its RunSlice says false. `work` outlives that. Nothing when it is there already.
  void AddIdleWork(IdleWork& work);
  [[nodiscard]] bool HasIdleWork() const { return !idle_work_.empty(); }
  // The periodic work found more to do than it may do at once: calls it again in kHurryMs.
  void HurryCron();
  static constexpr uint64_t kHurryMs = 2;
  // Stop was called: no further request is executed, as the final snapshot would lack what it wrote. Any thread.
  [[nodiscard]] bool stopping() const { return stop_.load(std::memory_order_relaxed); }
  // Milliseconds since this turn began, 0 while the loop sleeps. Any thread.
  [[nodiscard]] int64_t BusyMs() const;
  [[nodiscard]] uint32_t index() const { return setup_.index; }
  // Unix time, read once per turn.
  [[nodiscard]] int64_t now_us() const { return now_us_; }
  [[nodiscard]] int64_t now_ms() const { return now_us_ / 1000; }
  [[nodiscard]] EventLoop& loop() { return *loop_; }
  [[nodiscard]] const ServerParts& parts() const { return parts_; }
  // Limits of the current configuration, in the form the connections use.
  [[nodiscard]] ParserLimits parser_limits() const;
  [[nodiscard]] uint64_t turn_budget_ticks() const { return turn_budget_ticks_; }
  // The current configuration; good until the next command runs or YieldToWriter is called.
  [[nodiscard]] const Config& config() const;
  [[nodiscard]] Log& log() { return *setup_.log; }
  [[nodiscard]] WorkerStats& stats() { return stats_; }
  [[nodiscard]] Dispatcher& dispatcher() { return *tools_.dispatcher; }
  [[nodiscard]] WorldLock::Seat& seat() { return *seat_; }
  [[nodiscard]] PollCoalescer& coalescer() { return coalescer_; }
  [[nodiscard]] ChunkPool& chunks() { return chunks_; }
  [[nodiscard]] RequestBatch& batch() { return *tools_.batch; }
  [[nodiscard]] std::span<char> read_buffer() { return {tools_.read_buffer.get(), kReadBufferBytes}; }

  // From connections.
  // False when the connection has to read at once.
  [[nodiscard]] bool QueueRead(Connection& connection);
  void QueueFlush(Connection& connection);
  void QueueTurn(Connection& connection);
  // Lets a waiting world writer pass. Between connections, holding nothing.
  void YieldToWriter() {
    if (parts_.world->WriterWaits() && !pumping_) [[unlikely]]
      StepAside();
  }
  // Delivers what waits now. Before a request of a client that is told of what others did: what it has heard of
  // elsewhere it then hears of here first.
  void TakeAllMail();
  // Closes clients when they hold more than maxmemory-clients. Between connections, holding nothing.
  void KeepClientsWithinMemory();
  // All parked clients try again.
  void ResumeParked();

  // One round over this worker's sockets and mail from inside a call that lasts long (a script beyond its time, a wait
  // for such a script): accepts, reads, executes, answers. The connection whose request lasts stays untouched. Waits
  // up to `wait_ms` for something to do. Nothing when already inside such a round.
  void Pump(int wait_ms);
  // More descriptors to look after in such a round, each with what to do when it is readable (listening sockets).
  struct PumpedDescriptor {
    int descriptor;
    std::function<void()> on_readable;
  };
  void SetPumpedDescriptors(std::function<std::vector<PumpedDescriptor>()> list) { pumped_ = std::move(list); }

 private:
  // What executing requests works with. There are two sets: a round of Pump must not disturb the request it interrupts.
  struct Tools {
    std::unique_ptr<Dispatcher> dispatcher;
    std::unique_ptr<char[]> read_buffer;
    std::unique_ptr<RequestBatch> batch;
  };

  void OnTurnBegin() override;
  void OnEventsHandled(bool had_events) override;
  void OnTurnEnd() override;
  void BeforeSleep() noexcept override;
  void AfterSleep() noexcept override;
  void WhileWaiting() noexcept override;
  void BeforeBatch() override;
  void AfterBatch() override;
  void LetWriterPass() override { YieldToWriter(); }
  void Retire(Connection& connection) override;

  void StepAside();
  [[nodiscard]] bool StepsOutForBatches() const;
  [[nodiscard]] Tools MakeTools();
  void PumpRound(int wait_ms);
  [[nodiscard]] bool ScriptIsBusy() const;
  [[nodiscard]] bool MustKeepClients() const;
  void TakeMail();
  void SampleCpu();
  void RunQueuedTurns();
  void FlushQueued();
  void FlushConnections();
  void CountReplies();
  void Destroy(Connection* connection);
  void AttachWaits(WorldLock::Seat* command_seat);
  void LookAfterWaits();
  void RunCron();
  void ClientsCron(int64_t hz);
  void NoteBufferPeaks(const Connection& connection);
  void RunIdleWork(bool had_events);
  void UpdateAwake();
  void MeasureTurn();

  // Constant after Open.
  const WorkerSetup setup_;
  const ServerParts& parts_;
  WorkerStats& stats_;
  WorldLock::Seat* seat_ = nullptr;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<AsyncSignal> wake_;
  std::unique_ptr<Mailbox> mailbox_;
  std::vector<CronTask> cron_tasks_;
  // Any thread.
  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> busy_since_ticks_{0};  // 0 while the loop sleeps.
  // Own thread.
  std::unique_ptr<Timer> cron_timer_;
  std::unique_ptr<Timer> wait_timer_;  // The next waiting client's time is up.
  Tools tools_;
  Tools spare_tools_;  // Made when first needed.
  std::function<std::vector<PumpedDescriptor>()> pumped_;
  bool pumping_ = false;
  std::vector<Connection*> finished_;  // Destroyed when this thread is inside the world again.
  PollCoalescer coalescer_;
  CpuQueueTime cpu_queue_time_;
  ChunkPool chunks_;
  int64_t chunks_trimmed_ms_ = 0;
  size_t counted_chunks_ = 0;  // Of chunks_, those that used memory contains.
  BatchedIo batched_io_;
  bool uses_io_uring_ = false;  // As configured at Open: Run begins outside of the world, where nobody may ask.
  std::vector<Connection*> connections_;
  std::vector<Connection*> flush_queue_;
  std::vector<Connection*> flush_round_;
  std::vector<Connection*> pumped_flush_round_;  // The other one may be under way.
  std::deque<Connection*> turn_queue_;
  std::vector<IdleWork*> idle_work_;
  size_t clients_cron_cursor_ = 0;
  RecentPeak input_buffer_peak_;
  RecentPeak output_buffer_peak_;
  uint64_t turn_budget_ticks_ = 0;
  int64_t now_us_ = 0;
  uint64_t turn_begin_ticks_ = 0;
  int64_t idle_credit_ticks_ = 0;
  int64_t cpu_sample_us_ = 0;
  uint64_t cpu_sample_ticks_ = 0;
  bool mail_left_ = false;
  bool awake_ = false;
};

}  // namespace cachenode
