// Random edits of listpacks against std::vector and of intsets against std::set; every step leaves bytes that the
// validators accept.
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "storage/base/random.h"
#include "storage/value/intset.h"
#include "storage/value/listpack.h"
#include "tests/support/property.h"

namespace cachenode {
namespace {

// Of any width, small ones more often.
int64_t RandomNumber(Random& random) { return static_cast<int64_t>(random.Next()) >> random.Below(64); }

std::string RandomElement(Random& random) {
  constexpr size_t kEdges[] = {0, 1, 63, 64, 126, 127, 4095, 4096, 16377, 16378, 16379};
  switch (random.Below(8)) {
    case 0:
    case 1:
    case 2:
      return std::to_string(RandomNumber(random));
    case 3:
      return std::string(kEdges[random.Below(std::size(kEdges))], 'e');
    case 4:
      return "0" + std::to_string(random.Below(100));
    default:
      return std::string(random.Below(30), static_cast<char>('a' + random.Below(3)));
  }
}

class ListpackHarness {
 public:
  explicit ListpackHarness(uint64_t seed) : random_(seed) {}

  void Run(size_t operations) {
    for (size_t i = 0; i < operations && !::testing::Test::HasFailure(); ++i) {
      Edit();
      size_t count = 0;
      ASSERT_TRUE(IsValidListpack(listpack_, count));
      ASSERT_EQ(count, model_.size());
      if (i % 16 == 0) CompareAll();
      Probe();
    }
    CompareAll();
  }

 private:
  std::string ReadAt(ListpackView::Offset at) const {
    ListpackScratch scratch;
    return std::string(ListpackView(listpack_).At(at).Read(scratch));
  }

  // Replaces some elements somewhere by some others.
  void Edit() {
    const size_t from = random_.Below(model_.size() + 1);
    const size_t erased = std::min<size_t>(model_.size() - from, random_.Below(model_.size() > 60 ? 30 : 4));
    std::vector<std::string> added(random_.Below(4));
    size_t gap_bytes = 0;
    for (std::string& element : added) {
      element = RandomElement(random_);
      gap_bytes += ListpackElementBytes(element);
    }
    const ListpackView view(listpack_);
    const ListpackView::Offset begin = view.Seek(static_cast<int64_t>(from));
    const ListpackView::Offset end = view.Seek(static_cast<int64_t>(from + erased));
    const size_t old_bytes = listpack_.size();
    const size_t new_bytes = old_bytes - (end - begin) + gap_bytes;
    listpack_.resize(std::max(old_bytes, new_bytes));
    char* at = ReplaceListpackSpan(listpack_.data(), old_bytes, begin, end - begin, gap_bytes,
                                   static_cast<int>(added.size()) - static_cast<int>(erased));
    for (const std::string& element : added) at = PutListpackElement(at, element);
    listpack_.resize(new_bytes);
    const auto place = model_.begin() + static_cast<std::ptrdiff_t>(from);
    model_.insert(model_.erase(place, place + static_cast<std::ptrdiff_t>(erased)), added.begin(), added.end());
  }

  void Probe() {
    const ListpackView view(listpack_);
    const auto count = static_cast<int64_t>(model_.size());
    const int64_t index = static_cast<int64_t>(random_.Below(model_.size() * 2 + 4)) - count - 2;
    const ListpackView::Offset at = view.Seek(index);
    if (index >= count || index < -count) {
      ASSERT_EQ(at, view.EndOffset());
    } else {
      ASSERT_EQ(ReadAt(at), model_[static_cast<size_t>(index < 0 ? index + count : index)]);
    }
    const std::string wanted =
        !model_.empty() && random_.Below(2) == 0 ? model_[random_.Below(model_.size())] : RandomElement(random_);
    const size_t skip = random_.Below(3);
    size_t expected = 0;
    while (expected < model_.size() && model_[expected] != wanted) expected += skip + 1;
    ASSERT_EQ(view.Find(wanted, view.Begin(), skip), view.Seek(static_cast<int64_t>(expected)));
  }

