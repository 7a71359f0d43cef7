#include "protocol/reply_buffer.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

#include "storage/base/memory.h"
#include "storage/base/random.h"

namespace cachenode {
namespace {

std::string Gather(const ReplyBuffer& buffer, size_t pieces_max = 1024) {
  std::vector<iovec> pieces(pieces_max);
  const size_t count = buffer.FillIovecs(pieces);
  std::string all;
  for (size_t i = 0; i < count; ++i) all.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
  return all;
}

ByteBlockRef MakeBlock(size_t size, char fill) {
  ByteBlockRef block = ByteBlockRef::Create(size);
  std::fill_n(block->mutable_data(), size, fill);
  return block;
}

TEST(ReplyBuffer, HoldsNothingWhenEmpty) {
  ChunkPool pool;
  ReplyBuffer buffer(pool);
  EXPECT_EQ(pool.borrowed_count(), 0U);
  EXPECT_EQ(buffer.MemoryBytes(), 0U);
  buffer.Append("abc");
  EXPECT_EQ(pool.borrowed_count(), 1U);
  EXPECT_EQ(Gather(buffer), "abc");
  buffer.Consume(1);
  EXPECT_EQ(Gather(buffer), "bc");
  buffer.Consume(2);
  EXPECT_EQ(pool.borrowed_count(), 0U);
  EXPECT_EQ(buffer.MemoryBytes(), 0U);
  EXPECT_EQ(buffer.consumed_bytes(), 3U);
}

TEST(ReplyBuffer, ReusesChunksAndKeepsOnlySome) {
  ChunkPool pool;
  const size_t bytes = (ChunkPool::kFreeChunksMax + 20) * ChunkPool::kChunkBytes;
  {
    ReplyBuffer buffer(pool);
    buffer.Append(std::string(bytes, 'x'));
    EXPECT_EQ(pool.borrowed_count(), ChunkPool::kFreeChunksMax + 20);
    EXPECT_EQ(buffer.SizeBytes(), bytes);
  }
  EXPECT_EQ(pool.borrowed_count(), 0U);
  EXPECT_EQ(pool.free_count(), ChunkPool::kFreeChunksMax);
}

TEST(ReplyBuffer, GivesChunksBackThatNobodyNeeded) {
  ChunkPool pool;
  const auto use = [&pool](size_t chunks) {
    ReplyBuffer buffer(pool);
    buffer.Append(std::string(chunks * ChunkPool::kChunkBytes, 'x'));
  };
  use(10);
  pool.Trim();
  EXPECT_EQ(pool.free_count(), 10U);  // They were in use since the call before.
  use(3);
  pool.Trim();
  EXPECT_EQ(pool.free_count(), 3U);
  const size_t used_bytes = memory::UsedBytes();
  pool.Trim();
  EXPECT_EQ(pool.free_count(), 0U);
  EXPECT_EQ(memory::UsedBytes(), used_bytes);
  use(2);
  EXPECT_EQ(pool.free_count(), 2U);
}

TEST(ReplyBuffer, LeavesItToThePoolsOwnerToCountItsChunks) {
  const int64_t before_bytes = memory::ThreadBytes();
  {
    ChunkPool pool;
    for (int round = 0; round < 3; ++round) {
      ReplyBuffer buffer(pool);
      for (size_t i = 0; i < ChunkPool::kFreeChunksMax + 10; ++i)
        buffer.Append(std::string(ChunkPool::kChunkBytes, 'x'));
      EXPECT_GE(pool.borrowed_count(), ChunkPool::kFreeChunksMax + 10);
      // The lists of pieces and of free chunks count as everything does.
      EXPECT_LT(memory::ThreadBytes(), before_bytes + static_cast<int64_t>(ChunkPool::kChunkBytes));
    }
  }
  EXPECT_EQ(memory::ThreadBytes(), before_bytes);
}

TEST(ReplyBuffer, SendsPinnedBlocksFromWhereTheyLie) {
  ChunkPool pool;
  ReplyBuffer buffer(pool);
  ByteBlockRef block = MakeBlock(20000, 'p');
  buffer.Append("head");
  buffer.AppendPinned(block, block->view().substr(1));
  buffer.Append("tail");
  EXPECT_FALSE(block->IsUnique());
  std::vector<iovec> pieces(8);
  ASSERT_EQ(buffer.FillIovecs(pieces), 3U);
  EXPECT_EQ(pieces[1].iov_base, block->data() + 1);
  EXPECT_EQ(buffer.SizeBytes(), 4U + 19999U + 4U);
  EXPECT_GE(buffer.MemoryBytes(), block->MemoryBytes());
  buffer.Consume(4 + 19998);
  EXPECT_FALSE(block->IsUnique());
  EXPECT_EQ(Gather(buffer), "ptail");
  buffer.Consume(1);
  EXPECT_TRUE(block->IsUnique());
  EXPECT_EQ(Gather(buffer), "tail");
}

TEST(ReplyBuffer, RollsBackOverChunksAndBlocks) {
  ChunkPool pool;
  ReplyBuffer buffer(pool);
  ByteBlockRef block = MakeBlock(30000, 'p');
  buffer.Append("kept");
  const ReplyBuffer::Mark mark = buffer.MarkHere();
  buffer.Append(std::string(40000, 'x'));
  buffer.AppendPinned(block, block->view());
  buffer.AppendPinned(block, block->view());
  buffer.Append("more");
  buffer.RollbackTo(mark);
  EXPECT_EQ(buffer.ToString(), "kept");
  EXPECT_TRUE(block->IsUnique());
  EXPECT_EQ(pool.borrowed_count(), 1U);
  buffer.Append(" and new");
  EXPECT_EQ(buffer.ToString(), "kept and new");
  buffer.Clear();
  EXPECT_EQ(pool.borrowed_count(), 0U);
}

TEST(ReplyBuffer, RollsBackToNothing) {
  ChunkPool pool;
  ReplyBuffer buffer(pool);
  const ReplyBuffer::Mark mark = buffer.MarkHere();
  buffer.Append("gone");
  buffer.RollbackTo(mark);
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(pool.borrowed_count(), 0U);
}

TEST(ReplyBuffer, FillsSlotsInAnyPlace) {
  ChunkPool pool;
  ReplyBuffer buffer(pool);
  const ReplyBuffer::Slot outer = buffer.ReserveSlot();
  const ReplyBuffer::Slot inner = buffer.ReserveSlot();
  const ReplyBuffer::Slot before_block = buffer.ReserveSlot();
  ByteBlockRef block = MakeBlock(17000, 'p');
  buffer.AppendPinned(block, block->view());
  buffer.AppendPinned(block, block->view().substr(0, 1));
  const ReplyBuffer::Slot last = buffer.ReserveSlot();
  buffer.FillSlot(last, "[last]");
  buffer.FillSlot(before_block, "[block]");
  buffer.FillSlot(inner, "[inner]");
  buffer.Append(std::string(50000, 'x'));
  buffer.FillSlot(outer, "[outer]");
  EXPECT_EQ(buffer.ToString(), "[outer][inner][block]" + std::string(17001, 'p') + "[last]" + std::string(50000, 'x'));
  EXPECT_EQ(buffer.SizeBytes(), buffer.ToString().size());
  buffer.Consume(buffer.SizeBytes());
  EXPECT_TRUE(block->IsUnique());
  EXPECT_EQ(pool.borrowed_count(), 0U);
}

TEST(ReplyBuffer, SendsNothingForAnUnfilledSlot) {
  ChunkPool pool;
  ReplyBuffer buffer(pool);
  buffer.Append("a");
  static_cast<void>(buffer.ReserveSlot());
  buffer.Append("b");
  EXPECT_EQ(buffer.ToString(), "ab");
}

// Random appends, pins, slots, marks and partial sends against one plain string.
TEST(ReplyBuffer, MatchesAStringUnderRandomOperations) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Random random(seed);
    ChunkPool pool;
    ReplyBuffer buffer(pool);
    ByteBlockRef block = MakeBlock(ReplyBuffer::kPinBytesMin, 'p');
    std::string model;
    std::string whole;
    for (int step = 0; step < 300; ++step) {
      switch (random.Below(6)) {
        case 0:
        case 1: {
          const std::string bytes(random.Below(random.Below(10) == 0 ? 40000 : 50), static_cast<char>('a' + step % 26));
          buffer.Append(bytes);
          model += bytes;
          break;
        }
        case 2:
          buffer.AppendPinned(block, block->view());
          model += block->view();
          break;
        case 3: {
          const ReplyBuffer::Slot slot = buffer.ReserveSlot();
          const std::string bytes(random.Below(20000), 's');
          buffer.Append(bytes);
          buffer.FillSlot(slot, "*12345\r\n");
          model += "*12345\r\n" + bytes;
          break;
        }
        case 4: {
          const ReplyBuffer::Mark mark = buffer.MarkHere();
          buffer.Append(std::string(random.Below(30000), 'r'));
          if (random.Below(2) == 0) buffer.AppendPinned(block, block->view());
          static_cast<void>(buffer.ReserveSlot());
          buffer.Append("rr");
          buffer.RollbackTo(mark);
          break;
        }
        default: {
          const size_t size = random.Below(2) == 0 ? model.size() : random.Below(model.size() + 1);
          buffer.Consume(size);
          model.erase(0, size);
        }
      }
      ASSERT_EQ(buffer.SizeBytes(), model.size()) << "seed " << seed << " step " << step;
      ASSERT_EQ(buffer.empty(), model.empty());
      if (model.empty()) {
        ASSERT_EQ(pool.borrowed_count(), 0U);
        ASSERT_TRUE(block->IsUnique());
        ASSERT_EQ(buffer.MemoryBytes(), 0U);
      }
      if (step % 16 == 0) {
        ASSERT_EQ(Gather(buffer, 4096), model) << "seed " << seed << " step " << step;
      }
    }
    ASSERT_EQ(buffer.ToString(), model) << "seed " << seed;
  }
}

}  // namespace
}  // namespace cachenode
