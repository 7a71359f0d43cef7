#include "server/config/embedded_conf.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "tests/support/source_path.h"

namespace cachenode {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(EmbeddedConf, EveryFileIsCarriedByteForByte) {
  ASSERT_FALSE(EmbeddedFiles().empty());
  for (const EmbeddedFile& file : EmbeddedFiles()) {
    EXPECT_EQ(file.bytes, ReadFile(SourcePath("conf/" + std::string(file.path)))) << file.path;
  }
}

TEST(EmbeddedConf, FindsByPathAndAnswersEmptyForAnUnknownOne) {
  EXPECT_NE(FindEmbeddedFile(kDefaultConfPath).find("port 6379"), std::string_view::npos);
  EXPECT_TRUE(FindEmbeddedFile("no-such.conf").empty());
}

}  // namespace
}  // namespace cachenode
