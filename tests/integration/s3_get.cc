// Reads one S3 object with the server's own client and says what happened: the tool of tests/integration/s3_*.
//
//   s3_get <location> [--<directive> <value>]... [--output <file>] [--digest] [--read-bytes <n>]
//          [--pause-ms <n>] [--cancel-after-ms <n>] [--local-file] [--upload <file>] [--rdb-checksum]
//          [--estimated-bytes <n>]
//
// With --upload it writes the file to the location instead, --read-bytes at a time; --rdb-checksum has the upload
// verify the checksum an RDB file ends with, --estimated-bytes is what it is told about the size. Prints the client's
// events as lines "event <text>", then one line: "ok bytes=... sha256=... requests=... retries=... wall_ms=...
// cpu_ms=... rss_kb=..." or "error <text>". --pause-ms sleeps after each read, --read-bytes is the size of one.
// --local-file reads a file instead, for comparison. Exit status 0, 1 for an error, 2 for wrong use.
#include <openssl/evp.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "persistence/s3/s3_client.h"

namespace cachenode {
namespace {

struct ToolOptions {
  std::string location;
  std::string output;
  bool digest = false;
  bool local_file = false;
  std::string upload;
  bool rdb_checksum = false;
  uint64_t estimated_bytes = 0;
  size_t read_bytes = 256 * 1024;
  int64_t pause_ms = 0;
  int64_t cancel_after_ms = -1;
  S3Options s3;
};

int64_t ToInt(const std::string& text) { return std::strtoll(text.c_str(), nullptr, 10); }

bool IsYes(const std::string& text) { return text == "yes"; }

void SetPathStyle(S3Options& options, const std::string& value) {
  options.s3_path_style = value == "yes" ? S3PathStyle::kYes : value == "no" ? S3PathStyle::kNo : S3PathStyle::kAuto;
}

bool SetOption(ToolOptions& tool, const std::string& name, const std::string& value) {
  S3Options& s3 = tool.s3;
  const std::map<std::string, std::function<void()>> setters = {
      {"--s3-endpoint", [&] { s3.s3_endpoint = value; }},
      {"--s3-region", [&] { s3.s3_region = value; }},
      {"--s3-path-style", [&] { SetPathStyle(s3, value); }},
      {"--s3-profile", [&] { s3.s3_profile = value; }},
      {"--s3-access-key-id", [&] { s3.s3_access_key_id = value; }},
      {"--s3-secret-access-key", [&] { s3.s3_secret_access_key = value; }},
      {"--s3-session-token", [&] { s3.s3_session_token = value; }},
      {"--s3-anonymous", [&] { s3.s3_anonymous = IsYes(value); }},
      {"--s3-request-payer", [&] { s3.s3_request_payer = IsYes(value); }},
      {"--s3-expected-bucket-owner", [&] { s3.s3_expected_bucket_owner = value; }},
      {"--s3-server-side-encryption", [&] { s3.s3_server_side_encryption = value; }},
      {"--s3-sse-kms-key-id", [&] { s3.s3_sse_kms_key_id = value; }},
      {"--s3-storage-class", [&] { s3.s3_storage_class = value; }},
      {"--s3-ca-file", [&] { s3.s3_ca_file = value; }},
      {"--s3-part-size", [&] { s3.s3_part_size = static_cast<size_t>(ToInt(value)); }},
      {"--s3-parallel-parts", [&] { s3.s3_parallel_parts = static_cast<size_t>(ToInt(value)); }},
      {"--s3-timeout", [&] { s3.s3_timeout_s = ToInt(value); }},
      {"--s3-stall-timeout", [&] { s3.s3_stall_timeout_s = ToInt(value); }},
      {"--s3-connect-timeout", [&] { s3.s3_connect_timeout_s = ToInt(value); }},
      {"--s3-max-attempts", [&] { s3.s3_max_attempts = static_cast<int>(ToInt(value)); }},
      {"--upload", [&] { tool.upload = value; }},
      {"--estimated-bytes", [&] { tool.estimated_bytes = static_cast<uint64_t>(ToInt(value)); }},
      {"--output", [&] { tool.output = value; }},
      {"--read-bytes", [&] { tool.read_bytes = static_cast<size_t>(ToInt(value)); }},
      {"--pause-ms", [&] { tool.pause_ms = ToInt(value); }},
      {"--cancel-after-ms", [&] { tool.cancel_after_ms = ToInt(value); }},
  };
  const auto setter = setters.find(name);
  if (setter == setters.end()) return false;
  setter->second();
  return true;
}

bool ParseArguments(const std::vector<std::string>& arguments, ToolOptions& tool) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--digest") {
      tool.digest = true;
    } else if (arguments[i] == "--rdb-checksum") {
      tool.rdb_checksum = true;
    } else if (arguments[i] == "--local-file") {
      tool.local_file = true;
    } else if (arguments[i].substr(0, 2) != "--" && tool.location.empty()) {
      tool.location = arguments[i];
    } else if (i + 1 == arguments.size() || !SetOption(tool, arguments[i], arguments[i + 1])) {
      std::fprintf(stderr, "s3_get: wrong option %s\n", arguments[i].c_str());
      return false;
    } else {
      ++i;
    }
  }
  return !tool.location.empty();
}

