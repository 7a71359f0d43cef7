// INFO as tables: a section is a name and a list of rows, a row a field's name and the function that writes it.
//
// Thread-safety: the text is made by one thread from counters any thread may read; figures of other sessions are summed
//   only when the caller holds the world lock, which INFO does not need.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/config.h"
#include "server/persistence_service.h"
#include "server/script/script_figures.h"
#include "server/server_parts.h"
#include "server/stats/info_text.h"
#include "server/stats/memory_report.h"

namespace cachenode {

// What rows read, gathered once per INFO.
struct InfoSource {
  const ServerParts& parts;
  const Config& config;
  int64_t now_us = 0;  // Unix microseconds.
  MemoryReport memory;
  SnapshotFigures snapshots;
  LoadFigures load;
  ExportFigures exports;
  ScriptFigures scripts;
};

struct InfoField {
  std::string_view name;
  // Writes the field's line, or nothing when it does not apply.
  void (*write)(InfoText& text, std::string_view name, const InfoSource& source);
};

struct InfoSection {
  std::string_view name;   // As shown: "Server".
  bool by_default = true;  // Part of INFO without arguments.
  std::span<const InfoField> fields = {};
  // For sections whose lines are not known beforehand; null otherwise.
  void (*write_all)(InfoText& text, const InfoSource& source) = nullptr;
};

// All sections in the order INFO shows them.
[[nodiscard]] std::span<const InfoSection> InfoSections();

// The sections named (in any case; "default", "all" and "everything" stand for several; none at all is "default").
// Unknown names are left out.
[[nodiscard]] std::string MakeInfo(const ServerParts& parts, const Config& config,
                                   std::span<const std::string_view> names);

// Tables of single files, joined by InfoSections.
namespace info {
std::span<const InfoField> ServerFields();
std::span<const InfoField> ClientFields();
std::span<const InfoField> MemoryFields();
std::span<const InfoField> PersistenceFields();
std::span<const InfoField> StatsFields();
std::span<const InfoField> ReplicationFields();
std::span<const InfoField> CpuFields();
std::span<const InfoField> NodeFields();          // server/node/info_node.cc
std::span<const InfoField> SnapshotFields();      // server/node/info_snapshots.cc
std::span<const InfoField> NotificationFields();  // server/node/info_notifications.cc
void WriteCommandStats(InfoText& text, const InfoSource& source);
void WriteErrorStats(InfoText& text, const InfoSource& source);
void WriteLatencyStats(InfoText& text, const InfoSource& source);
void WriteKeyspace(InfoText& text, const InfoSource& source);
}  // namespace info

}  // namespace cachenode
