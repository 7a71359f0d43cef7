#include "server/node/event_file.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "persistence/file_stream.h"

namespace cachenode {
namespace {

using Json = nlohmann::ordered_json;

Status Unusable(size_t line, std::string_view fault) {
  return Status::WithText(Err::kCorrupt, fmt::format("line {} {}", line, fault));
}

// What is wrong with a line, or nothing: `event` is what it says then.
std::string_view FaultOf(const Json& object, uint64_t last_id, NodeEvent& event) {
  if (!object.is_object()) return "is no JSON object";
  const auto id = object.find("Id");
  const auto time_ms = object.find("TimeMs");
  const auto name = object.find("Event");
  const auto message = object.find("Message");
  const auto end = object.end();
  if (id == end || !id->is_number_unsigned() || time_ms == end || !time_ms->is_number_integer()) {
    return "has no Id and TimeMs";
  }
  if (name == end || !name->is_string() || message == end || !message->is_string()) return "has no Event and Message";
  event.id = id->get<uint64_t>();
  event.time_ms = time_ms->get<int64_t>();
  event.message = message->get<std::string>();
  if (event.id <= last_id) return "is out of order";
  if (event.time_ms < 0) return "is of no time";
  if (event.message.size() > NodeEvents::kMessageBytesMax) return "is too long";
  return KindOfTopicName(name->get<std::string>(), event.kind) ? "" : "names an event that is not known";
}

}  // namespace

std::string FormatEvents(const std::vector<NodeEvent>& oldest_first) {
  std::string text;
  for (const NodeEvent& event : oldest_first) {
    const Json object = {{"Id", event.id},
                         {"TimeMs", event.time_ms},
                         {"Event", std::string(TopicNameOf(event.kind))},
                         {"Message", event.message}};
    text += object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  }
  return text;
}

Result<std::vector<NodeEvent>> ParseEvents(std::string_view text) {
  std::vector<NodeEvent> events;
  for (size_t line = 1; !text.empty(); ++line) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return Unusable(line, "is cut off");
    const Json object = Json::parse(text.substr(0, end), nullptr, /*allow_exceptions=*/false);
    NodeEvent event;
    const std::string_view fault = FaultOf(object, events.empty() ? 0 : events.back().id, event);
    if (!fault.empty()) return Unusable(line, fault);
    if (events.size() == NodeEvents::kEventsMax) return Unusable(line, "is one too many");
    events.push_back(std::move(event));
    text.remove_prefix(end + 1);
  }
  return events;
}

Status SaveEvents(const EventFile& file, const NodeEvents& events) {
  std::vector<NodeEvent> all = events.Newest(NodeEvents::kEventsMax, 0);
  std::reverse(all.begin(), all.end());
  Result<std::unique_ptr<FileSink>> sink =
      FileSink::Create({.directory = file.directory, .name = file.name, .temporary_name = file.name + ".new"});
  if (!sink) return sink.error();
  if (Status status = (*sink)->Write(FormatEvents(all)); !status.ok()) return status;
  return (*sink)->Commit();
}

Status LoadEvents(const EventFile& file, NodeEvents& events) {
  const std::string path = file.Path();
  struct stat about {};
  if (stat(path.c_str(), &about) != 0) return Status::Ok();
  Result<std::unique_ptr<FileSource>> source = FileSource::Open(path);
  if (!source) return source.error();
  if ((*source)->SizeBytes() > static_cast<int64_t>(kEventFileBytesMax)) {
    return Status::WithText(Err::kCorrupt, path + " is too long");
  }
  std::string text(static_cast<size_t>((*source)->SizeBytes()), '\0');
  size_t have = 0;
  while (have < text.size()) {
    Result<size_t> got = (*source)->Read(std::span(text).subspan(have));
    if (!got) return got.error();
    if (*got == 0) break;
    have += *got;
  }
  text.resize(have);
  Result<std::vector<NodeEvent>> parsed = ParseEvents(text);
  if (!parsed) return parsed.error().WithContext(path);
  events.GoOnWith(*std::move(parsed));
  return Status::Ok();
}

}  // namespace cachenode
