// A fresh folder for the files of one test, so that two copies of a test program never meet in one file.
//
// Thread-safety: one test thread makes and destroys it; any may read its paths. The folder and all that is in it go
// with the object, which is therefore declared before what uses it.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

namespace cachenode {

class ScratchFolder {
 public:
  // Throws std::system_error, which fails the test, when there can be no such folder.
  ScratchFolder() {
    if (mkdtemp(path_.data()) != nullptr) return;
    throw std::system_error(errno, std::generic_category(), "cannot make the test's folder " + path_);
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  // Without a slash at its end.
  [[nodiscard]] const std::string& path() const { return path_; }
  // The path of `name` in the folder.
  [[nodiscard]] std::string File(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_ = testing::TempDir() + "cachenode-test-XXXXXX";
};

}  // namespace cachenode
