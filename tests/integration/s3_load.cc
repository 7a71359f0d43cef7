// What a restore costs from S3 and from disk: the tool of tests/bench/s3_restore.
//
//   s3_load write <file> <keys>          saves that many keys with 64-byte values as an RDB file
//   s3_load file <file>                  restores it from disk
//   s3_load s3 <location> <endpoint>     restores it from a store
//
// Prints "ok keys=... wall_ms=... cpu_ms=..." or "error <text>".
#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "persistence/blocking_save.h"
#include "persistence/file_stream.h"
#include "persistence/restore.h"
#include "persistence/s3/s3_client.h"
#include "storage/base/clock.h"
#include "storage/base/log.h"
#include "storage/keyspace.h"

namespace cachenode {
namespace {

constexpr size_t kValueBytes = 64;

KeyspaceOptions Options() {
  KeyspaceOptions options;
  options.shard_count = 32;
  options.threaded = true;
  return options;
}

class SilentLog final : public LogSink {
 public:
  void WriteLine(LogLevel, std::string_view) noexcept override {}
};

Status WriteFile(const std::string& path, int keys) {
  Keyspace keyspace(Options());
  std::mt19937_64 random(1);
  AccessContext context;
  context.SetNow(1'700'000'000'000);
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string value(kValueBytes, ' ');
  for (int i = 0; i < keys; ++i) {
    for (char& letter : value) letter = kLetters[random() % kLetters.size()];
    (void)keyspace.Locate(0, fmt::format("key:{:012}", i), context).WriteString(value, Expiry::kClear);
  }
  SnapshotPlan plan;
  plan.encoding.compression = RdbCompression::kLzf;
  plan.encoder_threads = 2;
  plan.open_sink = [&path]() -> Result<std::unique_ptr<ByteSink>> {
    const size_t slash = path.rfind('/');
    FileSinkOptions options;
    options.directory = path.substr(0, slash);
    options.name = path.substr(slash + 1);
    options.temporary_name = options.name + ".temporary";
    Result<std::unique_ptr<FileSink>> sink = FileSink::Create(options);
    if (!sink) return sink.error();
    return std::unique_ptr<ByteSink>(*std::move(sink));
  };
  Result<BlockingSaveResult> result = SaveBlocking(keyspace, std::move(plan));
  return result ? Status::Ok() : result.error();
}

Status Load(Restore& restore, const std::vector<std::string>& arguments) {
  if (arguments[0] == "file") return restore.FromFile(arguments[1]);
  S3Options options;
  options.s3_endpoint = arguments[2];
  Result<S3Location> location = ParseS3Location(arguments[1]);
  if (!location) return location.error();
  Result<std::unique_ptr<ByteSource>> source = OpenS3Object(*location, options);
  if (!source) return source.error();
  return restore.FromSource(**source, location->Display());
}

int64_t CpuMs() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
         (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

int Main(const std::vector<std::string>& arguments) {
  Status status;
  Keyspace keyspace(Options());
  const auto started = std::chrono::steady_clock::now();
  if (arguments.size() == 3 && arguments[0] == "write") {
    status = WriteFile(arguments[1], std::stoi(arguments[2]));
  } else {
    SystemClock clock;
    SilentLog silent;
    Log log(silent);
    Restore restore(keyspace, clock, log, {});
    status = Load(restore, arguments);
  }
  const auto wall = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - started);
  if (!status) {
    std::printf("error %s\n", std::string(status.text()).c_str());
    return 1;
  }
  std::printf("ok keys=%llu wall_ms=%lld cpu_ms=%lld\n", static_cast<unsigned long long>(keyspace.KeyCount(0)),
              static_cast<long long>(wall.count()), static_cast<long long>(CpuMs()));
  return 0;
}

}  // namespace
}  // namespace cachenode

int main(int count, char** values) {
  if (count < 3) return 2;
  return cachenode::Main(std::vector<std::string>(values + 1, values + count));
}
