#include "storage/value/counted_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "storage/base/random.h"
#include "tests/support/property.h"

namespace cachenode {
namespace {

// Allocations that still succeed, inner nodes and leaves alike; negative: all do.
int allocations_left = -1;
int leaves_alive = 0;

bool MayAllocate() {
  if (allocations_left == 0) return false;
  if (allocations_left > 0) --allocations_left;
  return true;
}

struct FailingHeap {
  static void* Allocate(size_t size_bytes) noexcept { return MayAllocate() ? memory::Allocate(size_bytes) : nullptr; }
};

// A leaf of sorted numbers.
struct NumberLeaf : NodeRefs {
  explicit NumberLeaf(std::vector<int> of) : numbers(std::move(of)) { ++leaves_alive; }
  ~NumberLeaf() { --leaves_alive; }
  std::vector<int> numbers;
};

struct ByNumber {
  using Heap = FailingHeap;
  using Leaf = NumberLeaf;
  using Key = int;
  static uint64_t Count(const Leaf& leaf) noexcept { return leaf.numbers.size(); }
  static Key FirstKey(const Leaf& leaf) noexcept { return leaf.numbers.front(); }
  static size_t MemoryBytes(const Leaf& leaf) noexcept { return leaf.numbers.size() * sizeof(int); }
  static Leaf* Clone(const Leaf& leaf) noexcept { return MayAllocate() ? new NumberLeaf(leaf.numbers) : nullptr; }
  static void Destroy(Leaf* leaf) noexcept { delete leaf; }
};

// The same without keys, as lists use it.
struct ByRank : ByNumber {
  struct Key {};
  static Key FirstKey(const Leaf&) noexcept { return {}; }
};

using NumberTree = CountedTree<ByNumber>;
using RankTree = CountedTree<ByRank>;

template <typename Tree>
std::vector<int> Forwards(const Tree& tree) {
  std::vector<int> all;
  for (auto path = tree.First(); !path.IsEnd(); tree.Next(path)) {
    all.insert(all.end(), path.leaf().numbers.begin(), path.leaf().numbers.end());
  }
  return all;
}

template <typename Tree>
std::vector<int> Backwards(const Tree& tree) {
  std::vector<int> all;
  for (auto path = tree.Last(); !path.IsEnd(); tree.Previous(path)) {
    all.insert(all.end(), path.leaf().numbers.rbegin(), path.leaf().numbers.rend());
  }
  std::reverse(all.begin(), all.end());
  return all;
}

NumberTree::Path PathFor(const NumberTree& tree, int number) {
  return tree.Seek([number](int first_key, const NumberTree::FirstLeaf& first) {
    EXPECT_EQ(first.get().numbers.front(), first_key);
    return first_key > number;
  });
}

// Inserts and removes single numbers, splitting leaves of more than kLeafMax and removing empty ones, as the types do.
class NumberSet {
 public:
  static constexpr size_t kLeafMax = 4;

  // False when there was no memory; the contents are then as before.
  bool Insert(int number) {
    if (tree_.IsEmpty()) return AppendLeaf({number});
    NumberTree::Path path = PathFor(tree_, number);
    NumberLeaf* const leaf = tree_.EditLeaf(path);
    if (leaf == nullptr) return false;
    auto at = std::lower_bound(leaf->numbers.begin(), leaf->numbers.end(), number);
    if (leaf->numbers.size() < kLeafMax) {
      leaf->numbers.insert(at, number);
      tree_.AddMemory(sizeof(int));
      tree_.LeafChanged(path);
      return true;
    }
    return Split(path, *leaf, number);
  }

  bool Erase(int number) {
    NumberTree::Path path = PathFor(tree_, number);
    if (path.leaf().numbers.size() == 1) return tree_.RemoveLeaf(path);
    NumberLeaf* const leaf = tree_.EditLeaf(path);
    if (leaf == nullptr) return false;
    leaf->numbers.erase(std::find(leaf->numbers.begin(), leaf->numbers.end(), number));
    tree_.AddMemory(-static_cast<int64_t>(sizeof(int)));
    tree_.LeafChanged(path);
    return true;
  }

  // Unshares the leaf of `number` and puts a copy in its place.
  bool Replace(int number) {
    NumberTree::Path path = PathFor(tree_, number);
    auto* const copy = new NumberLeaf(path.leaf().numbers);
    if (tree_.ReplaceLeaf(path, copy)) return true;
    delete copy;
    return false;
  }

