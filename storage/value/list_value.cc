#include "storage/value/list_value.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "storage/value/aggregate_ops.h"
#include "storage/value/value_limits.h"

namespace cachenode {
namespace {

constexpr auto kPackedForm = static_cast<Encoding>(AggregateEncoding::kPacked);

const LargeList& LargeOf(const char* value) noexcept { return *static_cast<const LargeList*>(LoadRoot(value)); }

struct ListType {
  using Root = LargeList;
  static size_t OtherBytes(const char*) noexcept { return 0; }  // Lists have no second packed form.
  static size_t Blocks(const LargeList& list) noexcept { return list.tree().leaf_count() + 1; }
  static std::string_view Name(Encoding encoding, const char* value) noexcept {
    return ListView(encoding, value).EncodingName();
  }
};

}  // namespace

constinit const ValueOps kListOps = AggregateOps<ListType>::kTable;

// --- Reading ---------------------------------------------------------------------------------------------------------

ListpackView ListView::packed() const noexcept {
  return encoding_ == kPackedForm ? ListpackView(value_) : ListpackView(LoadBlock(value_)->view());
}

const LargeList& ListView::large() const noexcept { return LargeOf(value_); }

uint64_t ListView::Count() const noexcept { return IsPacked() ? packed().Count() : large().Count(); }

ListElement ListView::Edge(ListEnd end) const noexcept {
  if (!IsPacked()) {
    const LargeList::Tree& tree = large().tree();
    const ListNode& node = (end == ListEnd::kFront ? tree.First() : tree.Last()).leaf();
    if (node.IsPlain()) return {{node.block()->view(), 0, false}, node.block()};
    const ListpackView view = node.View();
    return {view.At(end == ListEnd::kFront ? view.Begin() : view.Previous(view.EndOffset()))};
  }
  const ListpackView view = packed();
  return {view.At(end == ListEnd::kFront ? view.Begin() : view.Previous(view.EndOffset()))};
}

uint64_t ListView::NodeCount() const noexcept { return IsPacked() ? 1 : large().tree().leaf_count(); }

void ListView::ForEachNode(FunctionRef<void(std::string_view bytes, bool is_plain)> visit) const {
  if (IsPacked()) {
    visit(packed().bytes(), false);
    return;
  }
  const LargeList::Tree& tree = large().tree();
  for (LargeList::Tree::Path path = tree.First(); !path.IsEnd(); tree.Next(path)) {
    const ListNode& node = path.leaf();
    visit(node.IsPlain() ? node.block()->view() : node.View().bytes(), node.IsPlain());
  }
}

std::string_view ListView::EncodingName() const noexcept {
  return IsPacked() && value_limits.packed_lists_and_sets ? "listpack" : "quicklist";
}

ListCursor::ListCursor(const ListView& list, uint64_t index, ListEnd towards) noexcept : towards_(towards) {
  if (list.IsPacked()) {
    view_ = list.packed();
    at_ = index < view_.Count() ? view_.Seek(static_cast<int64_t>(index)) : view_.EndOffset();
    is_end_ = at_ == view_.EndOffset();
    return;
  }
  tree_ = &list.large().tree();
  uint64_t offset = 0;
  path_ = tree_->AtRank(index, offset);
  is_end_ = path_.IsEnd();
  if (is_end_) return;
  EnterNode();
  if (!node_->IsPlain()) at_ = view_.Seek(static_cast<int64_t>(offset));
}

// To the edge of the path's node where the walk through it begins.
void ListCursor::EnterNode() noexcept {
  node_ = &path_.leaf();
  if (node_->IsPlain()) return;
  view_ = node_->View();
  at_ = towards_ == ListEnd::kBack ? view_.Begin() : view_.Previous(view_.EndOffset());
}

void ListCursor::NextNode() noexcept {
  is_end_ = true;
  if (tree_ == nullptr) return;
  if (towards_ == ListEnd::kBack) {
    tree_->Next(path_);
  } else {
    tree_->Previous(path_);
  }
  is_end_ = path_.IsEnd();
  if (!is_end_) EnterNode();
}

// --- Building --------------------------------------------------------------------------------------------------------

Status ListBuilder::Finish(KeySlot& slot, Expiry expiry) {
  if (list_ == nullptr) return Err::kOutOfMemory;
  const LargeList::Tree& tree = list_->tree();
  if (tree.leaf_count() == 1 && !tree.First().leaf().IsPlain()) {
    const std::string_view bytes = tree.First().leaf().View().bytes();
    if (ListNodeLimits::Current().AllowList(bytes.size(), list_->Count())) {
      Result<std::span<char>> to = slot.WritePacked(ValueType::kList, AggregateEncoding::kPacked, bytes.size(), expiry);
      if (!to) return to.error();
      std::memcpy(to->data(), bytes.data(), bytes.size());
      return Status::Ok();
    }
  }
  list_->SettleMemory();
  Status status = slot.WriteRoot(ValueType::kList, list_, expiry);
  if (status.ok()) list_ = nullptr;
  return status;
}

}  // namespace cachenode
