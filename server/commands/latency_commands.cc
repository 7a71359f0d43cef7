// LATENCY: spikes of events over a threshold, and how the durations of commands are distributed.
#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/resp_writer.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/help.h"
#include "server/config/config.h"
#include "server/stats/latency_monitor.h"
#include "server/stats/percentile.h"
#include "server/stats/stats_hub.h"
#include "storage/base/bytes.h"
#include "storage/base/numbers.h"

namespace cachenode {
namespace {

// LATENCY LATEST -> for each event its name, the time of its last spike, that spike and the worst, milliseconds.
Status LatencyLatest(CommandContext& context, Args /*args*/) {
  const std::map<std::string, LatencyEvent> events = context.parts().latency->Events();
  context.reply().ArrayHeader(events.size());
  for (const auto& [name, event] : events) {
    context.reply().ArrayHeader(4);
    context.reply().Bulk(name);
    context.reply().Integer(event.samples.back().time_s);
    context.reply().Integer(event.samples.back().latency_ms);
    context.reply().Integer(event.latency_ms_max);
  }
  return Status::Ok();
}

// LATENCY HISTORY event -> pairs of time and milliseconds, oldest first.
Status LatencyHistory(CommandContext& context, Args args) {
  const std::map<std::string, LatencyEvent> events = context.parts().latency->Events();
  const auto found = events.find(std::string(args[2]));
  if (found == events.end()) {
    context.reply().EmptyArray();
    return Status::Ok();
  }
  context.reply().ArrayHeader(found->second.samples.size());
  for (const LatencySample& sample : found->second.samples) {
    context.reply().ArrayHeader(2);
    context.reply().Integer(sample.time_s);
    context.reply().Integer(sample.latency_ms);
  }
  return Status::Ok();
}

// LATENCY RESET [event ...] -> how many events were forgotten.
Status LatencyReset(CommandContext& context, Args args) {
  const std::vector<std::string_view> names(args.begin() + 2, args.end());
  context.reply().Integer(static_cast<int64_t>(context.parts().latency->Reset(names)));
  return Status::Ok();
}

// --- GRAPH -----------------------------------------------------------------------------------------------------------

constexpr size_t kGraphColumnsMax = 80;
constexpr uint32_t kGraphRows = 8;

// "7s", "3m", "5h", "2d".
std::string ShortAge(int64_t seconds) {
  if (seconds < 60) return std::to_string(seconds) + "s";
  if (seconds < 3600) return std::to_string(seconds / 60) + "m";
  if (seconds < 86400) return std::to_string(seconds / 3600) + "h";
  return std::to_string(seconds / 86400) + "d";
}

// One column a spike, the newest to the right: a bar, and below it how long ago it was, read downwards.
std::string DrawGraph(std::string_view name, const LatencyEvent& event, int64_t now_s) {
  const size_t count = std::min(event.samples.size(), kGraphColumnsMax);
  const std::vector<LatencySample> shown(event.samples.end() - static_cast<std::ptrdiff_t>(count), event.samples.end());
  const auto by_latency = [](const LatencySample& a, const LatencySample& b) { return a.latency_ms < b.latency_ms; };
  const auto [lowest, highest] = std::minmax_element(shown.begin(), shown.end(), by_latency);
  std::string text(name);
  text.append(" - high ").append(std::to_string(highest->latency_ms)).append(" ms, low ");
  text.append(std::to_string(lowest->latency_ms)).append(" ms (all time high ");
  text.append(std::to_string(event.latency_ms_max)).append(" ms)\n").append(kGraphColumnsMax, '-').append("\n");
  const uint32_t range = std::max<uint32_t>(highest->latency_ms - lowest->latency_ms, 1);
  for (uint32_t row = kGraphRows; row-- > 0;) {
    for (const LatencySample& sample : shown) {
      const uint64_t height = uint64_t{sample.latency_ms - lowest->latency_ms} * (kGraphRows - 1) / range;
      text.push_back(height > row ? '|' : (height == row ? '#' : ' '));
    }
    text.push_back('\n');
  }
  constexpr size_t kAgeCharsMax = 4;
  text.push_back('\n');
  for (size_t i = 0; i < kAgeCharsMax; ++i) {
    for (const LatencySample& sample : shown) {
      const std::string age = ShortAge(std::max<int64_t>(now_s - sample.time_s, 0));
      text.push_back(i < age.size() ? age[i] : ' ');
    }
    text.push_back('\n');
  }
  return text;
}

// LATENCY GRAPH event -> a picture of its spikes.
Status LatencyGraph(CommandContext& context, Args args) {
  const std::map<std::string, LatencyEvent> events = context.parts().latency->Events();
  const auto found = events.find(std::string(args[2]));
  if (found == events.end()) {
    return Status::Text(std::string("ERR No samples available for event '").append(UpToZero(args[2])).append("'"));
  }
  context.reply().Verbatim("txt", DrawGraph(found->first, found->second, context.now_ms() / 1000));
  return Status::Ok();
}

// --- DOCTOR ----------------------------------------------------------------------------------------------------------

struct Remedy {
  std::string_view event;
  std::string_view advice;
};

constexpr Remedy kRemedies[] = {
    {"command", "Commands that touch many elements were slow: look at SLOWLOG GET."},
    {"fast-command", "Even short commands took long: the machine may lack CPU time or swap."},
    {"expire-cycle", "Many keys expired at once: spread their times, or lower active-expire-effort."},
    {"eviction-cycle", "Making room took long: raise maxmemory, or write less at once."},
};

void AppendFindings(std::string& text, const std::string& name, const LatencyEvent& event) {
  uint64_t sum = 0;
  for (const LatencySample& sample : event.samples) sum += sample.latency_ms;
  text.append("* ").append(name).append(": ").append(std::to_string(event.samples.size()));
  text.append(" spikes, on average ").append(std::to_string(sum / event.samples.size()));
  text.append(" ms, the worst ").append(std::to_string(event.latency_ms_max)).append(" ms.\n");
  for (const Remedy& remedy : kRemedies) {
    if (remedy.event == name) text.append("  ").append(remedy.advice).append("\n");
  }
}

// LATENCY DOCTOR -> what was seen and what may help, as text.
Status LatencyDoctor(CommandContext& context, Args /*args*/) {
  const std::map<std::string, LatencyEvent> events = context.parts().latency->Events();
  std::string text;
  if (context.config().latency_monitor_threshold <= 0 && events.empty()) {
    text =
        "Latency monitoring is disabled. CONFIG SET latency-monitor-threshold <milliseconds> starts it: events that "
        "take at least so long are remembered.\n";
  } else if (events.empty()) {
    text = "No latency spike was observed.\n";
  }
  for (const auto& [name, event] : events) AppendFindings(text, name, event);
  context.reply().Verbatim("txt", text);
  return Status::Ok();
}

// --- HISTOGRAM -------------------------------------------------------------------------------------------------------

// Redis' histogram has a step at each power of two from 1024 ns on, named by the highest duration it does not tell from
// that one at its resolution (129/128), in whole microseconds: 1, 2, 4, 8, 16, 33, 66, ...
constexpr unsigned kFirstStepBits = 10;
constexpr unsigned kStepsMax = 44;

int64_t StepMicroseconds(unsigned step) {
  return static_cast<int64_t>(((uint64_t{129} << (kFirstStepBits - 7 + step)) - 1) / 1000);
}

struct HistogramStep {
  int64_t microseconds;
  uint64_t calls;  // Of at most that duration.
};

std::vector<HistogramStep> StepsOf(const LatencyCounts& counts) {
  uint64_t total = 0;
  for (const uint64_t count : counts) total += count;
  std::vector<HistogramStep> steps;
  uint64_t seen = 0;
  size_t bucket = 0;
  for (unsigned step = 0; step < kStepsMax && seen < total; ++step) {
    const uint64_t before = seen;
    while (bucket < counts.size() && LatencyHistogram::HighestOf(bucket) < (uint64_t{1} << (kFirstStepBits + step))) {
      seen += counts[bucket++];
    }
    if (seen > before) steps.push_back({StepMicroseconds(step), seen});
  }
  return steps;
}

// Writes one pair of the map; false when the command was never called.
bool WriteHistogram(CommandContext& context, const Command& command) {
  const std::vector<HistogramStep> steps = StepsOf(context.parts().stats->HistogramOf(command.id));
  if (steps.empty()) return false;
  RespWriter& reply = context.reply();
  reply.Bulk(command.full_name);
  reply.MapHeader(2);
  reply.Bulk("calls");
  reply.Integer(static_cast<int64_t>(steps.back().calls));
  reply.Bulk("histogram_usec");
  reply.MapHeader(steps.size());
  for (const HistogramStep& step : steps) {
    reply.Integer(step.microseconds);
    reply.Integer(static_cast<int64_t>(step.calls));
  }
  return true;
}

// The command, or all of its subcommands.
size_t WriteHistogramsOf(CommandContext& context, const Command& command) {
  if (command.subcommands.empty()) return WriteHistogram(context, command) ? 1U : 0U;
  size_t written = 0;
  for (const auto& subcommand : command.subcommands) written += WriteHistogram(context, *subcommand) ? 1U : 0U;
  return written;
}

// LATENCY HISTOGRAM [command ...] -> map from each command called to its calls and distribution.
Status ShowLatencyHistogram(CommandContext& context, Args args) {
  const RespWriter::Deferred map = context.reply().DeferMap();
  size_t written = 0;
  if (args.size() == 2) {
    for (const auto& command : context.commands().commands()) written += WriteHistogramsOf(context, *command);
  }
  for (const std::string_view name : args.subspan(2)) {
    const Command* command = context.commands().FindByFullName(name);
    if (command != nullptr) written += WriteHistogramsOf(context, *command);
  }
  context.reply().Close(map, written);
  return Status::Ok();
}

Status LatencyHelp(CommandContext& context, Args /*args*/) {
  constexpr std::string_view kLines[] = {
      "DOCTOR",
      "    Tell what spikes were seen and what may help.",
      "GRAPH <event>",
      "    Draw the spikes of an event.",
      "HISTOGRAM [<command> ...]",
      "    Show how the durations of these commands, or of all, are distributed.",
      "HISTORY <event>",
      "    List the spikes of an event: time and milliseconds.",
      "LATEST",
      "    List all events with the last and the worst spike of each.",
      "RESET [<event> ...]",
      "    Forget the spikes of these events, or of all.",
  };
  WriteHelp(context.reply(), "LATENCY", kLines);
  return Status::Ok();
}

constexpr CommandSpec kLatencySubcommands[] = {
    {.name = "doctor",
     .arity = 2,
     .flags = kAdmin | kLoading | kNoScript | kStale,
     .handler = LatencyDoctor,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Explains the spikes seen and what may help.",
             .since = "2.8.13",
             .complexity = "O(1)",
             .tips = "nondeterministic_output,request_policy:all_nodes,response_policy:special"}},
    {.name = "graph",
     .arity = 3,
     .flags = kAdmin | kLoading | kNoScript | kStale,
     .handler = LatencyGraph,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Draws the spikes of an event.",
             .since = "2.8.13",
             .complexity = "O(1)",
             .arguments = "event:string",
             .tips = "nondeterministic_output,request_policy:all_nodes,response_policy:special"}},
    {.name = "help",
     .arity = 2,
     .flags = kLoading | kStale,
     .handler = LatencyHelp,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Lists the subcommands of LATENCY.", .since = "2.8.13", .complexity = "O(1)"}},
    {.name = "histogram",
     .arity = -2,
     .flags = kAdmin | kLoading | kNoScript | kStale,
     .handler = ShowLatencyHistogram,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Shows how the durations of commands are distributed.",
             .since = "7.0.0",
             .complexity = "O(N)",
             .arguments = "[command:string*]",
             .tips = "nondeterministic_output,request_policy:all_nodes,response_policy:special"}},
    {.name = "history",
     .arity = 3,
     .flags = kAdmin | kLoading | kNoScript | kStale,
     .handler = LatencyHistory,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Shows the spikes of an event.",
             .since = "2.8.13",
             .complexity = "O(1)",
             .arguments = "event:string",
             .tips = "nondeterministic_output,request_policy:all_nodes,response_policy:special"}},
    {.name = "latest",
     .arity = 2,
     .flags = kAdmin | kLoading | kNoScript | kStale,
     .handler = LatencyLatest,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Shows the last spike of every event.",
             .since = "2.8.13",
             .complexity = "O(1)",
             .tips = "nondeterministic_output,request_policy:all_nodes,response_policy:special"}},
    {.name = "reset",
     .arity = -2,
     .flags = kAdmin | kLoading | kNoScript | kStale,
     .handler = LatencyReset,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Forgets the spikes of some events or of all.",
             .since = "2.8.13",
             .complexity = "O(1)",
             .arguments = "[event:string*]",
             .tips = "request_policy:all_nodes,response_policy:agg_sum"}},
};

constexpr CommandSpec kLatencyCommands[] = {
    {.name = "latency",
     .arity = -2,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Latency spikes and distributions.", .since = "2.8.13", .complexity = "per-subcommand"},
     .subcommands = kLatencySubcommands},
};
}  // namespace

std::span<const CommandSpec> LatencyCommands() { return kLatencyCommands; }

}  // namespace cachenode
