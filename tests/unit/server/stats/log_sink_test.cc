#include "server/stats/log_sink.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/scratch_folder.h"

namespace cachenode {
namespace {

class FixedClock final : public Clock {
 public:
  int64_t NowUs() const noexcept override { return 1'700'000'000'042'999; }
  int64_t MonotonicUs() const noexcept override { return 0; }
};

class LogSinkTest : public testing::Test {
 protected:
  static std::string Read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

  FixedClock clock_;
  const ScratchFolder folder_;
  const std::string file_ = folder_.File("a.log");
  ServerLogSink sink_{clock_};
};

TEST_F(LogSinkTest, LinesHaveRedisForm) {
  ASSERT_TRUE(sink_.Open({.file = file_}).ok());
  sink_.WriteLine(LogLevel::kWarning, "hello");
  sink_.SetRole(LogRole::kReplica);
  sink_.WriteLine(LogLevel::kDebug, "there");
  const std::regex form(std::to_string(::getpid()) + R"(:M \d\d Nov 2023 \d\d:\d\d:\d\d\.042 # hello\n)" +
                        std::to_string(::getpid()) + R"(:S \d\d Nov 2023 \d\d:\d\d:\d\d\.042 \. there\n)");
  EXPECT_TRUE(std::regex_match(Read(file_), form)) << Read(file_);
}

TEST_F(LogSinkTest, AppendsToWhatIsThereAndKeepsRawTextAsItIs) {
  std::ofstream(file_) << "before\n";
  ASSERT_TRUE(sink_.Open({.file = file_}).ok());
  sink_.WriteRaw(LogLevel::kNotice, "banner\n  line\n");
  EXPECT_EQ(Read(file_), "before\nbanner\n  line\n");
}

TEST_F(LogSinkTest, AMovedFileIsOpenedAnew) {
  ASSERT_TRUE(sink_.Open({.file = file_}).ok());
  sink_.WriteRaw(LogLevel::kNotice, "one\n");
  std::filesystem::rename(file_, folder_.File("a.log.1"));
  sink_.WriteRaw(LogLevel::kNotice, "two\n");
  EXPECT_EQ(Read(folder_.File("a.log.1")), "one\n");
  EXPECT_EQ(Read(file_), "two\n");
}

TEST_F(LogSinkTest, AFileThatCannotBeOpenedIsAnError) {
  EXPECT_EQ(sink_.Open({.file = "/no/such/place.log"}).text(), "Can't open the log file: No such file or directory");
}

TEST_F(LogSinkTest, ALineIsCutAtItsLimit) {
  ASSERT_TRUE(sink_.Open({.file = file_}).ok());
  sink_.WriteLine(LogLevel::kNotice, std::string(3 * kLogLineBytesMax, 'x'));
  const std::string text = Read(file_);
  EXPECT_EQ(text.size(), kLogLineBytesMax);
  EXPECT_EQ(text.back(), '\n');
}

TEST_F(LogSinkTest, LinesOfSeveralThreadsDoNotMix) {
  ASSERT_TRUE(sink_.Open({.file = file_}).ok());
  constexpr int kLines = 200;
  std::vector<std::thread> threads;
  for (const char letter : {'a', 'b', 'c'}) {
    threads.emplace_back([this, letter] {
      for (int i = 0; i < kLines; ++i) sink_.WriteLine(LogLevel::kNotice, std::string(300, letter));
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::ifstream file(file_);
  int lines = 0;
  for (std::string line; std::getline(file, line); ++lines) {
    const std::string tail = line.substr(line.size() - 300);
    EXPECT_EQ(tail, std::string(300, tail[0]));
  }
  EXPECT_EQ(lines, 3 * kLines);
}

}  // namespace
}  // namespace cachenode
