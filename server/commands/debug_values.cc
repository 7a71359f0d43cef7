#include "server/commands/debug_values.h"

#include <cstdio>
#include <string>
#include <string_view>

#include "persistence/rdb_value_codec.h"
#include "protocol/error_text.h"
#include "protocol/resp_writer.h"
#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/config/config.h"
#include "server/dataset_digest.h"
#include "server/node_state.h"
#include "storage/base/log.h"
#include "storage/base/numbers.h"
#include "storage/base/quoting.h"
#include "storage/keyspace.h"
#include "storage/value/list_value.h"
#include "storage/value/value_limits.h"

namespace cachenode {
namespace {

constexpr size_t kDumpOverheadBytes = 1 + 2 + 8;  // Type, version, checksum.
// Redis refuses thresholds from here on.
constexpr uint64_t kPackedThresholdEnd = (uint64_t{1} << 32) - (uint64_t{1} << 20);

// What DEBUG OBJECT says of a list in nodes, beginning with a blank.
std::string DescribeNodes(const CommandContext& context, const ListView& list) {
  size_t bytes_total = 0;
  list.ForEachNode([&bytes_total](std::string_view bytes, bool) { bytes_total += bytes.size(); });
  const Config& config = context.config();
  const auto nodes = static_cast<unsigned long>(list.NodeCount());
  char text[256];
  const int size =
      std::snprintf(text, sizeof text,
                    " ql_nodes:%lu ql_avg_node:%.2f ql_listpack_max:%d ql_compressed:%d "
                    "ql_uncompressed_size:%zu",
                    nodes, static_cast<double>(list.Count()) / static_cast<double>(nodes),
                    static_cast<int>(config.list_max_listpack_size), config.list_compress_depth != 0, bytes_total);
  return {text, static_cast<size_t>(size)};
}

// Whether OBJECT ENCODING names a listpack.
bool IsListpackNamed(const KeySlot& slot) { return slot.EncodingName().starts_with("listpack"); }

}  // namespace

Status DebugDigestValue(CommandContext& context, Args args) {
  context.reply().ArrayHeader(args.size() - 2);
  for (const std::string_view key : args.subspan(2)) {
    const KeySlot slot = context.Inspect(key);
    const DatasetDigest digest = slot.Exists() ? DatasetDigest::OfValue(slot.View()) : DatasetDigest();
    context.reply().SimpleString(digest.Hex());
  }
  return Status::Ok();
}

// What Redis' object header would say: the LRU clock of the last access, in seconds, or what else the policy keeps.
uint32_t LruFieldOf(const CommandContext& context, const KeySlot& slot) {
  if (context.access().recency != Recency::kTime) return slot.View().access;
  return static_cast<uint32_t>(context.now_ms() / 1000 - slot.IdleSeconds()) & 0xFFFFFFU;
}

Status DebugObject(CommandContext& context, Args args) CACHENODE_NO_THREAD_SAFETY_ANALYSIS {  // Under the world lock.
  AccessContext as_it_is = context.access();  // A key whose deadline passed is shown while it is there.
  as_it_is.touch = false;
  as_it_is.expired = ExpiredKeys::kShow;
  const KeyHash hash = Keyspace::Hash(args[2]);
  const KeySlot slot = context.keyspace().ShardOf(hash).Find(context.db(), hash, args[2], as_it_is);
  if (!slot.Exists()) return Err::kNoSuchKey;
  const std::string payload = DumpPayload(slot.View(), RdbCompression::kLzf);
  if (payload.empty()) return Err::kOutOfMemory;
  char line[256];
  const int size = std::snprintf(
      line, sizeof line, "Value at:%p refcount:1 encoding:%.*s serializedlength:%zu lru:%u lru_seconds_idle:%u",
      static_cast<const void*>(slot.View().value), static_cast<int>(slot.EncodingName().size()),
      slot.EncodingName().data(), payload.size() - kDumpOverheadBytes, LruFieldOf(context, slot), slot.IdleSeconds());
  std::string text(line, static_cast<size_t>(size));
  const bool in_nodes = slot.type() == ValueType::kList && !IsListpackNamed(slot);
  if (in_nodes) text += DescribeNodes(context, ListView::Of(slot));
  context.reply().SimpleString(text);
  return Status::Ok();
}

Status DebugSdslen(CommandContext& context, Args args) {
  const KeySlot slot = context.Inspect(args[2]);
  if (!slot.Exists()) return Err::kNoSuchKey;
  if (slot.type() != ValueType::kString || slot.View().String().IsInt()) {
    return Status::Text("ERR Not an sds encoded string.");
  }
  const ByteBlock* block = slot.View().String().block();
  const size_t size = slot.StringSize();
  const size_t spare = block == nullptr ? 0 : block->capacity() - size;
  char line[256];
  const int length = std::snprintf(
      line, sizeof line,
      "key_sds_len:%zu, key_sds_avail:0, key_zmalloc: %zu, val_sds_len:%zu, val_sds_avail:%zu, val_zmalloc: %zu",
      args[2].size(), slot.MemoryBytes(), size, spare, block == nullptr ? size : block->MemoryBytes());
  context.reply().SimpleString({line, static_cast<size_t>(length)});
  return Status::Ok();
}

Status DebugListpack(CommandContext& context, Args args) {
  const KeySlot slot = context.Inspect(args[2]);
  if (!slot.Exists()) return Err::kNoSuchKey;
  if (!IsListpackNamed(slot)) return Status::Text("ERR Not a listpack encoded object.");
  std::string quoted;
  AppendQuoted(quoted, slot.ReadPacked());
  CN_LOG(*context.parts().log, kNotice, "Listpack: {}", quoted);
  context.reply().SimpleString("Listpack structure printed on stdout");
  return Status::Ok();
}

Status DebugQuicklist(CommandContext& context, Args args) {
  if (args.size() > 4) return Status::Text(SubcommandSyntaxText("DEBUG", args[1]));
  const KeySlot slot = context.Inspect(args[2]);
  if (!slot.Exists()) return Err::kNoSuchKey;
  if (slot.type() != ValueType::kList || IsListpackNamed(slot)) {
    return Status::Text("ERR Not a quicklist encoded object.");
  }
  Log& log = *context.parts().log;
  ListView::Of(slot).ForEachNode([&log](std::string_view bytes, bool is_plain) {
    CN_LOG(log, kNotice, "Quicklist node: {}, {} bytes", is_plain ? "plain" : "packed", bytes.size());
  });
  context.reply().SimpleString("Quicklist structure printed on stdout");
  return Status::Ok();
}

Status DebugPackedThreshold(CommandContext& context, Args args) {
  const Result<uint64_t> bytes = ParseMemoryBytes(args[2]);
  if (!bytes || *bytes >= kPackedThresholdEnd) {
    return Status::Text("ERR argument must be a memory value bigger than 1 and smaller than 4gb");
  }
  value_limits.list_plain_bytes_min = static_cast<size_t>(*bytes);
  context.reply().Ok();
  return Status::Ok();
}

}  // namespace cachenode
