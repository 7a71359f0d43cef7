#include "storage/base/memory_ceiling.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/scratch_folder.h"

namespace cachenode {
namespace {

constexpr uint64_t kMb = uint64_t{1} << 20;

class MemoryCeiling : public ::testing::Test {
 protected:
  void Write(const std::string& path, const std::string& text) {
    const std::filesystem::path full = root_.File(path);
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full) << text;
  }
  [[nodiscard]] uint64_t Limit() const { return ReadGroupMemoryLimit(root_.File("cgroup"), root_.File("fs")); }

  const ScratchFolder root_;
};

TEST_F(MemoryCeiling, NoFileNoLimit) { EXPECT_EQ(Limit(), 0U); }

TEST_F(MemoryCeiling, TakesTheSmallestOnTheWayUp) {
  Write("cgroup", "0::/outer/inner\n");
  Write("fs/outer/inner/memory.max", "max\n");
  Write("fs/outer/memory.max", "536870912\n");
  Write("fs/memory.max", "1073741824\n");
  EXPECT_EQ(Limit(), 512 * kMb);
}

TEST_F(MemoryCeiling, ReadsTheFirstVersionToo) {
  Write("cgroup", "5:cpu,cpuacct:/a\n3:memory:/a\n");
  Write("fs/memory/a/memory.limit_in_bytes", "268435456\n");
  EXPECT_EQ(Limit(), 256 * kMb);
}

TEST_F(MemoryCeiling, ALimitBeyondTheMachineIsNone) {
  Write("cgroup", "3:memory:/\n");
  Write("fs/memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(Limit(), 0U);
}

TEST_F(MemoryCeiling, NonsenseIsNoLimit) {
  Write("cgroup", "0::/x\nno colons\n");
  Write("fs/x/memory.max", "lots\n");
  EXPECT_EQ(Limit(), 0U);
}

TEST(MemoryCeilingFor, LeavesRoomForTheRest) {
  EXPECT_EQ(MemoryCeilingFor(0), 0U);
  EXPECT_EQ(MemoryCeilingFor(512 * kMb), 432 * kMb);
  EXPECT_GE(MemoryCeilingFor(8 * kMb), 4 * kMb);
}

}  // namespace
}  // namespace cachenode
