#include "server/stats/info_sections.h"

#include <algorithm>

#include "server/config/config.h"
#include "server/script/script_engine.h"
#include "storage/base/bytes.h"
#include "storage/base/clock.h"

namespace cachenode {
namespace {

void WriteModules(InfoText& /*text*/, const InfoSource& /*source*/) {}  // None can be loaded.

void WriteCluster(InfoText& text, const InfoSource& /*source*/) { text.Line("cluster_enabled", 0); }

bool Names(std::span<const std::string_view> names, std::string_view word) {
  return std::any_of(names.begin(), names.end(), [&](std::string_view name) { return EqualsIgnoreCase(name, word); });
}

}  // namespace

std::span<const InfoSection> InfoSections() {
  static const InfoSection kSections[] = {
      {.name = "Server", .fields = info::ServerFields()},
      {.name = "Clients", .fields = info::ClientFields()},
      {.name = "Memory", .fields = info::MemoryFields()},
      {.name = "Persistence", .fields = info::PersistenceFields()},
      {.name = "Stats", .fields = info::StatsFields()},
      {.name = "Replication", .fields = info::ReplicationFields()},
      {.name = "CPU", .fields = info::CpuFields()},
      {.name = "Modules", .write_all = WriteModules},
      {.name = "Commandstats", .by_default = false, .write_all = info::WriteCommandStats},
      {.name = "Errorstats", .write_all = info::WriteErrorStats},
      {.name = "Latencystats", .by_default = false, .write_all = info::WriteLatencyStats},
      {.name = "Node", .fields = info::NodeFields()},
      {.name = "Snapshots", .fields = info::SnapshotFields()},
      {.name = "Cluster", .write_all = WriteCluster},
      {.name = "Notifications", .fields = info::NotificationFields()},
      {.name = "Keyspace", .write_all = info::WriteKeyspace},
  };
  return kSections;
}

std::string MakeInfo(const ServerParts& parts, const Config& config, std::span<const std::string_view> names) {
  const bool all = Names(names, "all") || Names(names, "everything");
  const bool defaults = names.empty() || Names(names, "default");
  InfoSource source{.parts = parts,
                    .config = config,
                    .now_us = parts.clock->NowUs(),
                    .memory = GatherMemory(parts),
                    .snapshots = {},
                    .load = {},
                    .exports = {},
                    .scripts = {}};
  if (parts.persistence != nullptr) {
    source.snapshots = parts.persistence->Snapshots();
    source.load = parts.persistence->Load();
    source.exports = parts.persistence->Exports();
  }
  if (parts.scripts != nullptr) source.scripts = parts.scripts->figures();
  InfoText text;
  for (const InfoSection& section : InfoSections()) {
    if (!all && !(defaults && section.by_default) && !Names(names, section.name)) continue;
    text.Section(section.name);
    for (const InfoField& field : section.fields) field.write(text, field.name, source);
    if (section.write_all != nullptr) section.write_all(text, source);
  }
  return text.text();
}

}  // namespace cachenode
