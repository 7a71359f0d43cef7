#include "storage/value/list_node.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <new>

#include "storage/base/bytes.h"
#include "storage/base/memory.h"
#include "storage/value/value_limits.h"

namespace cachenode {
namespace {

constexpr size_t kPlainBytes = sizeof(ListNode) + sizeof(ByteBlock*);
// A node that grows gets half as much again as it needs, until it is as large as it may be.
constexpr size_t WithRoomAhead(size_t bytes) noexcept { return bytes + bytes / 2; }

void WriteHeader(char* listpack, size_t total_bytes, size_t count) noexcept {
  StoreLittleEndian(listpack, static_cast<uint32_t>(total_bytes));
  StoreLittleEndian(listpack + sizeof(uint32_t), static_cast<uint16_t>(count));
}

}  // namespace

ListNodeLimits ListNodeLimits::Of(int option) noexcept {
  if (option >= 0) return {kSafeBytes, std::max<size_t>(static_cast<size_t>(option), 1)};
  constexpr int kLowest = -5;
  constexpr size_t kSmallestBytes = 4096;
  return {kSmallestBytes << (-std::max(option, kLowest) - 1), SIZE_MAX};
}

ListNodeLimits ListNodeLimits::Current() noexcept { return Of(value_limits.list_max_listpack_size); }

size_t ListNode::ListpackBytesMax(const ListNodeLimits& limits) noexcept { return limits.bytes_max - sizeof(ListNode); }

bool ListNode::IsPlainSize(size_t size, const ListNodeLimits& limits) noexcept {
  if (value_limits.list_plain_bytes_min != 0) return size >= value_limits.list_plain_bytes_min;
  // The longest prefix and back-length of an element are five bytes each.
  constexpr size_t kElementOverheadMax = 10;
  return size + kElementOverheadMax + kEmptyListpackBytes > ListpackBytesMax(limits);
}

ListNode* ListNode::Create(size_t bytes, ListEnd grows) noexcept {
  const size_t allocated = memory::GoodSize(sizeof(ListNode) + kEmptyListpackBytes + bytes);
  void* const raw = memory::Allocate(allocated);
  if (raw == nullptr) return nullptr;
  const size_t begin = grows == ListEnd::kBack ? sizeof(ListNode) : allocated - kEmptyListpackBytes;
  auto* const node = new (raw) ListNode(static_cast<uint32_t>(allocated), static_cast<uint32_t>(begin));
  InitListpack(node->mutable_data());
  return node;
}

ListNode* ListNode::CreatePlain(ByteBlockRef block) noexcept {
  void* const raw = memory::Allocate(kPlainBytes);
  if (raw == nullptr) return nullptr;
  auto* const node = new (raw) ListNode(kPlainBytes, 0);
  ByteBlock* const held = block.Release();
  std::memcpy(reinterpret_cast<char*>(node) + sizeof(ListNode), &held, sizeof(held));
  return node;
}

ListNode* ListNode::Clone() const noexcept {
  if (IsPlain()) return CreatePlain(ByteBlockRef::Share(block()));
  void* const raw = memory::Allocate(allocated_bytes_);
  if (raw == nullptr) return nullptr;
  auto* const copy = new (raw) ListNode(allocated_bytes_, begin_);
  std::memcpy(copy->mutable_data(), data(), View().bytes().size());
  return copy;
}

ListNode* ListNode::CopyRange(size_t first, size_t count, size_t bytes, ListEnd grows) const noexcept {
  const ListpackView view = View();
  const ListpackView::Offset from = view.Seek(static_cast<int64_t>(first));
  const ListpackView::Offset to = view.Seek(static_cast<int64_t>(first + count));
  const size_t kept = to - from;
  ListNode* const copy = Create(kept + bytes, grows);
  if (copy == nullptr) return nullptr;
  if (grows == ListEnd::kFront) copy->begin_ -= static_cast<uint32_t>(kept);
  char* const listpack = copy->mutable_data();
  std::memcpy(listpack + kListpackHeaderBytes, view.bytes().data() + from, kept);
  listpack[kListpackHeaderBytes + kept] = static_cast<char>(0xFF);
  WriteHeader(listpack, kEmptyListpackBytes + kept, count);
  return copy;
}

ListNode* ListNode::CopyForGrowth(size_t bytes, ListEnd grows, const ListNodeLimits& limits) const noexcept {
  const size_t wanted = View().bytes().size() - kEmptyListpackBytes + bytes;
  const size_t ahead_max = ListpackBytesMax(limits) - kEmptyListpackBytes;
  const size_t ahead = std::max(wanted, std::min(WithRoomAhead(wanted), ahead_max));
  return CopyRange(0, Count(), ahead - wanted + bytes, grows);
}

void ListNode::Destroy(ListNode* node) noexcept {
  if (node->IsPlain()) node->block()->DropRef();
  const size_t allocated = node->allocated_bytes_;
  node->~ListNode();
  memory::Free(node, allocated);
}

ByteBlock* ListNode::block() const noexcept {
  ByteBlock* held;
  std::memcpy(&held, reinterpret_cast<const char*>(this) + sizeof(ListNode), sizeof(held));
  return held;
}

size_t ListNode::MemoryBytes() const noexcept {
  return IsPlain() ? allocated_bytes_ + block()->MemoryBytes() : allocated_bytes_;
}

bool ListNode::Allows(size_t bytes, const ListNodeLimits& limits) const noexcept {
  if (IsPlain()) return false;
  const ListpackView view = View();
  return view.bytes().size() + bytes <= ListpackBytesMax(limits) && view.Count() < limits.count_max;
}

bool ListNode::HasRoom(ListEnd end, size_t bytes) const noexcept {
  if (end == ListEnd::kFront) return begin_ - sizeof(ListNode) >= bytes;
  return allocated_bytes_ - begin_ - View().bytes().size() >= bytes;
}

// The listpack begins somewhere else from now on: its header goes there.
void ListNode::MoveFront(size_t old_begin, size_t new_begin, int count_delta) noexcept {
  const size_t total = View().bytes().size() + old_begin - new_begin;
  const size_t count = View().Count() + static_cast<size_t>(count_delta);
  begin_ = static_cast<uint32_t>(new_begin);
  WriteHeader(mutable_data(), total, count);
}

void ListNode::Push(ListEnd end, std::string_view element, size_t bytes) noexcept {
  if (end == ListEnd::kFront) {
    MoveFront(begin_, begin_ - bytes, 1);
    PutListpackElement(mutable_data() + kListpackHeaderBytes, element);
    return;
  }
  const size_t total = View().bytes().size();
  char* const to = mutable_data() + total - 1;
  *PutListpackElement(to, element) = static_cast<char>(0xFF);
  WriteHeader(mutable_data(), total + bytes, View().Count() + 1);
}

void ListNode::AppendRun(const char* elements, size_t bytes, size_t count) noexcept {
  const size_t total = View().bytes().size();
  char* const to = mutable_data() + total - 1;
  std::memcpy(to, elements, bytes);
  to[bytes] = static_cast<char>(0xFF);
  WriteHeader(mutable_data(), total + bytes, View().Count() + count);
}

void ListNode::Pop(ListEnd end) noexcept {
  const ListpackView view = View();
  assert(view.Count() > 1);
  if (end == ListEnd::kFront) {
    MoveFront(begin_, begin_ + view.Next(view.Begin()) - view.Begin(), -1);
    return;
  }
  const ListpackView::Offset last = view.Previous(view.EndOffset());
  mutable_data()[last] = static_cast<char>(0xFF);
  WriteHeader(mutable_data(), last + 1, view.Count() - 1);
}

void ListNode::Insert(ListpackView::Offset at, std::string_view element) noexcept {
  const size_t bytes = ListpackElementBytes(element);
  PutListpackElement(OpenListpackGap(mutable_data(), View().bytes().size(), at, bytes, 1), element);
}

void ListNode::Replace(ListpackView::Offset at, std::string_view element) noexcept {
  const size_t old_span = View().Next(at) - at;
  const size_t new_span = ListpackElementBytes(element);
  PutListpackElement(ReplaceListpackSpan(mutable_data(), View().bytes().size(), at, old_span, new_span, 0), element);
}

void ListNode::Erase(size_t first, size_t count) noexcept {
  const ListpackView view = View();
  assert(first + count <= view.Count() && count < view.Count());
  const ListpackView::Offset from = view.Seek(static_cast<int64_t>(first));
  const ListpackView::Offset to = view.Seek(static_cast<int64_t>(first + count));
  if (first == 0) {
    MoveFront(begin_, begin_ + to - from, -static_cast<int>(count));
    return;
  }
  ReplaceListpackSpan(mutable_data(), view.bytes().size(), from, to - from, 0, -static_cast<int>(count));
}

}  // namespace cachenode
