// The names that files of a catalogue have, and the two locks that keep processes sharing one folder apart.
//
// Thread-safety: paths are pure functions. A CatalogueLock belongs to the thread that took it.
//
//   NAME.rdb, NAME.json            a snapshot: data and metadata; it exists exactly when NAME.json does
//   .NAME.creating.rdb, .json      one that is being made; locked for as long as its maker lives
//   .NAME.deleting.json            one that is being deleted: metadata that was moved away first
//   .lock                          taken for the moments in which snapshots appear and disappear
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "persistence/file_stream.h"
#include "persistence/file_system.h"
#include "storage/base/result.h"

namespace cachenode {

struct CataloguePaths {
  std::string directory;

  [[nodiscard]] std::string Data(std::string_view name) const { return Path({}, name, ".rdb"); }
  [[nodiscard]] std::string Metadata(std::string_view name) const { return Path({}, name, ".json"); }
  [[nodiscard]] std::string DraftData(std::string_view name) const { return Path(".", name, ".creating.rdb"); }
  [[nodiscard]] std::string DraftMetadata(std::string_view name) const { return Path(".", name, ".creating.json"); }
  [[nodiscard]] std::string Deleting(std::string_view name) const { return Path(".", name, ".deleting.json"); }
  [[nodiscard]] std::string Lock() const { return directory + "/.lock"; }

 private:
  [[nodiscard]] std::string Path(std::string_view before, std::string_view name, std::string_view after) const {
    return directory + '/' + std::string(before) + std::string(name) + std::string(after);
  }
};

enum class CatalogueFile : uint8_t { kMetadata, kDraftData, kDraftMetadata, kDeleting };
struct CatalogueFileName {
  CatalogueFile kind;
  std::string name;  // Of the snapshot.
};
// What a file of the folder is; empty for data files, which say nothing, and for files that are not ours.
[[nodiscard]] std::optional<CatalogueFileName> ParseCatalogueFile(std::string_view file_name);

// Held while it lives.
class CatalogueLock {
 public:
  // Others hold it for moments only; who cannot get it for so long gives up.
  static constexpr int kWaitMsMax = 10'000;

  static Result<CatalogueLock> Take(const CataloguePaths& paths, FileSystem& files);

 private:
  explicit CatalogueLock(OpenFile file) noexcept : file_(std::move(file)) {}
  OpenFile file_;
};

}  // namespace cachenode
