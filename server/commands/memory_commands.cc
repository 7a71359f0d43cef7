// MEMORY: what the memory is used for, and giving unused memory back.
#include <string>
#include <string_view>
#include <vector>

#include "protocol/resp_writer.h"
#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/help.h"
#include "server/node_state.h"
#include "server/session.h"
#include "server/stats/memory_report.h"
#include "storage/base/cycle_clock.h"
#include "storage/base/memory.h"
#include "storage/keyspace.h"

namespace cachenode {
namespace {

// MEMORY USAGE key [SAMPLES count] -> bytes the key and its value take, or null. The figure is exact, so that the
// number of samples does not matter.
Status MemoryUsage(CommandContext& context, Args args) {
  ArgParser parser(args, 3);
  while (parser.HasNext()) {
    if (!parser.Match("samples", 1)) return Err::kSyntax;
    if (parser.NextInt64() < 0) return Err::kSyntax;
  }
  if (Status error = parser.Finish(); !error.ok()) return error;
  const KeySlot slot = context.Inspect(args[2]);
  if (slot.Exists()) {
    context.reply().Integer(static_cast<int64_t>(slot.MemoryBytes()));
  } else {
    context.reply().Null();
  }
  return Status::Ok();
}

// --- STATS -----------------------------------------------------------------------------------------------------------

struct WholeFigure {
  std::string_view name;
  int64_t (*get)(const MemoryReport& report);
};

struct RatioFigure {
  std::string_view name;
  double (*get)(const MemoryReport& report);
};

int64_t Whole(uint64_t value) { return static_cast<int64_t>(value); }
int64_t Peak(const MemoryReport& report) { return Whole(report.peak); }
int64_t Total(const MemoryReport& report) { return Whole(report.used); }
int64_t Startup(const MemoryReport& report) { return Whole(report.startup); }
// Of features that hold no memory here.
int64_t Nothing(const MemoryReport&) { return 0; }
int64_t ClientsNormal(const MemoryReport& report) { return Whole(report.client_bytes); }
int64_t Overhead(const MemoryReport& report) { return Whole(report.overhead); }
int64_t Keys(const MemoryReport& report) { return Whole(report.key_count); }
int64_t BytesPerKey(const MemoryReport& report) {
  const uint64_t net = report.used > report.startup ? report.used - report.startup : 0;
  return report.key_count == 0 ? 0 : Whole(net / report.key_count);
}
int64_t Dataset(const MemoryReport& report) { return Whole(report.dataset); }
int64_t Allocated(const MemoryReport& report) { return Whole(report.allocator.allocated_bytes); }
int64_t Active(const MemoryReport& report) { return Whole(report.allocator.active_bytes); }
int64_t Resident(const MemoryReport& report) { return Whole(report.allocator.resident_bytes); }
int64_t AllocatorFragmentation(const MemoryReport& report) {
  return MemoryReport::Difference(report.allocator.active_bytes, report.allocator.allocated_bytes);
}
int64_t AllocatorRss(const MemoryReport& report) {
  return MemoryReport::Difference(report.allocator.resident_bytes, report.allocator.active_bytes);
}
int64_t RssOverhead(const MemoryReport& report) {
  return MemoryReport::Difference(report.resident, report.allocator.resident_bytes);
}
int64_t Fragmentation(const MemoryReport& report) { return MemoryReport::Difference(report.resident, report.used); }
double AllocatorFragmentationRatio(const MemoryReport& report) {
  return MemoryReport::Ratio(report.allocator.active_bytes, report.allocator.allocated_bytes);
}
double AllocatorRssRatio(const MemoryReport& report) {
  return MemoryReport::Ratio(report.allocator.resident_bytes, report.allocator.active_bytes);
}
double RssOverheadRatio(const MemoryReport& report) {
  return MemoryReport::Ratio(report.resident, report.allocator.resident_bytes);
}
double FragmentationRatio(const MemoryReport& report) { return MemoryReport::Ratio(report.resident, report.used); }
double DatasetPercent(const MemoryReport& report) { return report.DatasetPercent(); }
double PeakPercent(const MemoryReport& report) { return report.PeakPercent(); }

// The order is Redis'.
constexpr WholeFigure kBeforeDatabases[] = {
    {"peak.allocated", Peak},         {"total.allocated", Total},  {"startup.allocated", Startup},
    {"replication.backlog", Nothing}, {"clients.slaves", Nothing}, {"clients.normal", ClientsNormal},
    {"cluster.links", Nothing},       {"aof.buffer", Nothing},     {"lua.caches", Nothing},
    {"functions.caches", Nothing},
};
constexpr WholeFigure kAfterDatabases[] = {
    {"overhead.total", Overhead},
    {"keys.count", Keys},
    {"keys.bytes-per-key", BytesPerKey},
    {"dataset.bytes", Dataset},
};
constexpr RatioFigure kPercentages[] = {{"dataset.percentage", DatasetPercent}, {"peak.percentage", PeakPercent}};
constexpr WholeFigure kAllocator[] = {
    {"allocator.allocated", Allocated},
    {"allocator.active", Active},
    {"allocator.resident", Resident},
};
struct FigurePair {
  RatioFigure ratio;
  WholeFigure bytes;
};
constexpr FigurePair kPairs[] = {
    {{"allocator-fragmentation.ratio", AllocatorFragmentationRatio},
     {"allocator-fragmentation.bytes", AllocatorFragmentation}},
    {{"allocator-rss.ratio", AllocatorRssRatio}, {"allocator-rss.bytes", AllocatorRss}},
    {{"rss-overhead.ratio", RssOverheadRatio}, {"rss-overhead.bytes", RssOverhead}},
    {{"fragmentation", FragmentationRatio}, {"fragmentation.bytes", Fragmentation}},
};

// Writes figures as pairs of a map and counts them.
class FigureWriter {
 public:
  FigureWriter(RespWriter& reply, const MemoryReport& report) : reply_(reply), report_(report) {}

