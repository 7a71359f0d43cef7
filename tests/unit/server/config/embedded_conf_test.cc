#include "server/config/embedded_conf.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

namespace cachenode {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(EmbeddedConf, EveryFileIsCarriedByteForByte) {
  ASSERT_FALSE(EmbeddedFiles().empty());
  for (const EmbeddedFile& file : EmbeddedFiles()) {
    EXPECT_EQ(file.bytes, ReadFile(std::string(CACHENODE_SOURCE_DIR "/conf/").append(file.path))) << file.path;
  }
}

TEST(EmbeddedConf, FindsByPathAndAnswersEmptyForAnUnknownOne) {
  EXPECT_NE(FindEmbeddedFile(kDefaultConfPath).find("port 6379"), std::string_view::npos);
  EXPECT_TRUE(FindEmbeddedFile("no-such.conf").empty());
}

}  // namespace
}  // namespace cachenode