  NumberTree& tree() { return tree_; }

 private:
  bool AppendLeaf(std::vector<int> numbers) {
    auto* const leaf = new NumberLeaf(std::move(numbers));
    if (tree_.Append(leaf)) return true;
    delete leaf;
    return false;
  }

  bool Split(NumberTree::Path& path, NumberLeaf& leaf, int number) {
    std::vector<int> all = leaf.numbers;
    all.insert(std::lower_bound(all.begin(), all.end(), number), number);
    const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
    const bool before = all.front() % 2 == 0;  // Both ways of inserting get their share.
    auto* const fresh = before ? new NumberLeaf({all.begin(), middle}) : new NumberLeaf({middle, all.end()});
    if (!(before ? tree_.InsertBefore(path, fresh) : tree_.InsertAfter(path, fresh))) {
      delete fresh;
      return false;
    }
    EXPECT_EQ(&path.leaf(), &leaf);
    const size_t old_size = leaf.numbers.size();
    leaf.numbers = before ? std::vector<int>(middle, all.end()) : std::vector<int>(all.begin(), middle);
    tree_.AddMemory((static_cast<int64_t>(leaf.numbers.size()) - static_cast<int64_t>(old_size)) *
                    static_cast<int64_t>(sizeof(int)));
    tree_.LeafChanged(path);
    return true;
  }