  void CompareAll() {
    const ListpackView view(listpack_);
    ListpackView::Offset at = view.Begin();
    for (const std::string& element : model_) {
      ASSERT_EQ(ReadAt(at), element);
      ASSERT_EQ(view.At(at).SizeBytes(), element.size());
      ASSERT_TRUE(view.At(at).Equals(element, ParseListpackInteger(element)));
      at = view.Next(at);
    }
    ASSERT_EQ(at, view.EndOffset());
    for (size_t i = model_.size(); i-- > 0;) {
      at = view.Previous(at);
      ASSERT_EQ(ReadAt(at), model_[i]);
    }
    ASSERT_EQ(at, view.Begin());
  }

  Random random_;
  std::string listpack_ = MakeListpack();
  std::vector<std::string> model_;
};

void RunIntset(uint64_t seed, size_t operations) {
  Random random(seed);
  const uint64_t width_bits = 1 + random.Below(64);
  std::string intset = MakeIntset();
  std::set<int64_t> model;
  for (size_t i = 0; i < operations; ++i) {
    const int64_t number = random.Below(2) == 0 && !model.empty()
                               ? *std::next(model.begin(), static_cast<std::ptrdiff_t>(random.Below(model.size())))
                               : static_cast<int64_t>(random.Next()) >> (64 - width_bits);
    const bool known = model.contains(number);
    ASSERT_EQ(IntsetView(intset).Contains(number), known);
    if (known && random.Below(3) == 0) {
      const size_t size = IntsetEraseBytes(IntsetView(intset));
      EraseFromIntset(intset.data(), IntsetView(intset).Find(number).index);
      intset.resize(size);
      model.erase(number);
    } else {
      ASSERT_EQ(AddToIntset(intset, number), !known);
      model.insert(number);
    }
    size_t count = 0;
    ASSERT_TRUE(IsValidIntset(intset, count));
    ASSERT_EQ(count, model.size());
  }
  size_t index = 0;
  for (const int64_t number : model) {
    ASSERT_EQ(IntsetView(intset).At(index), number);
    ASSERT_EQ(IntsetView(intset).Find(number).index, index);
    ++index;
  }
}

TEST(PackedBytesProperty, ListpackBehavesLikeAVector) {
  SCOPED_TRACE(PropertyTrace());
  for (uint64_t round = 0; round < PropertyRounds(20); ++round) {
    ListpackHarness(PropertySeed() + round * 1000).Run(400);
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(PackedBytesProperty, IntsetBehavesLikeASet) {
  SCOPED_TRACE(PropertyTrace());
  for (uint64_t round = 0; round < PropertyRounds(60); ++round) {
    RunIntset(PropertySeed() + round * 1000, 500);
    if (::testing::Test::HasFailure()) return;
  }
}

// Whatever bytes are flipped: refused, or read to the end without leaving the bytes.
TEST(PackedBytesProperty, DamagedListpacksAreRefusedOrReadable) {
  SCOPED_TRACE(PropertyTrace());
  Random random(PropertySeed());
  for (size_t round = 0; round < PropertyRounds(20'000); ++round) {
    std::string listpack = MakeListpack();
    for (uint64_t i = random.Below(6); i > 0; --i) {
      AppendToListpack(listpack, std::string_view(std::to_string(RandomNumber(random))).substr(0, random.Below(20)));
    }
    for (uint64_t i = random.Below(4); i > 0; --i) {
      listpack[random.Below(listpack.size())] = static_cast<char>(random.Next());
    }
    size_t count = 0;
    if (!IsValidListpack(listpack, count)) continue;
    const ListpackView view(listpack);
    size_t seen = 0;
    for (ListpackView::Offset at = view.Begin(); at != view.EndOffset(); at = view.Next(at)) {
      ASSERT_LT(at, view.EndOffset());
      ++seen;
    }
    ASSERT_EQ(seen, count);
  }
}

}  // namespace
}  // namespace cachenode
