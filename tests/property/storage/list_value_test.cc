// Random operations on lists against std::deque, with copies that share their nodes, for small and large nodes and
// every size of element. A failure prints its seed.
#include "storage/value/list_value.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <string>
#include <vector>

#include "storage/base/random.h"
#include "storage/keyspace.h"
#include "storage/value/value_limits.h"
#include "tests/support/property.h"

namespace cachenode {
namespace {

using Model = std::deque<std::string>;

// One list and its model; the keys are list:0, list:1, ...
constexpr size_t kLists = 3;

class Harness {
 public:
  Harness(uint64_t seed, int node_option) : random_(seed) {
    context_.SetNow(1'700'000'000'000);
    value_limits.list_max_listpack_size = node_option;
    element_bytes_max_ = random_.Below(3) == 0 ? 12'000 : random_.Below(2) == 0 ? 300 : 12;
  }
  ~Harness() { value_limits = ValueLimits(); }
  Harness(const Harness&) = delete;
  Harness& operator=(const Harness&) = delete;

  void Run(size_t operations) {
    for (size_t i = 0; i < operations && !::testing::Test::HasFailure(); ++i) {
      Step(random_.Below(kLists));
      if (i % 64 == 0) Check(random_.Below(kLists));
    }
    for (size_t i = 0; i < kLists; ++i) {
      Check(i);
      KeySlot slot = At(i);
      if (slot.Exists()) slot.Erase();
    }
    EXPECT_EQ(keyspace_.Memory().entry_bytes, 0U);
    EXPECT_EQ(keyspace_.Memory().external_bytes, 0U);
  }

 private:
  KeySlot At(size_t list) { return keyspace_.Locate(0, names_[list], context_); }

  std::string Element() {
    switch (random_.Below(6)) {
      case 0:
        return std::to_string(static_cast<int64_t>(random_.Next()) >> random_.Below(64));
      case 1:
        return std::to_string(random_.Below(8));  // Often found again.
      case 2:
        return "";
      default:
        return std::string(random_.Below(element_bytes_max_), static_cast<char>('a' + random_.Below(3)));
    }
  }

  void Step(size_t list) {
    switch (random_.Below(12)) {
      case 0:
      case 1:
      case 2:
        Push(list, random_.Below(8) == 0 ? 200 : 1 + random_.Below(4));
        break;
      case 3:
        Pop(list);
        break;
      case 4:
        Insert(list);
        break;
      case 5:
        Replace(list);
        break;
      case 6:
        if (random_.Below(4) == 0) Erase(list);
        break;
      case 7:
        if (random_.Below(4) == 0) RemoveEqual(list);
        break;
      case 8:
        if (random_.Below(8) == 0) Copy(list);
        break;
      case 9:
        Window(list);
        break;
      default:
        Push(list, 1);
    }
  }

  void Push(size_t list, size_t count) {
    const ListEnd end = random_.Below(2) == 0 ? ListEnd::kFront : ListEnd::kBack;
    std::vector<std::string> elements(count);
    for (std::string& element : elements) {
      element = Element();
      if (end == ListEnd::kFront) {
        models_[list].push_front(element);
      } else {
        models_[list].push_back(element);
      }
    }
    const std::vector<std::string_view> views(elements.begin(), elements.end());
    KeySlot slot = At(list);
    ASSERT_TRUE(ListValue(slot).Push(end, views).ok());
  }

  void Pop(size_t list) {
    Model& model = models_[list];
    if (model.empty()) return;
    const bool front = random_.Below(2) == 0;
    KeySlot slot = At(list);
    ListpackScratch scratch;
    const ListElement edge = ListView::Of(slot).Edge(front ? ListEnd::kFront : ListEnd::kBack);
    ASSERT_EQ(edge.Read(scratch), front ? model.front() : model.back());
    ASSERT_TRUE(ListValue(slot).Pop(front ? ListEnd::kFront : ListEnd::kBack).ok());
    if (front) {
      model.pop_front();
    } else {
      model.pop_back();
    }
  }

  void Insert(size_t list) {
    Model& model = models_[list];
    if (model.empty()) return;
    const size_t at = random_.Below(model.size() + 1);
    const std::string element = Element();
    KeySlot slot = At(list);
    ASSERT_TRUE(ListValue(slot).Insert(at, element).ok());
    model.insert(model.begin() + static_cast<std::ptrdiff_t>(at), element);
  }

  void Replace(size_t list) {
    Model& model = models_[list];
    if (model.empty()) return;
    const size_t at = random_.Below(model.size());
    const std::string element = Element();
    KeySlot slot = At(list);
    ASSERT_TRUE(ListValue(slot).Replace(at, element).ok());
    model[at] = element;
  }