  NumberTree tree_;
};

TEST(CountedTree, IsEmptyAtFirst) {
  RankTree tree;
  uint64_t offset = 0;
  EXPECT_TRUE(tree.First().IsEnd());
  EXPECT_TRUE(tree.Last().IsEnd());
  EXPECT_TRUE(tree.AtRank(0, offset).IsEnd());
  EXPECT_TRUE(tree.IsConsistent());
  EXPECT_EQ(tree.memory_bytes(), 0U);
}

TEST(CountedTree, FindsEveryElementByItsRank) {
  RankTree tree;
  for (int i = 0; i < 30000; i += 3) ASSERT_TRUE(tree.Append(new NumberLeaf({i, i + 1, i + 2})));
  ASSERT_TRUE(tree.IsConsistent());
  EXPECT_EQ(tree.element_count(), 30000U);
  EXPECT_EQ(tree.leaf_count(), 10000U);
  EXPECT_EQ(tree.height(), 3U);
  for (uint64_t rank = 0; rank < 30000; rank += 7) {
    uint64_t offset = 0;
    const RankTree::Path path = tree.AtRank(rank, offset);
    ASSERT_EQ(path.leaf().numbers[offset], static_cast<int>(rank));
    ASSERT_EQ(tree.RankOf(path) + offset, rank);
  }
}

TEST(CountedTree, GrowsAtItsFrontAsFullAsAtItsEnd) {
  RankTree front;
  RankTree back;
  for (int i = 0; i < 5000; ++i) {
    RankTree::Path path = front.First();
    ASSERT_TRUE(front.InsertBefore(path, new NumberLeaf({4999 - i})));
    ASSERT_TRUE(back.Append(new NumberLeaf({i})));
  }
  EXPECT_TRUE(front.IsConsistent());
  EXPECT_EQ(Forwards(front), Forwards(back));
  EXPECT_EQ(front.height(), 3U);
  // 16 bytes for each leaf in the lowest level, a sixtieth of it above, and what the outermost nodes keep free.
  EXPECT_LT(front.memory_bytes(), 5000 * (sizeof(int) + 16) * 21 / 20 + 4096);
  EXPECT_LT(back.memory_bytes(), 5000 * (sizeof(int) + 16) * 21 / 20 + 4096);
}

TEST(CountedTree, FreesEverything) {
  {
    RankTree tree;
    for (int i = 0; i < 3000; ++i) ASSERT_TRUE(tree.Append(new NumberLeaf({i})));
    RankTree shared = tree.Share();
    for (RankTree::Path path = tree.First(); !path.IsEnd(); path = tree.First()) ASSERT_TRUE(tree.RemoveLeaf(path));
    EXPECT_TRUE(tree.IsEmpty());
    EXPECT_TRUE(tree.IsConsistent());
    EXPECT_EQ(leaves_alive, 3000);
    EXPECT_TRUE(shared.IsConsistent());
    EXPECT_EQ(Forwards(shared).size(), 3000U);
  }
  EXPECT_EQ(leaves_alive, 0);
}

TEST(CountedTree, CopyingOnWriteChargesNothing) {
  NumberSet set;
  for (int i = 0; i < 2000; ++i) ASSERT_TRUE(set.Insert(i));
  const size_t memory_bytes = set.tree().memory_bytes();
  const NumberTree shared = set.tree().Share();
  for (int i = 0; i < 2000; i += 50) {
    NumberTree::Path path = PathFor(set.tree(), i);
    const NumberLeaf* const before = &path.leaf();
    NumberLeaf* const leaf = set.tree().EditLeaf(path);
    ASSERT_NE(leaf, nullptr);
    EXPECT_NE(leaf, before);
    EXPECT_EQ(set.tree().EditLeaf(path), leaf);
  }
  EXPECT_EQ(set.tree().memory_bytes(), memory_bytes);
  EXPECT_TRUE(set.tree().IsConsistent());
}

struct Clone {
  NumberTree tree;
  std::vector<int> numbers;
};

// Random changes against a sorted vector, with clones taken at random moments that must keep what they hold, and in
// `with_failures` an allocator that fails every now and then, after which nothing may have changed.
void RunRandomChanges(uint64_t seed, bool with_failures) {
  Random random(seed);
  {
    NumberSet set;
    std::vector<int> model;
    std::vector<Clone> clones;
    const bool grows_first = random.Below(2) == 0;
    for (int step = 0; step < 3000; ++step) {
      const uint64_t insert_of_10 = (step < 1500) == grows_first ? 7 : 3;
      if (with_failures && random.Below(4) == 0) allocations_left = static_cast<int>(random.Below(4));
      const int number = static_cast<int>(random.Below(1 << 20));
      if (model.empty() || random.Below(10) < insert_of_10) {
        if (set.Insert(number)) model.insert(std::lower_bound(model.begin(), model.end(), number), number);
      } else if (random.Below(8) == 0) {
        (void)set.Replace(model[random.Below(model.size())]);
      } else {
        const auto at = model.begin() + static_cast<std::ptrdiff_t>(random.Below(model.size()));
        if (set.Erase(*at)) model.erase(at);
      }
      allocations_left = -1;
      ASSERT_EQ(set.tree().element_count(), model.size());
      if (random.Below(100) == 0) clones.push_back({set.tree().Share(), model});
      if (random.Below(150) == 0 && !clones.empty()) clones.erase(clones.begin());
      if (step % 97 == 0) {
        ASSERT_TRUE(set.tree().IsConsistent());
        ASSERT_EQ(Forwards(set.tree()), model);
        ASSERT_EQ(Backwards(set.tree()), model);
      }
    }
    for (const Clone& clone : clones) {
      ASSERT_TRUE(clone.tree.IsConsistent());
      ASSERT_EQ(Forwards(clone.tree), clone.numbers);
    }
  }
  ASSERT_EQ(leaves_alive, 0);
}

TEST(CountedTree, MatchesAModelUnderRandomChanges) {
  SCOPED_TRACE(PropertyTrace());
  for (size_t round = 0; round < PropertyRounds(20); ++round) RunRandomChanges(PropertySeed() + round, false);
}

TEST(CountedTree, IsUnchangedWhenThereIsNoMemory) {
  SCOPED_TRACE(PropertyTrace());
  for (size_t round = 0; round < PropertyRounds(20); ++round) RunRandomChanges(PropertySeed() + round, true);
}

// Sorted and reversed growth, then removal from either end and from the middle: the shapes random changes do not make.
TEST(CountedTree, KeepsItsShapeUnderOrderedChanges) {
  for (const int direction : {1, -1}) {
    NumberSet set;
    for (int i = 0; i < 20000; ++i) ASSERT_TRUE(set.Insert(i * direction));
    ASSERT_TRUE(set.tree().IsConsistent());
    for (int i = 6000; i < 14000; ++i) ASSERT_TRUE(set.Erase(i * direction));
    ASSERT_TRUE(set.tree().IsConsistent());
    for (int i = 0; i < 6000; ++i) ASSERT_TRUE(set.Erase(i * direction));
    ASSERT_TRUE(set.tree().IsConsistent());
    for (int i = 19999; i >= 14001; --i) ASSERT_TRUE(set.Erase(i * direction));
    ASSERT_TRUE(set.tree().IsConsistent());
    EXPECT_EQ(set.tree().height(), 0U);
    EXPECT_EQ(Forwards(set.tree()), std::vector<int>({14000 * direction}));
  }
  EXPECT_EQ(leaves_alive, 0);
}

}  // namespace
}  // namespace cachenode
