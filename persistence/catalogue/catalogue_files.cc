#include "persistence/catalogue/catalogue_files.h"

#include <cerrno>
#include <chrono>
#include <thread>

#include "persistence/catalogue/snapshot_name.h"

namespace cachenode {
namespace {

struct Pattern {
  CatalogueFile kind;
  std::string_view before;
  std::string_view after;
};
constexpr Pattern kPatterns[] = {
    {CatalogueFile::kDraftData, ".", ".creating.rdb"},
    {CatalogueFile::kDraftMetadata, ".", ".creating.json"},
    {CatalogueFile::kDeleting, ".", ".deleting.json"},
    {CatalogueFile::kMetadata, "", ".json"},
};

}  // namespace

std::optional<CatalogueFileName> ParseCatalogueFile(std::string_view file_name) {
  for (const Pattern& pattern : kPatterns) {
    if (!file_name.starts_with(pattern.before) || !file_name.ends_with(pattern.after)) continue;
    if (file_name.size() <= pattern.before.size() + pattern.after.size()) continue;
    std::string_view name = file_name.substr(pattern.before.size());
    name.remove_suffix(pattern.after.size());
    if (IsSnapshotName(name)) return CatalogueFileName{pattern.kind, std::string(name)};
  }
  return std::nullopt;
}

Result<CatalogueLock> CatalogueLock::Take(const CataloguePaths& paths, FileSystem& files) {
  constexpr int kPauseMs = 5;
  OpenFile file(files, files.OpenToWrite(paths.Lock()));
  if (!file) return SystemError("cannot create", paths.Lock());
  for (int waited_ms = 0; files.TryLock(file.number()) != 0; waited_ms += kPauseMs) {
    if (errno != EWOULDBLOCK) return SystemError("cannot lock", paths.Lock());
    if (waited_ms >= kWaitMsMax) {
      return Status::WithText(Err::kIo, paths.Lock() + " is held by another process");
    }
    // tidy: allow(sleep) Another process has it for some system calls; this thread is none of a loop.
    std::this_thread::sleep_for(std::chrono::milliseconds(kPauseMs));
  }
  return CatalogueLock(std::move(file));
}

}  // namespace cachenode
