#include "server/commands/debug_internals.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/error_text.h"
#include "protocol/resp_writer.h"
#include "server/client_memory.h"
#include "server/command_context.h"
#include "server/config/config.h"
#include "server/node_state.h"
#include "storage/base/allocator_knobs.h"
#include "storage/base/bytes.h"
#include "storage/base/numbers.h"
#include "storage/base/system_error.h"
#include "storage/keyspace.h"
#include "storage/value/packed_table.h"

namespace cachenode {
namespace {

// How many buckets of a database hold how many entries. A bucket is what Redis calls a slot with its chain.
class FillFigures {
 public:
  static constexpr size_t kLengthsMax = 50;  // Longer chains count as this long in the distribution, as in Redis.

  void AddBucket(uint64_t entries) {
    ++buckets_;
    entries_ += entries;
    longest_ = std::max(longest_, entries);
    ++counts_[std::min<uint64_t>(entries, kLengthsMax - 1)];
  }
  [[nodiscard]] std::string Text() const;

 private:
  uint64_t buckets_ = 0;
  uint64_t entries_ = 0;
  uint64_t longest_ = 0;
  std::array<uint64_t, kLengthsMax> counts_{};
};

void AppendLine(std::string& text, std::string_view name, uint64_t number) {
  text.append(name);
  AppendUint64(text, number);
  text.push_back('\n');
}

std::string FillFigures::Text() const {
  std::string text = "Hash table 0 stats (main hash table):\n";
  if (entries_ == 0) return text.append("No stats available for empty dictionaries\n");
  const uint64_t used = buckets_ - counts_[0];
  AppendLine(text, " table size: ", buckets_);
  AppendLine(text, " number of elements: ", entries_);
  AppendLine(text, " different slots: ", used);
  AppendLine(text, " max chain length: ", longest_);
  // Redis counts and computes the same figure; here there is one way to know it.
  for (const std::string_view way : {"counted", "computed"}) {
    text.append(" avg chain length (").append(way).append("): ");
    AppendFixed(text, static_cast<double>(entries_) / static_cast<double>(used), 2);
    text.push_back('\n');
  }
  text.append(" Chain length distribution:\n");
  for (size_t length = 0; length < kLengthsMax; ++length) {
    if (counts_[length] == 0) continue;
    text.append("   ");
    AppendUint64(text, length);
    text.append(": ");
    AppendUint64(text, counts_[length]);
    text.append(" (");
    AppendFixed(text, static_cast<double>(counts_[length]) * 100 / static_cast<double>(buckets_), 2);
    text.append("%)\n");
  }
  return text;
}

struct DatabaseFigures {
  FillFigures all;
  FillFigures expiring;
};

void AddShard(Shard& shard, uint32_t db, DatabaseFigures& figures) {
  shard.AssertHeld();
  if (shard.KeyCount(db) == 0) return;
  for (uint64_t position = 0; position < kPositionEnd;) {
    uint64_t entries = 0;
    uint64_t expiring = 0;
    position = shard.VisitBuckets(db, position, 1, [&](const EntryView& entry) {
      ++entries;
      if (entry.expire_at_ms >= 0) ++expiring;
      return true;
    });
    figures.all.AddBucket(entries);
    figures.expiring.AddBucket(expiring);
  }
}

Status KnobError(int error) { return Status::Text(std::string("ERR ") + SystemErrorText(error)); }

Status RefuseSyntax(Args args) { return Status::Text(SubcommandSyntaxText("DEBUG", args[1])); }

}  // namespace

// Deadlines are in the entries: the table of keys that expire is the main one, seen without the others.
Status DebugHtstats(CommandContext& context, Args args) {
  const Result<int64_t> db = ParseInt64(args[2]);
  if (!db) return Err::kNotInteger;
  Keyspace& keyspace = context.keyspace();
  if (*db < 0 || *db >= static_cast<int64_t>(keyspace.database_count())) {
    return Status::Text("ERR Out of range database");
  }
  DatabaseFigures figures;
  for (uint32_t index = 0; index < keyspace.shard_count(); ++index) {
    AddShard(keyspace.shard(index), static_cast<uint32_t>(*db), figures);
  }
  std::string text = "[Dictionary HT]\n";
  text.append(figures.all.Text()).append("[Expires HT]\n").append(figures.expiring.Text());
  context.reply().Verbatim("txt", text);
  return Status::Ok();
}

Status DebugHtstatsKey(CommandContext& context, Args args) {
  const KeySlot slot = context.Inspect(args[2]);
  if (!slot.Exists()) return Err::kNoSuchKey;
  const bool has_table =
      (slot.type() == ValueType::kSet || slot.type() == ValueType::kHash) && IsLarge(slot.encoding());
  if (!has_table)
    return Status::Text("ERR The value stored at the specified key is not represented using an hash table");
  FillFigures figures;
  static_cast<const PackedTable*>(slot.ReadRoot())->VisitBuckets([&](size_t count) { figures.AddBucket(count); });
  context.reply().Verbatim("txt", figures.Text());
  return Status::Ok();
}

Status DebugMallctl(CommandContext& context, Args args) {
  if (!memory::HasKnobs()) return RefuseSyntax(args);
  std::optional<int64_t> write;
  if (args.size() > 3) {
    const Result<int64_t> number = ParseInt64(args[3]);
    if (!number) return Err::kNotInteger;
    write = *number;
  }
  const memory::KnobReply<int64_t> answer = memory::UseNumberKnob(std::string(args[2]), write);
  if (answer.error != 0) return KnobError(answer.error);
  if (answer.value) {
    context.reply().Integer(*answer.value);
  } else {
    context.reply().Ok();
  }
  return Status::Ok();
}

Status DebugMallctlStr(CommandContext& context, Args args) {
  if (!memory::HasKnobs()) return RefuseSyntax(args);
  std::optional<std::string> write;
  if (args.size() > 3) write = std::string(args[3]);
  const memory::KnobReply<std::string> answer = memory::UseTextKnob(std::string(args[2]), write);
  if (answer.error != 0) return KnobError(answer.error);
  if (answer.value) {
    context.reply().Bulk(*answer.value);
  } else {
    context.reply().Ok();
  }
  return Status::Ok();
}

// Replies are kept in chunks that return to a pool once they are sent, so that no buffer has a size to tune: the words
// are checked, and what they ask for is so already.
Status DebugReplybuffer(CommandContext& context, Args args) {
  if (EqualsIgnoreCase(args[2], "peak-reset-time")) {
    const bool is_word = EqualsIgnoreCase(args[3], "never") || EqualsIgnoreCase(args[3], "reset");
    if (!is_word && !ParseInt64(args[3])) return Err::kNotInteger;
  } else if (!EqualsIgnoreCase(args[2], "resizing")) {
    return RefuseSyntax(args);
  }
  context.reply().Ok();
  return Status::Ok();
}

Status DebugClientEviction(CommandContext& context, Args /*args*/) {
  if (context.config().maxmemory_clients == 0) return Status::Text("ERR maxmemory-clients is disabled.");
  std::string text;
  const std::vector<ClientSizeClass> classes = ClientSizeClasses(context.parts());
  for (size_t i = 0; i < classes.size(); ++i) {
    const uint64_t from = i == 0 ? 0 : uint64_t{1} << (ClientSizeClass::kFirstBits + i);
    text.append("from ").append(std::to_string(from)).append(" bytes: clients ");
    text.append(std::to_string(classes[i].clients.size())).append(", bytes together ");
    text.append(std::to_string(classes[i].bytes)).append("\n");
  }
  context.reply().Verbatim("txt", text);
  return Status::Ok();
}

Status DebugChangeReplId(CommandContext& context, Args /*args*/) {
  NodeState& state = *context.parts().state;
  state.identity.replication_id = MakeIdentity(context.now_ms()).replication_id;
  context.reply().Ok();
  return Status::Ok();
}

}  // namespace cachenode
