#include "storage/value/stream_root.h"

#include <new>

#include "storage/base/memory.h"

namespace cachenode {

StreamRoot* StreamRoot::Create() noexcept {
  void* const raw = memory::Allocate(sizeof(StreamRoot));
  if (raw == nullptr) return nullptr;
  auto* const root = new (raw) StreamRoot();
  root->SettleMemory();
  return root;
}

StreamRoot* StreamRoot::CloneShallow() const noexcept {
  StreamRoot* const copy = Create();
  if (copy == nullptr) return nullptr;
  if (!copy->groups_.CopyFrom(groups_)) {
    Drop(copy);
    return nullptr;
  }
  for (uint32_t i = 0; i < groups_.count(); ++i) groups_.at(i)->AddRef();
  copy->groups_bytes_ = groups_bytes_;
  copy->nodes_ = nodes_.Share();
  copy->history_ = history_;
  copy->SettleMemory();
  return copy;
}

StreamRoot::~StreamRoot() {
  for (uint32_t i = 0; i < groups_.count(); ++i) StreamGroup::Drop(groups_.at(i));
}

void StreamRoot::Drop(StreamRoot* root) noexcept {
  if (!root->DropRef()) return;
  root->~StreamRoot();
  memory::Free(root, sizeof(StreamRoot));
}

const StreamGroup* StreamRoot::FindGroup(std::string_view name) const noexcept {
  const auto [index, found] = FindByName(groups_, name);
  return found ? groups_.at(index) : nullptr;
}

std::optional<uint32_t> StreamRoot::IndexOfGroup(std::string_view name) const noexcept {
  const auto [index, found] = FindByName(groups_, name);
  if (!found) return std::nullopt;
  return index;
}

size_t StreamRoot::block_count() const noexcept {
  constexpr size_t kGroupBlockBytes = 1024;  // Leaves of pending entries are about so large.
  return 1 + static_cast<size_t>(nodes_.leaf_count()) + groups_.count() + groups_bytes_ / kGroupBlockBytes;
}

void StreamRoot::RefreshFirstId() noexcept {
  history_.first_id = kStreamIdMin;
  const Tree::Path path = nodes_.First();
  if (path.IsEnd()) return;
  const StreamNodeView node = path.leaf().view();
  StreamEntry entry = node.At(node.Begin());
  while (entry.is_deleted) entry = node.At(node.Next(entry));  // Each node holds a live one.
  history_.first_id = entry.id;
}

bool StreamRoot::InsertGroup(StreamGroup* group) noexcept {
  if (!groups_.Reserve()) return false;
  groups_.Insert(FindByName(groups_, group->name()).first, group);
  groups_bytes_ += group->memory_bytes();
  return true;
}

StreamGroupRef StreamRoot::TakeGroup(uint32_t index) noexcept {
  StreamGroupRef group(groups_.at(index));
  groups_bytes_ -= group->memory_bytes();
  groups_.Erase(index);
  return group;
}

StreamGroup* StreamRoot::EditGroup(uint32_t index) noexcept {
  StreamGroup* const group = groups_.at(index);
  if (group->IsUnique()) [[likely]]
    return group;
  StreamGroup* const copy = group->CloneShallow();
  if (copy == nullptr) return nullptr;
  groups_bytes_ += copy->memory_bytes() - group->memory_bytes();
  groups_.Set(index, copy);
  StreamGroup::Drop(group);
  return copy;
}

int64_t StreamRoot::SettleMemory() noexcept {
  const size_t now = sizeof(StreamRoot) + nodes_.memory_bytes() + groups_.memory_bytes() + groups_bytes_;
  const auto delta = static_cast<int64_t>(now - memory_bytes());
  AddMemory(delta);
  return delta;
}

}  // namespace cachenode
