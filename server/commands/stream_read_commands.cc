// XREAD and XREADGROUP: entries of several streams.
#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/resp_writer.h"
#include "server/arg_parser.h"
#include "server/blocking/timeout.h"
#include "server/blocking/wait_table.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/stream_read.h"
#include "server/commands/stream_replies.h"
#include "server/config/config.h"

namespace cachenode {
namespace {

struct ReadOptions {
  bool is_group = false;  // XREADGROUP.
  StreamReader reader;
  bool blocks = false;
  int64_t deadline_ms = 0;  // Unix milliseconds; 0: none.
  size_t streams_at = 0;
  size_t stream_count = 0;
};

void ParseBlock(const CommandContext& context, ArgParser& parser, ReadOptions& options) {
  Result<int64_t> deadline_ms = ParseDeadlineMs(context, parser.NextString());
  options.blocks = true;
  if (deadline_ms) {
    options.deadline_ms = *deadline_ms;
  } else {
    parser.Fail(deadline_ms.error());
  }
}

void ParseCount(ArgParser& parser, ReadOptions& options) {
  const int64_t count = parser.NextInt64();
  options.reader.count_max = count > 0 ? static_cast<uint64_t>(count) : UINT64_MAX;
}

Status GroupOnly(std::string_view option) {
  std::string text("ERR The ");
  return Status::Text(text.append(option).append(" option is only supported by XREADGROUP. You called XREAD instead."));
}

Status Unbalanced(const CommandContext& context, bool is_group) {
  const EngineVersion& engine = context.config().engine_version;
  if (!engine.AtLeast(7, 2)) {
    return Status::Text("ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.");
  }
  std::string text("ERR Unbalanced '");
  text.append(is_group ? "xreadgroup" : "xread").append("' list of streams: for each stream key an ");
  const bool knows_plus = engine.family() == EngineFamily::kRedis && engine.AtLeast(7, 4);
  text.append(is_group ? "ID or '>'" : knows_plus ? "ID, '+', or '$'" : "ID or '$'");
  return Status::Text(text.append(" must be specified."));
}

// What is behind STREAMS.
Status ParseStreams(const CommandContext& context, Args args, size_t at, ReadOptions& options) {
  const size_t count = args.size() - at;
  if (count % 2 != 0) return Unbalanced(context, options.is_group);
  options.streams_at = at;
  options.stream_count = count / 2;
  return Status::Ok();
}

Status NotFromScripts(std::string_view command) {
  return Status::Text(
      std::string("ERR ").append(command).append(" command is not allowed with BLOCK option from scripts"));
}

Status ParseRead(CommandContext& context, Args args, ReadOptions& options) {
  ArgParser parser(args, 1);
  while (parser.HasNext()) {
    if (parser.Match("block", 1)) {
      if (context.session().caller != nullptr) return NotFromScripts(args[0]);
      ParseBlock(context, parser, options);
    } else if (parser.Match("count", 1)) {
      ParseCount(parser, options);
    } else if (parser.Match("streams", 1)) {
      return ParseStreams(context, args, parser.position(), options);
    } else if (parser.Match("group", 2)) {
      if (!options.is_group) return GroupOnly("GROUP");
      options.reader.group = parser.NextString();
      options.reader.consumer = parser.NextString();
    } else if (parser.Match("noack")) {
      if (!options.is_group) return GroupOnly("NOACK");
      options.reader.acknowledges = true;
    } else {
      return Err::kSyntax;
    }
  }
  if (parser.failed()) return parser.Finish();
  return Err::kSyntax;  // STREAMS is missing.
}

Status Meaningless(char id) {
  std::string text("ERR The ");
  text.append(1, id).append(
      " ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a "
      "proper ID, or use the > ID to get new messages. The ");
  return Status::Text(text.append(1, id).append(" ID would just return an empty result set."));
}

// The id that comes before the last entry, for "+".
Result<StreamId> BeforeLastEntry(const KeySlot& slot) {
  const std::optional<StreamId> last = slot.Exists() ? StreamView::Of(slot).LastEntryId() : std::nullopt;
  if (!last) return slot.Exists() ? StreamView::Of(slot).last_id() : StreamId{};
  const std::optional<StreamId> before = PreviousStreamId(*last);
  if (!before) return Status::Text("ERR the stream last element ID is 0-0");
  return *before;
}

// Reads what stands in the place of an id.
Status ParseFrom(const CommandContext& context, std::string_view text, const KeySlot& slot, bool is_group,
                 StreamRequest& request) {
  request.kind = is_group ? StreamRequest::Kind::kHistory : StreamRequest::Kind::kAfter;
  if (text == "$") {
    if (is_group) return Meaningless('$');
    if (slot.Exists()) request.after = StreamView::Of(slot).last_id();
    return Status::Ok();
  }
  if (text == "+" && context.config().engine_version.AtLeast(7, 4)) {
    if (is_group) return Meaningless('+');
    Result<StreamId> before = BeforeLastEntry(slot);
    if (!before) return before.error();
    request.after = *before;
    return Status::Ok();
  }
  if (text == ">") {
    if (!is_group) {
      return Status::Text(
          "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.");
    }
    request.kind = StreamRequest::Kind::kNew;
    return Status::Ok();
  }
  Result<StreamId> id = ParseIdArgument(text);
  if (!id) return id.error();
  request.after = *id;
  // The highest id stands for ">" everywhere else.
  if (is_group && *id == kStreamIdMax) request.kind = StreamRequest::Kind::kNew;
  return Status::Ok();
}

// Every stream with what is asked of it; raises every error there is.
Status ParseRequests(CommandContext& context, Args args, const ReadOptions& options,
                     std::vector<StreamRequest>& requests) {
  requests.resize(options.stream_count);
  for (size_t i = 0; i < options.stream_count; ++i) {
    StreamRequest& request = requests[i];
    request.key = args[options.streams_at + i];
    const KeySlot slot = context.FindForRead(request.key);
    if (Status error = slot.Require(ValueType::kStream); !error.ok()) return error;
    if (options.is_group && (!slot.Exists() || StreamView::Of(slot).FindGroup(options.reader.group) == nullptr)) {
      return NoSuchKeyOrGroup(request.key, options.reader.group, " in XREADGROUP with GROUP option");
    }
    const std::string_view text = args[options.streams_at + options.stream_count + i];
    if (Status error = ParseFrom(context, text, slot, options.is_group, request); !error.ok()) return error;
  }
  return Status::Ok();
}

void WriteKey(RespWriter& reply, std::string_view key) {
  if (!reply.IsResp3()) reply.ArrayHeader(2);
  reply.Bulk(key);
}

Status ServeOne(CommandContext& context, const StreamRequest& request, const ReadOptions& options, bool answers) {
  if (!options.is_group) {
    if (!answers) return Status::Ok();
    WriteKey(context.reply(), request.key);
    WriteStreamAfter(context, context.Inspect(request.key), request, options.reader);
    return Status::Ok();
  }
  KeySlot slot = context.FindForWrite(request.key);
  if (answers) WriteKey(context.reply(), request.key);
  return WriteStreamForConsumer(context, slot, request, options.reader);
}

// --- Waiting for entries ---------------------------------------------------------------------------------------------

class StreamWait final : public KeyWait {
 public:
  StreamWait(const ReadOptions& options, std::span<const StreamRequest> requests)
      : is_group_(options.is_group),
        group_(options.reader.group),
        consumer_(options.reader.consumer),
        count_max_(options.reader.count_max),
        acknowledges_(options.reader.acknowledges) {
    streams_.reserve(requests.size());
    for (const StreamRequest& request : requests) {
      streams_.push_back({std::string(request.key), request.kind, request.after});
    }
  }

