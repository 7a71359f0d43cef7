#include "server/stats/memory_report.h"

#include <unistd.h>

#include <algorithm>

#include "server/memory_guard.h"
#include "server/persistence_service.h"
#include "server/stats/stats_hub.h"
#include "storage/keyspace.h"

namespace cachenode {
namespace {

uint64_t UsedNow(const ServerParts& parts) { return MemoryGuard::UsedBytes(parts); }

uint64_t MachineBytes() {
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page_bytes = sysconf(_SC_PAGESIZE);
  return static_cast<uint64_t>(pages) * static_cast<uint64_t>(page_bytes);
}

}  // namespace

double MemoryReport::DatasetPercent() const {
  const uint64_t net = used > startup ? used - startup : 0;
  return net == 0 ? 0.0 : 100.0 * Ratio(dataset, net);
}

void NotePeakMemory(const ServerParts& parts) {
  std::atomic<uint64_t>& peak = parts.stats->peak_memory_bytes;
  const uint64_t used = UsedNow(parts);
  if (used > peak.load(std::memory_order_relaxed)) peak.store(used, std::memory_order_relaxed);
}

void NoteStartupMemory(const ServerParts& parts) {
  parts.stats->startup_memory_bytes.store(UsedNow(parts), std::memory_order_relaxed);
}

MemoryReport GatherMemory(const ServerParts& parts) {
  NotePeakMemory(parts);
  MemoryReport report;
  report.keyspace = parts.keyspace->Memory();
  report.used = UsedNow(parts);
  report.resident = memory::ResidentSetBytes();
  report.peak = std::max(report.used, parts.stats->peak_memory_bytes.load(std::memory_order_relaxed));
  report.startup = parts.stats->startup_memory_bytes.load(std::memory_order_relaxed);
  report.system_total = MachineBytes();
  for (uint32_t db = 0; db < parts.keyspace->database_count(); ++db) report.key_count += parts.keyspace->KeyCount(db);
  if (parts.persistence != nullptr) report.snapshot_buffers = parts.persistence->Snapshots().buffer_bytes;
  report.uncounted = MemoryGuard::UncountedBytes(parts);
  report.client_bytes = parts.stats->Sum(&WorkerStats::client_bytes);
  // The index is overhead, entries with their values are data.
  const uint64_t data = report.keyspace.UsedBytes() - report.keyspace.index_bytes - report.keyspace.overflow_bytes;
  report.dataset = std::min(report.used, data);
  report.overhead = report.used - report.dataset;
  report.allocator = memory::Stats();
  // Entries and buckets live outside of the allocator; without them its figures would say little.
  const uint64_t own = report.keyspace.entry_bytes + report.keyspace.index_bytes;
  const uint64_t own_pages = report.keyspace.page_bytes + report.keyspace.index_bytes;
  report.allocator.allocated_bytes += own;
  report.allocator.active_bytes += own_pages;
  report.allocator.resident_bytes += own_pages;
  return report;
}

}  // namespace cachenode
