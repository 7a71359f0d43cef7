#include "server/crash_details.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "server/client_line.h"
#include "server/client_registry.h"
#include "server/config/command_line.h"
#include "server/config/config_store.h"
#include "server/executing_session.h"
#include "server/stats/info_sections.h"
#include "storage/base/clock.h"
#include "storage/base/log.h"

namespace cachenode {

namespace {

void WriteLines(Log& log, std::string_view text) {
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_of("\r\n"), text.size());
    log.WriteLine(LogLevel::kWarning, text.substr(0, end));
    text.remove_prefix(end);
    if (text.starts_with('\r')) text.remove_prefix(1);
    if (text.starts_with('\n')) text.remove_prefix(1);
  }
}

void WriteClient(const ServerParts& parts, const Session& session) {
  std::string line;
  AppendClientLine(line, session, parts.config->Current().engine_version, parts.clock->NowUs() / 1000);
  parts.log->WriteLine(LogLevel::kWarning, line);
}

// What the process was asked to be, as far as a fault may depend on it.
constexpr std::string_view kTellingOptions[] = {"io-threads",     "maxmemory", "maxmemory-policy",
                                                "engine-version", "hz",        "active-expire-effort",
                                                "activedefrag",   "save"};

}  // namespace

void CrashDetails::Write() const {
  WriteCurrentClient();
  WriteInfo();
  WriteClients();
  WriteOptions();
  if (tests_memory) TestSomeMemory();
}

void CrashDetails::WriteCurrentClient() const {
  if (executing_session == nullptr) return;
  parts.log->WriteLine(LogLevel::kWarning, "------ CURRENT CLIENT INFO ------");
  WriteClient(parts, *executing_session);
}

void CrashDetails::WriteInfo() const {
  parts.log->WriteLine(LogLevel::kWarning, "------ INFO OUTPUT ------");
  constexpr std::string_view kEverything = "everything";
  WriteLines(*parts.log, MakeInfo(parts, parts.config->Current(), {&kEverything, 1}));
}

void CrashDetails::WriteClients() const {
  parts.log->WriteLine(LogLevel::kWarning, "------ CLIENT LIST OUTPUT ------");
  size_t count = 0;
  parts.clients->ForEach([this, &count](Session& session) {
    if (count++ < kClientsMax) WriteClient(parts, session);
  });
  if (count > kClientsMax) CN_LOG(*parts.log, kWarning, "... and {} more", count - kClientsMax);
}

void CrashDetails::WriteOptions() const {
  parts.log->WriteLine(LogLevel::kWarning, "------ CONFIG DEBUG OUTPUT ------");
  for (const ConfigPair& pair : parts.config->Get(kTellingOptions)) {
    CN_LOG(*parts.log, kWarning, "{} \"{}\"", pair.name, pair.value);
  }
}

// Fresh memory only: what the other threads use cannot be tested under them. It finds a machine whose memory is bad
// everywhere, not a single bad cell.
void CrashDetails::TestSomeMemory() const {
  parts.log->WriteLine(LogLevel::kWarning, "------ FAST MEMORY TEST ------");
  const MemoryTestResult result = TestMemory(kMemoryTestMegabytes);
  CN_LOG(*parts.log, kWarning, "{}",
         result.passed ? "Fast memory test PASSED, however your memory can still be broken."
                       : "!!! MEMORY ERROR DETECTED! Check your memory ASAP !!!");
}

}  // namespace cachenode
