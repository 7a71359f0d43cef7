#include "persistence/catalogue/stream_check.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

#include "persistence/catalogue/snapshot_catalogue.h"
#include "storage/base/bytes.h"
#include "storage/base/crc64.h"
#include "tests/support/source_path.h"

namespace cachenode {
namespace {

std::string Rdb() {
  std::ifstream file(SourcePath("tests/unit/persistence/data/redis7.0.15-collections.rdb"), std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

Result<RdbSummary> CheckPieces(std::string_view bytes, size_t piece_bytes) {
  Result<std::unique_ptr<StreamCheck>> check = StreamCheck::Start(nullptr);
  if (!check) return check.error();
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece_bytes, bytes.size()))) {
    if (!(*check)->Write(bytes.substr(0, piece_bytes)).ok()) break;
  }
  return (*check)->Finish();
}

TEST(StreamCheck, SaysWhatACheckOfTheFileSays) {
  const std::string bytes = Rdb();
  for (const size_t piece : {size_t{1}, size_t{1000}, bytes.size()}) {
    Result<RdbSummary> summary = CheckPieces(bytes, piece);
    ASSERT_TRUE(summary.ok()) << summary.status().text();
    EXPECT_EQ(summary->size_bytes, bytes.size());
    EXPECT_GT(summary->key_count, 0U);
    EXPECT_TRUE(summary->has_stored_checksum);
  }
}

// Two and a half times as much as its buffer, which the checksum in the file covers.
TEST(StreamCheck, PassesEveryByteOnWhereItsBufferEnds) {
  std::string bytes = "REDIS0010";
  uint64_t keys = 0;
  for (; bytes.size() < StreamCheck::kBufferBytes * 5 / 2; ++keys) {
    const std::string key = std::to_string(1'000'000 + keys);
    bytes.append({'\x00', static_cast<char>(key.size())})
        .append(key)
        .append("\x3F")
        .append(63, static_cast<char>(keys));
  }
  bytes.push_back('\xFF');
  char checksum[8];
  StoreLittleEndian(checksum, Crc64(0, bytes));
  bytes.append(checksum, sizeof(checksum));
  for (const size_t piece : {size_t{1009}, size_t{300'007}, StreamCheck::kBufferBytes - 1, bytes.size()}) {
    Result<RdbSummary> summary = CheckPieces(bytes, piece);
    ASSERT_TRUE(summary.ok()) << summary.status().text();
    EXPECT_EQ(summary->key_count, keys);
    EXPECT_EQ(summary->size_bytes, bytes.size());
  }
}

TEST(StreamCheck, RefusesWhatIsDamagedOrCutOff) {
  std::string bytes = Rdb();
  EXPECT_EQ(CheckPieces(bytes.substr(0, bytes.size() - 9), 700).status().code(), Err::kCorrupt);
  EXPECT_EQ(CheckPieces("", 1).status().code(), Err::kCorrupt);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  EXPECT_EQ(CheckPieces(bytes, 700).status().code(), Err::kCorrupt);
  // Much more than fits into the buffer: a writer does not wait for a check that has ended.
  EXPECT_EQ(CheckPieces("no RDB" + std::string(3 * StreamCheck::kBufferBytes, 'x'), 100'000).status().code(),
            Err::kCorrupt);
}

TEST(StreamCheck, CanBeGivenUp) {
  Result<std::unique_ptr<StreamCheck>> check = StreamCheck::Start(nullptr);
  ASSERT_TRUE(check.ok());
  ASSERT_TRUE((*check)->Write(std::string_view(Rdb()).substr(0, 100)).ok());
  check->reset();  // Ends, although the rest never comes.
}

class MemoryData final : public ByteSource {
 public:
  explicit MemoryData(std::string bytes) : bytes_(std::move(bytes)) {}
  Result<size_t> Read(std::span<char> into) override {
    const size_t count = std::min<size_t>({into.size(), bytes_.size() - at_, 100});
    std::copy_n(bytes_.begin() + static_cast<ptrdiff_t>(at_), count, into.begin());
    at_ += count;
    return count;
  }
  [[nodiscard]] int64_t SizeBytes() const override { return -1; }

 private:
  const std::string bytes_;
  size_t at_ = 0;
};

Status ReadPublished(const std::string& bytes, const SnapshotMetadata& metadata) {
  PublishedSource source(std::make_unique<MemoryData>(bytes), metadata, "the data");
  char buffer[64];
  for (;;) {
    Result<size_t> got = source.Read(buffer);
    if (!got) return got.error();
    if (*got == 0) return Status::Ok();
  }
}

TEST(PublishedSource, EndsOnlyAfterWhatWasPublished) {
  const std::string bytes = Rdb();
  SnapshotMetadata metadata;
  Result<RdbSummary> summary = CheckPieces(bytes, bytes.size());
  ASSERT_TRUE(summary.ok());
  FillMetadata(*summary, metadata);
  EXPECT_TRUE(ReadPublished(bytes, metadata).ok());
  std::string other = bytes;
  other[20] = static_cast<char>(other[20] ^ 1);
  for (const std::string& wrong : {other, bytes.substr(0, bytes.size() - 1), bytes + "x", std::string()}) {
    const Status status = ReadPublished(wrong, metadata);
    EXPECT_EQ(status.code(), Err::kCorrupt);
    EXPECT_TRUE(status.text().starts_with("the data is not what was published: ")) << status.text();
  }
}

}  // namespace
}  // namespace cachenode
