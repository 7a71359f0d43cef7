#include "server/load_exit_code.h"

#include <gtest/gtest.h>

namespace cachenode {
namespace {

int CodeOf(Err code, LoadSource source = LoadSource::kData) { return static_cast<int>(ExitCodeOf(code, source)); }

TEST(LoadExitCode, IsWhatTheReadmeSays) {
  EXPECT_EQ(CodeOf(Err::kOutOfMemory), 10);
  EXPECT_EQ(CodeOf(Err::kOutOfMemory, LoadSource::kStore), 10);
  EXPECT_EQ(CodeOf(Err::kUnavailable), 11);
  EXPECT_EQ(CodeOf(Err::kCorrupt), 12);
  EXPECT_EQ(CodeOf(Err::kCorrupt, LoadSource::kCatalogue), 12);
  EXPECT_EQ(CodeOf(Err::kUnavailable, LoadSource::kStore), 13);
  EXPECT_EQ(CodeOf(Err::kIo, LoadSource::kStore), 13);
  EXPECT_EQ(CodeOf(Err::kNoSuchKey, LoadSource::kCatalogue), 14);
  EXPECT_EQ(CodeOf(Err::kText, LoadSource::kCatalogue), 14);
  EXPECT_EQ(CodeOf(Err::kIo), 15);
  EXPECT_EQ(CodeOf(Err::kIo, LoadSource::kCatalogue), 15);
  EXPECT_EQ(CodeOf(Err::kConfig, LoadSource::kStore), 16);
  EXPECT_EQ(CodeOf(Err::kText), 1);
}

}  // namespace
}  // namespace cachenode