  void Erase(size_t list) {
    Model& model = models_[list];
    if (model.empty()) return;
    const size_t first = random_.Below(model.size());
    const size_t count = random_.Below(std::min<size_t>(model.size() - first, 300) + 1);
    KeySlot slot = At(list);
    ASSERT_TRUE(ListValue(slot).Erase(first, count).ok());
    const auto begin = model.begin() + static_cast<std::ptrdiff_t>(first);
    model.erase(begin, begin + static_cast<std::ptrdiff_t>(count));
  }

  void RemoveEqual(size_t list) {
    Model& model = models_[list];
    if (model.empty()) return;
    const std::string element = model[random_.Below(model.size())];
    const size_t limit = random_.Below(2) == 0 ? SIZE_MAX : 1 + random_.Below(3);
    const bool front = random_.Below(2) == 0;
    size_t removed = 0;
    if (!front) std::reverse(model.begin(), model.end());
    std::erase_if(model, [&](const std::string& at) { return at == element && removed < limit && ++removed > 0; });
    if (!front) std::reverse(model.begin(), model.end());
    KeySlot slot = At(list);
    Result<uint64_t> count = ListValue(slot).RemoveEqual(element, limit, front ? ListEnd::kFront : ListEnd::kBack);
    ASSERT_TRUE(count.ok());
    ASSERT_EQ(*count, removed);
  }

  // From then on the two change apart, though they share nodes.
  void Copy(size_t list) {
    const size_t other = (list + 1) % kLists;
    KeySlot from = At(list);
    KeySlot to = At(other);
    if (!from.Exists()) return;
    ASSERT_TRUE(from.CopyTo(to).ok());
    models_[other] = models_[list];
  }

  // A few elements anywhere, both ways.
  void Window(size_t list) {
    const Model& model = models_[list];
    KeySlot slot = At(list);
    if (!slot.Exists()) return;
    const size_t first = random_.Below(model.size() + 1);
    const bool forward = random_.Below(2) == 0;
    ListCursor cursor(ListView::Of(slot), first, forward ? ListEnd::kBack : ListEnd::kFront);
    size_t at = first;
    for (int i = 0; i < 40; ++i, cursor.Advance()) {
      ASSERT_EQ(cursor.IsEnd(), at >= model.size());
      if (cursor.IsEnd()) return;
      ListpackScratch scratch;
      ASSERT_EQ(cursor.Get().Read(scratch), model[at]);
      at = forward ? at + 1 : at - 1;  // Before the first comes SIZE_MAX.
    }
  }

  void Check(size_t list) {
    const Model& model = models_[list];
    KeySlot slot = At(list);
    ASSERT_EQ(slot.Exists(), !model.empty());
    if (!slot.Exists()) return;
    ASSERT_EQ(slot.type(), ValueType::kList);
    const ListView view = ListView::Of(slot);
    ASSERT_EQ(view.Count(), model.size());
    ListCursor cursor(view, 0, ListEnd::kBack);
    for (const std::string& element : model) {
      ASSERT_FALSE(cursor.IsEnd());
      ListpackScratch scratch;
      ASSERT_EQ(cursor.Get().Read(scratch), element);
      cursor.Advance();
    }
    ASSERT_TRUE(cursor.IsEnd());
    CheckNodes(view);
  }

  // Every node is a valid listpack within the limits, and what the key is charged is what the nodes take.
  void CheckNodes(const ListView& view) {
    const ListNodeLimits limits = ListNodeLimits::Current();
    uint64_t nodes = 0;
    view.ForEachNode([&](std::string_view bytes, bool is_plain) {
      ++nodes;
      size_t count = 0;
      if (is_plain) return;
      ASSERT_TRUE(IsValidListpack(bytes, count));
      ASSERT_GT(count, 0U);
      ASSERT_LE(count, limits.count_max);
    });
    ASSERT_EQ(nodes, view.NodeCount());
    if (view.IsPacked()) return;
    const LargeList::Tree& tree = view.large().tree();
    ASSERT_EQ(view.large().memory_bytes(), sizeof(LargeList) + tree.memory_bytes());
  }

  Random random_;
  size_t element_bytes_max_;
  Keyspace keyspace_{KeyspaceOptions{}};
  AccessContext context_;
  std::array<std::string, kLists> names_ = {"list:0", "list:1", "list:2"};
  std::array<Model, kLists> models_;
};

TEST(ListValueProperty, BehavesLikeADeque) {
  SCOPED_TRACE(PropertyTrace());
  uint64_t seed = PropertySeed();
  for (const int node_option : {-2, -1, -5, 1, 4, 128}) {
    for (size_t round = 0; round < PropertyRounds(6); ++round) {
      SCOPED_TRACE("list-max-listpack-size " + std::to_string(node_option) + " round " + std::to_string(round));
      Harness(SplitMix64(seed), node_option).Run(1500);
      if (::testing::Test::HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace cachenode
