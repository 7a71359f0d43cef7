#include "server/process/signals.h"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <string_view>
#include <utility>

#include "server/process/unfinished_file.h"

namespace cachenode {

namespace {

// A handler has no argument that could carry state, hence these globals: lock-free atomics, all a handler may touch.
std::atomic<AsyncSignal*> wake_target{nullptr};
std::atomic<int> received_signal{0};

void LeaveNow() {
  constexpr std::string_view kText = "You insist... exiting now.\n";
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kText.data(), kText.size());
  RemoveUnfinishedFile();
  _exit(1);
}

extern "C" void HandleStopSignal(int number) {
  const int before = received_signal.exchange(number);
  if (before != 0 && number == SIGINT) LeaveNow();
  AsyncSignal* target = wake_target.load(std::memory_order_acquire);
  if (target != nullptr) target->Send();
}

void Install(int number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, nullptr);
}

}  // namespace

SignalHandlers::SignalHandlers(EventLoop& loop, std::function<void(int)> on_stop)
    : wake_(loop, [on_stop = std::move(on_stop)] {
        const int number = received_signal.load();
        if (number != 0) on_stop(number);
      }) {
  received_signal.store(0);
  wake_target.store(&wake_, std::memory_order_release);
  Install(SIGTERM, HandleStopSignal);
  Install(SIGINT, HandleStopSignal);
  Install(SIGPIPE, SIG_IGN);
  Install(SIGXFSZ, SIG_IGN);  // A file at its size limit is an error of the write, not the end of the node.
  Install(SIGHUP, SIG_IGN);
}

SignalHandlers::~SignalHandlers() {
  // From here on nothing of ours can be waiting for the loop: the default ends the process.
  Install(SIGTERM, SIG_DFL);
  Install(SIGINT, SIG_DFL);
  wake_target.store(nullptr, std::memory_order_release);
}

void SignalHandlers::Rearm() { received_signal.store(0); }

}  // namespace cachenode