  [[nodiscard]] ValueType type() const override { return ValueType::kStream; }
  [[nodiscard]] bool EndsWithKey() const override { return is_group_; }
  [[nodiscard]] Prospect LookAt(const KeySlot& slot) const override {
    const bool is_stream = slot.Exists() && slot.type() == ValueType::kStream;
    const bool has_group = is_stream && is_group_ && StreamView::Of(slot).FindGroup(group_) != nullptr;
    if (is_group_ && !has_group) return Prospect::kLost;
    if (!is_stream || !HasStreamAnswer(slot, RequestOf(slot.key()), Reader())) return Prospect::kNothing;
    return Prospect::kServe;
  }
  [[nodiscard]] Status Serve(CommandContext& context, KeySlot& slot) override;
  [[nodiscard]] Status Loss(const CommandContext& context, const KeySlot& slot) const override;

 private:
  struct Stream {
    std::string key;
    StreamRequest::Kind kind;
    StreamId after;
  };

  [[nodiscard]] StreamReader Reader() const {
    StreamReader reader;
    reader.count_max = count_max_;
    reader.acknowledges = acknowledges_;
    if (is_group_) {
      reader.group = group_;
      reader.consumer = consumer_;
    }
    return reader;
  }
  // The first that names the key counts.
  [[nodiscard]] StreamRequest RequestOf(std::string_view key) const {
    const auto found =
        std::find_if(streams_.begin(), streams_.end(), [key](const Stream& stream) { return stream.key == key; });
    return {.key = found->key, .kind = found->kind, .after = found->after};
  }

