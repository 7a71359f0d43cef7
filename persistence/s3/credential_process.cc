// credential_process: a program of the user's that prints keys as JSON.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "persistence/s3/answer_fields.h"
#include "persistence/s3/credential_services.h"
#include "storage/base/system_error.h"

extern char** environ;

namespace cachenode {
namespace {

Status ProcessError(std::string_view text) {
  return Status::WithText(Err::kConfig, std::string("credential_process ").append(text));
}

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() { Close(); }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

// Reads until the end, the limit or the deadline; false for the latter two.
bool ReadAll(int fd, std::string& output) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point deadline = Clock::now() + std::chrono::milliseconds(kCredentialProcessTimeoutMs);
  std::array<char, 4096> buffer{};
  while (output.size() <= kCredentialTokenBytesMax) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd poll_fd{fd, POLLIN, 0};
    if (left.count() <= 0 || poll(&poll_fd, 1, static_cast<int>(left.count())) == 0) return false;
    const ssize_t count = read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count == 0;
    output.append(buffer.data(), static_cast<size_t>(count));
  }
  return false;
}

// Starts `command` in a shell and a process group of its own, its output in `output_fd`. Returns the process id, or
// minus the error number.
pid_t Spawn(const std::string& command, int output_fd) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output_fd, STDOUT_FILENO);
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  std::string shell = "sh";
  std::string flag = "-c";
  std::string script = command;
  std::array<char*, 4> arguments = {shell.data(), flag.data(), script.data(), nullptr};
  pid_t pid = 0;
  const int error = posix_spawn(&pid, "/bin/sh", &actions, &attributes, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return error == 0 ? pid : -error;
}

}  // namespace

Result<AwsCredentials> RunCredentialProcess(const std::string& command) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return ProcessError(std::string("pipe: ").append(SystemErrorText(errno)));
  FileDescriptor reader(ends[0]);
  FileDescriptor writer(ends[1]);
  const pid_t pid = Spawn(command, writer.get());
  if (pid < 0) return ProcessError(std::string("cannot start: ").append(SystemErrorText(-pid)));
  writer.Close();

  std::string output;
  const bool complete = ReadAll(reader.get(), output);
  if (!complete) kill(-pid, SIGKILL);
  int wait_status = 0;
  while (waitpid(pid, &wait_status, 0) < 0 && errno == EINTR) {
  }
  if (!complete) return ProcessError("printed too much or did not end within 30 s");
  if (!WIFEXITED(wait_status) || WEXITSTATUS(wait_status) != 0) return ProcessError("failed");
  if (JsonField(output, "Version").value_or("") != "1") return ProcessError("did not print credentials of Version 1");
  return ParseCredentialJson(output, "SessionToken", "credential_process");
}

}  // namespace cachenode