class LocalFileSource final : public ByteSource {
 public:
  explicit LocalFileSource(const std::string& path) : file_(std::fopen(path.c_str(), "rb"), &std::fclose) {
    if (file_) std::setvbuf(file_.get(), nullptr, _IONBF, 0);
  }
  Result<size_t> Read(std::span<char> into) override {
    if (!file_) return Status::WithText(Err::kIo, "cannot open the file");
    return std::fread(into.data(), 1, into.size(), file_.get());
  }
  [[nodiscard]] int64_t SizeBytes() const override { return -1; }

 private:
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
};

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) { EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr); }
  void Add(std::span<const char> bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }
  std::string Hex() {
    unsigned char digest[32];
    EVP_DigestFinal_ex(context_.get(), digest, nullptr);
    std::string text;
    for (const unsigned char byte : digest) {
      char pair[3];
      std::snprintf(pair, sizeof pair, "%02x", byte);
      text += pair;
    }
    return text;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
};

Result<std::unique_ptr<ByteSource>> Open(const ToolOptions& tool, const std::shared_ptr<S3Progress>& progress) {
  if (tool.local_file) return std::unique_ptr<ByteSource>(std::make_unique<LocalFileSource>(tool.location));
  Result<S3Location> location = ParseS3Location(tool.location);
  if (!location) return location.error();
  return OpenS3Object(*location, tool.s3, progress);
}

Result<int64_t> ReadAll(ByteSource& source, const ToolOptions& tool, Sha256& digest) {
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> output(
      tool.output.empty() ? nullptr : std::fopen(tool.output.c_str(), "wb"), &std::fclose);
  std::vector<char> buffer(tool.read_bytes);
  int64_t total = 0;
  while (true) {
    Result<size_t> count = source.Read(buffer);
    if (!count) return count.error();
    if (*count == 0) break;
    total += static_cast<int64_t>(*count);
    if (tool.digest) digest.Add({buffer.data(), *count});
    if (output) std::fwrite(buffer.data(), 1, *count, output.get());
    if (tool.pause_ms > 0) std::this_thread::sleep_for(std::chrono::milliseconds(tool.pause_ms));
  }
  if (source.SizeBytes() >= 0 && total != source.SizeBytes()) return Status(Err::kCorrupt);
  return total;
}

Result<int64_t> UploadAll(const ToolOptions& tool, const std::shared_ptr<S3Progress>& progress) {
  Result<S3Location> location = ParseS3Location(tool.location);
  if (!location) return location.error();
  S3UploadOptions options;
  options.s3 = tool.s3;
  options.estimated_bytes = tool.estimated_bytes;
  options.expect_rdb_checksum = tool.rdb_checksum;
  Result<std::unique_ptr<ByteSink>> sink = OpenS3Upload(*location, options, progress);
  if (!sink) return sink.error();
  LocalFileSource file(tool.upload);
  std::vector<char> buffer(tool.read_bytes);
  int64_t total = 0;
  while (true) {
    Result<size_t> count = file.Read(buffer);
    if (!count) return count.error();
    if (*count == 0) break;
    if (Status failed = (*sink)->Write({buffer.data(), *count}); !failed.ok()) return failed;
    total += static_cast<int64_t>(*count);
    if (tool.pause_ms > 0) std::this_thread::sleep_for(std::chrono::milliseconds(tool.pause_ms));
  }
  if (Status failed = (*sink)->Commit(); !failed.ok()) return failed;
  return total;
}

// The most memory held since the program began; what getrusage tells includes the process that forked it.
long PeakKilobytes() {
  std::FILE* file = std::fopen("/proc/self/status", "r");
  long kilobytes = -1;
  char line[256];
  while (file != nullptr && std::fgets(line, sizeof line, file) != nullptr) {
    if (std::sscanf(line, "VmHWM: %ld", &kilobytes) == 1) break;
  }
  if (file != nullptr) std::fclose(file);
  return kilobytes;
}

int64_t CpuMs() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
         (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

int Main(const std::vector<std::string>& arguments) {
  ToolOptions tool;
  if (!ParseArguments(arguments, tool)) return 2;
  tool.s3.on_event = [](std::string_view text) {
    std::printf("event %.*s\n", static_cast<int>(text.size()), text.data());
  };
  const auto progress = std::make_shared<S3Progress>();
  std::thread canceller;
  if (tool.cancel_after_ms >= 0) {
    canceller = std::thread([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(tool.cancel_after_ms));
      progress->RequestCancel();
    });
  }
  const auto started = std::chrono::steady_clock::now();
  Sha256 digest;
  Result<int64_t> total = Status(Err::kCancelled);
  if (!tool.upload.empty()) {
    total = UploadAll(tool, progress);
  } else {
    Result<std::unique_ptr<ByteSource>> source = Open(tool, progress);
    total = source ? ReadAll(**source, tool, digest) : Result<int64_t>(source.error());
  }
  const auto wall = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - started);
  if (canceller.joinable()) canceller.join();
  if (!total) {
    const std::string text(total.status().text());
    std::printf("error %s wall_ms=%lld\n", text.c_str(), static_cast<long long>(wall.count()));
    return 1;
  }
  std::printf("ok bytes=%lld sha256=%s requests=%lld retries=%lld wall_ms=%lld cpu_ms=%lld rss_kb=%ld\n",
              static_cast<long long>(*total), tool.digest ? digest.Hex().c_str() : "-",
              static_cast<long long>(progress->requests), static_cast<long long>(progress->retries),
              static_cast<long long>(wall.count()), static_cast<long long>(CpuMs()), PeakKilobytes());
  return 0;
}

}  // namespace
}  // namespace cachenode

int main(int count, char** values) { return cachenode::Main(std::vector<std::string>(values + 1, values + count)); }