  const bool is_group_;
  const std::string group_;
  const std::string consumer_;
  const uint64_t count_max_;
  const bool acknowledges_;
  std::vector<Stream> streams_;
};

Status StreamWait::Serve(CommandContext& context, KeySlot& slot) {
  RespWriter& reply = context.reply();
  const StreamRequest request = RequestOf(slot.key());
  if (reply.IsResp3()) {
    reply.MapHeader(1);
  } else {
    reply.ArrayHeader(1);
  }
  WriteKey(reply, request.key);
  if (is_group_) return WriteStreamForConsumer(context, slot, request, Reader());
  WriteStreamAfter(context, slot, request, Reader());
  return Status::Ok();
}

Status StreamWait::Loss(const CommandContext& context, const KeySlot& slot) const {
  const bool is_stream = slot.Exists() && slot.type() == ValueType::kStream;
  if (context.config().engine_version.AtLeast(7, 2)) {
    if (slot.Exists() && !is_stream) return Err::kWrongType;
    return NoSuchKeyOrGroup(slot.key(), group_, " in XREADGROUP with GROUP option");
  }
  return Status::Text(is_stream ? "NOGROUP the consumer group this client was blocked on no longer exists"
                                : "UNBLOCKED the stream key no longer exists");
}

// All of a request: a map from keys to entries, without the streams that have none to give; nil when none has.
Status Read(CommandContext& context, Args args, bool is_group) {
  ReadOptions options;
  options.is_group = is_group;
  if (Status error = ParseRead(context, args, options); !error.ok()) return error;
  if (is_group && options.reader.group.data() == nullptr) {
    return Status::Text("ERR Missing GROUP option for XREADGROUP");
  }
  std::vector<StreamRequest> requests;
  if (Status error = ParseRequests(context, args, options, requests); !error.ok()) return error;

  RespWriter& reply = context.reply();
  const ReplyBuffer::Mark begin = reply.MarkHere();
  std::optional<RespWriter::Deferred> map;
  size_t answered = 0;
  for (const StreamRequest& request : requests) {
    const bool answers = HasStreamAnswer(context.FindForRead(request.key), request, options.reader);
    if (answers && ++answered == 1) map = reply.IsResp3() ? reply.DeferMap() : reply.DeferArray();
    if (Status error = ServeOne(context, request, options, answers); !error.ok()) {
      reply.RollbackTo(begin);
      return error;
    }
  }
  if (map) {
    reply.Close(*map, answered);
    return Status::Ok();
  }
  if (!options.blocks) {
    reply.NullArray();
    return Status::Ok();
  }
  const Args keys = args.subspan(options.streams_at, options.stream_count);
  return WaitTable::BlockOrNullArray(
      context, {args, keys, std::make_unique<StreamWait>(options, requests), options.deadline_ms});
}

// XREAD [COUNT n] [BLOCK ms] STREAMS key... id... -> entries above each id.
Status Xread(CommandContext& context, Args args) { return Read(context, args, false); }

// XREADGROUP GROUP group consumer [COUNT n] [BLOCK ms] [NOACK] STREAMS key... id... -> new entries (">"), or those that
// are pending for the consumer above each id.
Status Xreadgroup(CommandContext& context, Args args) { return Read(context, args, true); }

constexpr CommandSpec kStreamReadCommands[] = {
    {.name = "xread",
     .arity = -4,
     .flags = kBlocking | kReadOnly,
     .keys = KeySpecs(KeySpec::AfterKeyword("STREAMS", 1, -1, 1, kKeyReadOnly | kKeyAccess, 2)),
     .acl = kAclStream,
     .handler = Xread,
     .group = CommandGroup::kStream,
     .doc = {.summary = "Reads the entries behind given ids of one or more streams.",
             .since = "5.0.0",
             .complexity = "O(N)",
             .arguments =
                 "[count:integer=COUNT] [milliseconds:integer=BLOCK] streams:block(key:key@0* id:string*)=STREAMS"}},
    {.name = "xreadgroup",
     .arity = -7,
     .flags = kBlocking | kWrite,
     .keys = KeySpecs(KeySpec::AfterKeyword("STREAMS", 4, -1, 1, kKeyReadOnly | kKeyAccess, 2)),
     .acl = kAclStream,
     .handler = Xreadgroup,
     .group = CommandGroup::kStream,
     .doc = {.summary = "Reads entries as a consumer of a group.",
             .since = "5.0.0",
             .complexity = "O(M); O(1); O(N)",
             .arguments =
                 "group-block:block(group:string consumer:string)=GROUP [count:integer=COUNT] "
                 "[milliseconds:integer=BLOCK] [noack:pure-token=NOACK] streams:block(key:key@0* id:string*)=STREAMS"}},
};
}  // namespace

std::span<const CommandSpec> StreamReadCommands() { return kStreamReadCommands; }

}  // namespace cachenode
