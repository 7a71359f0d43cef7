#include "server/node/snapshot_tool.h"

#include <fmt/format.h>

#include <vector>

#include "persistence/catalogue/snapshot_catalogue.h"
#include "persistence/catalogue/utc_time.h"
#include "persistence/file_stream.h"
#include "persistence/s3/s3_client.h"
#include "server/config/command_line.h"
#include "server/config/config.h"
#include "server/node/snapshot_place.h"
#include "server/node/snapshot_service.h"
#include "server/node/stored_exporter.h"
#include "server/s3_settings.h"
#include "storage/base/clock.h"

namespace cachenode {
namespace {

constexpr size_t kCopyBytes = size_t{1} << 20;
constexpr std::string_view kUsage =
    "usage: cachenode snapshot list|describe NAME|check NAME|create NAME|copy FROM TO|export NAME TARGET|delete NAME "
    "[file] [--directive value ...]\n";

struct Request {
  std::vector<std::string> names;
  const Config& config;
  SnapshotCatalogue& catalogue;
  std::FILE* errors;  // What happens on the way is told here.
  std::string text;   // What is printed.
};

Status List(Request& request) {
  Result<std::vector<SnapshotEntry>> entries = request.catalogue.List();
  if (!entries) return entries.error();
  for (const SnapshotEntry& entry : *entries) {
    const SnapshotMetadata& about = entry.metadata;
    request.text += fmt::format(
        "{}\t{}\t{}\t{}\t{} keys\t{} bytes\n", about.name, entry.fault.empty() ? "available" : entry.fault,
        about.automatic ? "automated" : "manual", FormatUtcTime(about.created_s), about.key_count, about.size_bytes);
  }
  return Status::Ok();
}

Status Describe(Request& request) {
  Result<SnapshotEntry> entry = request.catalogue.Find(request.names[0]);
  if (!entry) return entry.error();
  if (!entry->fault.empty()) return Status::WithText(Err::kCorrupt, entry->fault);
  request.text = FormatSnapshotMetadata(entry->metadata);
  return Status::Ok();
}

Status Check(Request& request) {
  Result<RdbSummary> summary = request.catalogue.Verify(request.names[0]);
  if (!summary) return summary.error();
  request.text = fmt::format("{}: ok, {} keys, {} bytes, RDB version {}\n", request.names[0], summary->key_count,
                             summary->size_bytes, summary->version);
  for (const auto& [type, count] : summary->keys_by_type) request.text += fmt::format("  {} {}\n", type, count);
  return Status::Ok();
}

Status Create(Request& request) {
  const Config& config = request.config;
  Result<std::unique_ptr<FileSource>> file = FileSource::Open(config.dir + '/' + config.dbfilename);
  if (!file) return file.error();
  SnapshotMetadata metadata = SnapshotService::DescribeNode(config);
  metadata.name = request.names[0];
  metadata.size_bytes = static_cast<uint64_t>((*file)->SizeBytes());
  Result<std::unique_ptr<SnapshotDraft>> draft = request.catalogue.Create(std::move(metadata));
  if (!draft) return draft.error();
  std::vector<char> buffer(kCopyBytes);
  for (;;) {
    Result<size_t> got = (*file)->Read(buffer);
    if (!got) return got.error();
    if (*got == 0) break;
    if (Status status = (*draft)->Write(std::span(buffer).first(*got)); !status.ok()) return status;
  }
  if (Status status = (*draft)->Commit(); !status.ok()) return status;
  request.text = FormatSnapshotMetadata((*draft)->metadata());
  return Status::Ok();
}

Status Copy(Request& request) {
  Result<SnapshotMetadata> copy = request.catalogue.Copy(request.names[0], request.names[1]);
  if (!copy) return copy.error();
  request.text = FormatSnapshotMetadata(*copy);
  return Status::Ok();
}

Status Export(Request& request) {
  Result<SnapshotEntry> entry = request.catalogue.Find(request.names[0]);
  if (!entry) return entry.error();
  const std::string& name = entry->metadata.name;
  Result<S3Location> location = ParseExportLocation(request.names[1], name);
  if (!location) return location.error();
  S3UploadOptions options;
  options.s3 = S3OptionsOf(request.config);
  options.s3.on_event = [errors = request.errors](std::string_view event) {
    std::fputs(fmt::format("{}\n", event).c_str(), errors);
  };
  Result<SnapshotMetadata> done =
      UploadSnapshot(request.catalogue, name, *location, std::move(options), std::make_shared<S3Progress>());
  if (!done) return done.error();
  request.text = fmt::format("{}: {} keys, {} bytes\n", location->Display(), done->key_count, done->size_bytes);
  return Status::Ok();
}

Status Delete(Request& request) { return request.catalogue.Delete(request.names[0]); }

struct Verb {
  std::string_view name;
  size_t name_count;
  bool changes;  // What a crash left is cleared up before.
  Status (*run)(Request& request);
};
constexpr Verb kVerbs[] = {{"list", 0, false, List},    {"describe", 1, false, Describe}, {"check", 1, false, Check},
                           {"create", 1, true, Create}, {"copy", 2, true, Copy},          {"export", 2, false, Export},
                           {"delete", 1, true, Delete}};

int Fail(std::FILE* errors, std::string_view text, int exit_code) {
  std::fputs(std::string(text).c_str(), errors);
  return exit_code;
}

}  // namespace

int RunSnapshotTool(std::span<const std::string> arguments, std::FILE* out, std::FILE* errors) {
  const Verb* verb = nullptr;
  for (const Verb& known : kVerbs) {
    if (!arguments.empty() && arguments[0] == known.name && arguments.size() > known.name_count) verb = &known;
  }
  if (verb == nullptr) return Fail(errors, kUsage, 2);
  const std::span<const std::string> rest = arguments.subspan(1 + verb->name_count);
  const CommandLine line = ParseCommandLine(std::vector<std::string>(rest.begin(), rest.end()));
  if (line.action != LaunchAction::kServe) return Fail(errors, kUsage, 2);
  const LaunchConfig launch = ReadLaunchConfig(line);
  if (!launch.failure.empty()) return Fail(errors, launch.failure, 2);
  const Config& config = launch.loaded->config;
  const auto tell = [errors](std::string_view event) { std::fputs(fmt::format("{}\n", event).c_str(), errors); };
  const auto store_options = [&config, tell] {
    S3Options options = S3OptionsOf(config);
    options.on_event = tell;
    return options;
  };
  const std::unique_ptr<SnapshotCatalogue> catalogue = OpenCatalogue(config, {.options = store_options});
  Request request{{arguments.begin() + 1, arguments.begin() + 1 + static_cast<ptrdiff_t>(verb->name_count)},
                  config,
                  *catalogue,
                  errors,
                  {}};
  Status status;
  if (verb->changes) {
    if (Result<std::vector<std::string>> done = catalogue->Recover(); !done) status = done.error();
  }
  if (status.ok()) status = verb->run(request);
  if (!status.ok()) return Fail(errors, fmt::format("cachenode snapshot {}: {}\n", verb->name, status.text()), 1);
  std::fputs(request.text.c_str(), out);
  return 0;
}

}  // namespace cachenode