  void Write(const WholeFigure& figure) {
    reply_.Bulk(figure.name);
    reply_.Integer(figure.get(report_));
    ++count_;
  }
  void Write(const RatioFigure& figure) {
    reply_.Bulk(figure.name);
    reply_.Double(figure.get(report_));
    ++count_;
  }
  // A database's part of the buckets, by its keys; entries carry their deadlines themselves.
  void WriteDatabase(uint32_t db, uint64_t key_count) {
    const double share = MemoryReport::Ratio(key_count, report_.key_count);
    reply_.Bulk("db." + std::to_string(db));
    reply_.MapHeader(3);
    reply_.Bulk("overhead.hashtable.main");
    reply_.Integer(static_cast<int64_t>(static_cast<double>(report_.keyspace.index_bytes) * share));
    reply_.Bulk("overhead.hashtable.expires");
    reply_.Integer(0);
    reply_.Bulk("overhead.hashtable.slot-to-keys");
    reply_.Integer(0);
    ++count_;
  }
  [[nodiscard]] size_t count() const { return count_; }

 private:
  RespWriter& reply_;
  const MemoryReport& report_;
  size_t count_ = 0;
};

// MEMORY STATS -> map of figures.
Status MemoryStats(CommandContext& context, Args /*args*/) {
  const MemoryReport report = GatherMemory(context.parts());
  const RespWriter::Deferred map = context.reply().DeferMap();
  FigureWriter writer(context.reply(), report);
  for (const WholeFigure& figure : kBeforeDatabases) writer.Write(figure);
  for (uint32_t db = 0; db < context.keyspace().database_count(); ++db) {
    const uint64_t key_count = context.keyspace().KeyCount(db);
    if (key_count != 0) writer.WriteDatabase(db, key_count);
  }
  for (const WholeFigure& figure : kAfterDatabases) writer.Write(figure);
  for (const RatioFigure& figure : kPercentages) writer.Write(figure);
  for (const WholeFigure& figure : kAllocator) writer.Write(figure);
  for (const FigurePair& pair : kPairs) {
    writer.Write(pair.ratio);
    writer.Write(pair.bytes);
  }
  context.reply().Close(map, writer.count());
  return Status::Ok();
}

// --- DOCTOR, PURGE, MALLOC-STATS -------------------------------------------------------------------------------------

struct Complaint {
  bool (*applies)(const MemoryReport& report);
  std::string_view text;
};

constexpr double kPeakRatioMax = 1.5;
constexpr double kFragmentationRatioMax = 1.4;
constexpr double kRssRatioMax = 1.1;
constexpr int64_t kWasteBytesMin = int64_t{10} << 20;  // Less is not worth a word.

bool WasLarger(const MemoryReport& report) { return MemoryReport::Ratio(report.peak, report.used) > kPeakRatioMax; }
bool IsFragmented(const MemoryReport& report) {
  return FragmentationRatio(report) > kFragmentationRatioMax && Fragmentation(report) > kWasteBytesMin;
}
bool KeepsEmptyPages(const MemoryReport& report) {
  return AllocatorRssRatio(report) > kRssRatioMax && AllocatorRss(report) > kWasteBytesMin;
}
bool HoldsMoreThanAllocator(const MemoryReport& report) {
  return RssOverheadRatio(report) > kRssRatioMax && RssOverhead(report) > kWasteBytesMin;
}

constexpr Complaint kComplaints[] = {
    {WasLarger,
     "* Peak: more memory was in use once than is now. What the process holds beyond its need may be from then; "
     "MEMORY PURGE gives it back.\n"},
    {IsFragmented,
     "* Fragmentation: the process holds far more memory than is in use. MEMORY PURGE or activedefrag yes may help.\n"},
    {KeepsEmptyPages, "* Allocator: it keeps pages that hold nothing. MEMORY PURGE gives them back.\n"},
    {HoldsMoreThanAllocator, "* Process: much memory is held outside of the allocator.\n"},
};

// MEMORY DOCTOR -> what looks wrong, as text.
Status MemoryDoctor(CommandContext& context, Args /*args*/) {
  constexpr uint64_t kJudgedBytesMin = uint64_t{5} << 20;
  const MemoryReport report = GatherMemory(context.parts());
  std::string text;
  if (report.used < kJudgedBytesMin) {
    text = "Too little memory is in use to say anything about it.\n";
  } else {
    for (const Complaint& complaint : kComplaints) {
      if (complaint.applies(report)) text.append(complaint.text);
    }
    if (text.empty()) text = "Nothing looks wrong with the use of memory.\n";
  }
  context.reply().Verbatim("txt", text);
  return Status::Ok();
}

// Moves the entries of sparsely used pages together, one short hold of a lock at a time, from the shard at which the
// session goes on. False when a turn's time is over and there is more to do.
bool Defragment(CommandContext& context) {
  constexpr uint32_t kBucketsPerHold = 32;
  constexpr uint64_t kTurnUs = 200;
  Keyspace& keyspace = context.keyspace();
  const uint64_t end = CycleClock::Ticks() + CycleClock::FromMicroseconds(kTurnUs);
  uint32_t& index = context.session().go_on_at;
  while (index < keyspace.shard_count()) {
    Shard& shard = keyspace.shard(index);
    bool wrapped = false;
    {
      const ShardGuard guard(shard);
      shard.DefragSlice(kBucketsPerHold, wrapped);
    }
    if (wrapped) ++index;
    if (CycleClock::Ticks() >= end && context.MayGiveTurnBack()) return false;
  }
  index = 0;
  return true;
}

// MEMORY PURGE -> OK; pages that hold nothing, or little that could be moved, went back to the system. Other clients
// are served meanwhile. The tables of a data set that loads belong to its threads, and are left alone.
Status MemoryPurge(CommandContext& context, Args /*args*/) {
  const bool loading = context.parts().state->loading.load(std::memory_order_relaxed);
  if (!loading && !Defragment(context)) return context.GiveTurnBack();
  memory::Purge();
  context.reply().Ok();
  return Status::Ok();
}

// MEMORY MALLOC-STATS -> the allocator's figures, as text.
Status MemoryMallocStats(CommandContext& context, Args /*args*/) {
  const memory::AllocatorStats stats = memory::Stats();
  std::string text("Allocator: ");
  text.append(memory::AllocatorName()).append("\n");
  const auto line = [&text](std::string_view name, size_t bytes) {
    text.append(name).append(": ").append(std::to_string(bytes)).append(" bytes\n");
  };
  line("allocated", stats.allocated_bytes);
  line("active", stats.active_bytes);
  line("resident", stats.resident_bytes);
  line("retained", stats.retained_bytes);
  line("muzzy", stats.muzzy_bytes);
  context.reply().Verbatim("txt", text);
  return Status::Ok();
}

Status MemoryHelp(CommandContext& context, Args /*args*/) {
  constexpr std::string_view kLines[] = {
      "DOCTOR",
      "    Tell what looks wrong with the use of memory.",
      "MALLOC-STATS",
      "    Show the allocator's figures.",
      "PURGE",
      "    Give memory that is not needed back to the system.",
      "STATS",
      "    Show what the memory is used for.",
      "USAGE <key> [SAMPLES <count>]",
      "    Show the bytes a key and its value take.",
  };
  WriteHelp(context.reply(), "MEMORY", kLines);
  return Status::Ok();
}

constexpr CommandSpec kMemorySubcommands[] = {
    {.name = "doctor",
     .arity = 2,
     .handler = MemoryDoctor,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Says what looks wrong with the use of memory.",
             .since = "4.0.0",
             .complexity = "O(1)",
             .tips = "nondeterministic_output,request_policy:all_shards,response_policy:special"}},
    {.name = "help",
     .arity = 2,
     .flags = kLoading | kStale,
     .handler = MemoryHelp,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Lists the subcommands of MEMORY.", .since = "4.0.0", .complexity = "O(1)"}},
    {.name = "malloc-stats",
     .arity = 2,
     .handler = MemoryMallocStats,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Shows the allocator's own report.",
             .since = "4.0.0",
             .complexity = "varies",
             .tips = "nondeterministic_output,request_policy:all_shards,response_policy:special"}},
    {.name = "purge",
     .arity = 2,
     .flags = kSelfLocking,
     .handler = MemoryPurge,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Gives unused memory back to the system.",
             .since = "4.0.0",
             .complexity = "varies",
             .tips = "request_policy:all_shards,response_policy:all_succeeded"}},
    {.name = "stats",
     .arity = 2,
     .handler = MemoryStats,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Shows what the memory is used for.",
             .since = "4.0.0",
             .complexity = "O(1)",
             .tips = "nondeterministic_output,request_policy:all_shards,response_policy:special"}},
    {.name = "usage",
     .arity = -3,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(2, kKeyReadOnly)),
     .handler = MemoryUsage,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Shows the bytes a key and its value take.",
             .since = "4.0.0",
             .complexity = "O(N)",
             .arguments = "key:key@0 [count:integer=SAMPLES]"}},
};

constexpr CommandSpec kMemoryCommands[] = {
    {.name = "memory",
     .arity = -2,
     .group = CommandGroup::kServer,
     .doc = {.summary = "What the memory is used for.", .since = "4.0.0", .complexity = "per-subcommand"},
     .subcommands = kMemorySubcommands},
};
}  // namespace

std::span<const CommandSpec> MemoryCommands() { return kMemoryCommands; }

}  // namespace cachenode
