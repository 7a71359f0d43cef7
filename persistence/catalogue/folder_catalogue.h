// A catalogue in one folder of a disk.
//
// Thread-safety and errors: see snapshot_catalogue.h.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "persistence/catalogue/catalogue_files.h"
#include "persistence/catalogue/snapshot_catalogue.h"
#include "persistence/file_system.h"

namespace cachenode {

class FolderCatalogue final : public SnapshotCatalogue {
 public:
  // `directory` need not be there yet: its parent must, when the first snapshot is made.
  explicit FolderCatalogue(std::string directory, FileSystem& files = FileSystem::Real());

  [[nodiscard]] std::string Place() const override { return paths_.directory; }
  [[nodiscard]] std::string DataPlace(std::string_view name) const override { return paths_.Data(name); }
  [[nodiscard]] bool IsRemote() const noexcept override { return false; }

  Result<std::vector<std::string>> Recover() override;
  Result<std::vector<SnapshotEntry>> List() const override;
  Result<SnapshotEntry> Find(std::string_view name) const override;
  // The draft is a locked file, so that other processes know that its maker lives.
  Result<std::unique_ptr<SnapshotDraft>> Create(SnapshotMetadata metadata,
                                                const std::atomic<bool>* stop = nullptr) override;
  Status Delete(std::string_view name) override;
  // What is open can be read to its end, whoever deletes the snapshot.
  Result<std::unique_ptr<SnapshotData>> OpenData(const SnapshotMetadata& metadata,
                                                 const std::atomic<bool>* stop = nullptr) const override;

 private:
  [[nodiscard]] Status MakeDirectory();
  [[nodiscard]] SnapshotEntry Read(const std::string& name) const;
  [[nodiscard]] Result<std::string> ReadMetadataFile(const std::string& path) const;
  [[nodiscard]] Status FinishDelete(const std::string& name);
  [[nodiscard]] Status RecoverDraft(const std::string& name, std::vector<std::string>& done);

  const CataloguePaths paths_;
  FileSystem& files_;
};

}  // namespace cachenode
