// cachenode [file] [-] [--directive value ...]: reads what to be, becomes it, serves.
#include <unistd.h>

#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "server/config/command_line.h"
#include "server/config/config.h"
#include "server/process/daemon.h"
#include "server/process/process_title.h"
#include "server/server.h"
#include "server/subcommands.h"

namespace {

using cachenode::CommandLine;
using cachenode::LaunchAction;
using cachenode::LaunchConfig;

int Answer(const std::string& text, std::FILE* stream, int exit_code) {
  std::fputs(text.c_str(), stream);
  return exit_code;
}

int Serve(const CommandLine& line, cachenode::ProcessTitle& title) {
  LaunchConfig launch = cachenode::ReadLaunchConfig(line);
  cachenode::DropKeptText(line.restart_state);
  if (!launch.failure.empty()) return Answer(launch.failure, stderr, 1);
  const cachenode::Config& config = launch.loaded->config;
  if (!config.dir.empty() && chdir(config.dir.c_str()) != 0) {
    std::perror("Can't chdir to 'dir'");
    return 1;
  }
  if (config.daemonize && line.restart_state.empty() && !cachenode::Daemonize()) {
    std::perror("Can't daemonize");
    return 1;
  }
  std::optional<cachenode::RestartPlan> restart;
  int exit_code = 0;
  {
    cachenode::Server server(std::move(launch), title);
    exit_code = server.Run();
    restart = server.TakeRestart();
  }
  if (!restart) return exit_code;
  cachenode::ReplaceProcess(*restart);
  std::perror("Can't restart");
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (const std::optional<int> status = cachenode::RunSubcommand(arguments)) return *status;
  const CommandLine line = cachenode::ParseCommandLine(arguments);
  switch (line.action) {
    case LaunchAction::kPrint:
      return Answer(line.text, stdout, 0);
    case LaunchAction::kPrintError:
      return Answer(line.text, stderr, 1);
    case LaunchAction::kTestMemory: {
      const cachenode::MemoryTestResult result = cachenode::TestMemory(line.test_megabytes);
      return Answer(result.report, stdout, result.passed ? 0 : 1);
    }
    case LaunchAction::kServe:
      break;
  }
  cachenode::ProcessTitle title(argc, argv);
  return Serve(line, title);
}
