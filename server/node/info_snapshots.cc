// INFO snapshots: the named snapshots of this node.
#include "server/config/config.h"
#include "server/node/snapshot_place.h"
#include "server/node/snapshot_service.h"
#include "server/stats/info_sections.h"

namespace cachenode::info {
namespace {

using T = InfoText;
using S = InfoSource;
using N = std::string_view;

SnapshotServiceFigures FiguresOf(const InfoSource& source) {
  return source.parts.snapshots != nullptr ? source.parts.snapshots->Figures() : SnapshotServiceFigures();
}

constexpr InfoField kSnapshots[] = {
    {"snapshot_dir", [](T& text, N name, const S& source) { text.Line(name, SnapshotPlaceOf(source.config)); }},
    {"snapshot_window",
     [](T& text, N name, const S& source) {
       text.Line(name, FormatDailyWindow(SnapshotService::WindowOf(source.config)));
     }},
    {"snapshot_retention_days",
     [](T& text, N name, const S& source) { text.Line(name, source.config.snapshot_retention_limit); }},
    {"snapshot_in_progress", [](T& text, N name, const S& source) { text.Line(name, FiguresOf(source).running); }},
    {"snapshot_jobs", [](T& text, N name, const S& source) { text.Line(name, FiguresOf(source).jobs); }},
    {"snapshots_created", [](T& text, N name, const S& source) { text.Line(name, FiguresOf(source).created); }},
    {"snapshots_failed", [](T& text, N name, const S& source) { text.Line(name, FiguresOf(source).failed); }},
    {"snapshots_expired", [](T& text, N name, const S& source) { text.Line(name, FiguresOf(source).expired); }},
    {"snapshot_last_name", [](T& text, N name, const S& source) { text.Line(name, FiguresOf(source).last_name); }},
    {"snapshot_last_time", [](T& text, N name, const S& source) { text.Line(name, FiguresOf(source).last_time_s); }},
    {"snapshot_last_error", [](T& text, N name, const S& source) { text.Line(name, FiguresOf(source).last_error); }},
    {"snapshot_export_in_progress",
     [](T& text, N name, const S& source) {
       const ExportFigures exports = FiguresOf(source).exports;
       text.Line(name, exports.in_progress ? exports.last_name : std::string());
     }},
    {"snapshot_export_bytes",
     [](T& text, N name, const S& source) { text.Line(name, FiguresOf(source).exports.bytes_sent); }},
    {"snapshot_export_last_status",
     [](T& text, N name, const S& source) { text.Line(name, FiguresOf(source).exports.last_status); }},
    {"snapshot_export_last_location",
     [](T& text, N name, const S& source) { text.Line(name, FiguresOf(source).exports.last_location); }},
    {"snapshot_exports_completed",
     [](T& text, N name, const S& source) { text.Line(name, FiguresOf(source).exports.completed); }},
    {"snapshot_exports_failed",
     [](T& text, N name, const S& source) { text.Line(name, FiguresOf(source).exports.failed); }},
};

}  // namespace

std::span<const InfoField> SnapshotFields() { return kSnapshots; }

}  // namespace cachenode::info
