// An ordered map from stream id to a small record: the entries that were delivered and not acknowledged, of a consumer
// group and of each consumer. Copy-on-write like the value it is part of.
//
// Structure: CountedTree over leaves of sorted records, up to about 1 KB each; leaves filled in ascending order stay
//   full. A shared map costs one reference; the first change behind it copies one leaf and the nodes above it.
// Thread-safety: as CountedTree.
// Invariants: records are in strictly ascending order of id; no leaf is empty; a leaf that falls to a quarter of
//   its room moves to a smaller block, so memory follows the count whatever order ids go in.
// Errors: memory only; a change that answers false or null left the map as it was.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>

#include "storage/value/counted_tree.h"
#include "storage/value/pending_filler.h"
#include "storage/value/pending_leaf.h"
#include "storage/value/stream_id.h"

namespace cachenode {

template <typename Record>
class PendingMap {
 public:
  using Leaf = PendingLeaf<Record>;
  using Tree = CountedTree<typename Leaf::Traits>;

  // A walk in ascending order. Dies with any change of the map.
  class Cursor {
   public:
    // Null at the end.
    [[nodiscard]] const Record* Next() noexcept {
      while (!path_.IsEnd() && index_ >= path_.leaf().count()) {
        tree_->Next(path_);
        index_ = 0;
      }
      return path_.IsEnd() ? nullptr : &path_.leaf().at(index_++);
    }

   private:
    friend class PendingMap;
    const Tree* tree_ = nullptr;
    typename Tree::Path path_;
    unsigned index_ = 0;
  };

  [[nodiscard]] uint64_t count() const noexcept { return tree_.element_count(); }
  [[nodiscard]] size_t memory_bytes() const noexcept { return tree_.memory_bytes(); }
  [[nodiscard]] PendingMap Share() const noexcept {
    PendingMap copy;
    copy.tree_ = tree_.Share();
    return copy;
  }

  // From the first id that is not below `id`.
  [[nodiscard]] Cursor From(StreamId id) const noexcept {
    Cursor cursor;
    cursor.tree_ = &tree_;
    cursor.path_ = LeafOf(id);
    if (!cursor.path_.IsEnd()) cursor.index_ = cursor.path_.leaf().LowerBound(id);
    return cursor;
  }
  [[nodiscard]] const Record* Find(StreamId id) const noexcept {
    const typename Tree::Path path = LeafOf(id);
    if (path.IsEnd()) return nullptr;
    const unsigned index = path.leaf().LowerBound(id);
    return Holds(path.leaf(), index, id) ? &path.leaf().at(index) : nullptr;
  }
  // The last record. Requires one.
  [[nodiscard]] const Record& Last() const noexcept {
    const typename Tree::Path path = tree_.Last();
    return path.leaf().at(path.leaf().count() - 1);
  }
  // The record for changing all of it but the id. Null when there is no memory. Requires that it is there.
  [[nodiscard]] Record* Edit(StreamId id) noexcept {
    typename Tree::Path path = LeafOf(id);
    Leaf* const leaf = tree_.EditLeaf(path);
    return leaf == nullptr ? nullptr : &leaf->at(leaf->LowerBound(id));
  }
  // Adds a record whose id is not there yet.
  [[nodiscard]] bool Insert(const Record& record) noexcept;
  // Removes a record that is there. Cannot fail behind an Edit of the same id.
  [[nodiscard]] bool Erase(StreamId id) noexcept;
  [[nodiscard]] bool IsUnique() const noexcept { return tree_.IsUnique(); }
  // Removes the records for which `goes(const Record&)`. Requires IsUnique(), and cannot fail therefore. O(count()), a
  // few nanoseconds a record.
  template <typename Goes>
  void EraseAll(const Goes& goes) noexcept;
  // Adds the records for which `stays(const Record&)` to `copy`, which is empty; leaves that stay whole are shared.
  // False when there is no memory: `copy` holds a part then. O(count()), a few nanoseconds a record.
  template <typename Stays>
  [[nodiscard]] bool CopyPart(const Stays& stays, PendingMap& copy) const noexcept;

 private:
  [[nodiscard]] static bool Holds(const Leaf& leaf, unsigned index, StreamId id) noexcept {
    return index < leaf.count() && leaf.at(index).id == id;
  }
  [[nodiscard]] typename Tree::Path LeafOf(StreamId id) const noexcept {
    return tree_.Seek([id](const StreamId& first_id, const auto&) { return first_id > id; });
  }
  [[nodiscard]] bool AddLeaf(typename Tree::Path& path, const Record& record) noexcept;
  [[nodiscard]] bool Split(typename Tree::Path& path, unsigned index, const Record& record) noexcept;
  // Makes a leaf that holds little smaller, if there is memory for it.
  void Fit(typename Tree::Path& path) noexcept;

  Tree tree_;
};

// A leaf of its own behind the path's.
template <typename Record>
bool PendingMap<Record>::AddLeaf(typename Tree::Path& path, const Record& record) noexcept {
  // Behind a full leaf comes a long run.
  Leaf* const leaf = Leaf::Create(path.IsEnd() ? Leaf::kCapacityMin : Leaf::kCapacityMax / 2);
  if (leaf == nullptr) return false;
  leaf->Insert(0, record);
  if (tree_.InsertAfter(path, leaf)) return true;
  Leaf::Traits::Destroy(leaf);
  return false;
}

// Makes two leaves of a full one, with the record in the one it belongs to.
template <typename Record>
bool PendingMap<Record>::Split(typename Tree::Path& path, unsigned index, const Record& record) noexcept {
  Leaf* const left = tree_.EditLeaf(path);
  if (left == nullptr) return false;
  const unsigned half = left->count() / 2;
  Leaf* const right = left->Copy(Leaf::kCapacityMax, half, left->count());
  if (right == nullptr) return false;
  if (index > half) right->Insert(index - half, record);
  if (!tree_.InsertAfter(path, right)) {
    Leaf::Traits::Destroy(right);
    return false;
  }
  left->Truncate(half);
  if (index <= half) left->Insert(index, record);
  tree_.LeafChanged(path);
  return true;
}

template <typename Record>
bool PendingMap<Record>::Insert(const Record& record) noexcept {
  typename Tree::Path path = LeafOf(record.id);
  if (path.IsEnd()) return AddLeaf(path, record);
  const unsigned count = path.leaf().count();
  const unsigned index = path.leaf().LowerBound(record.id);
  if (count < path.leaf().capacity()) {
    Leaf* const leaf = tree_.EditLeaf(path);
    if (leaf == nullptr) return false;
    leaf->Insert(index, record);
    tree_.LeafChanged(path);
    return true;
  }
  if (count == Leaf::kCapacityMax) return index == count ? AddLeaf(path, record) : Split(path, index, record);
  Leaf* const grown = path.leaf().Copy(std::min(2 * count, Leaf::kCapacityMax), 0, count);
  if (grown == nullptr) return false;
  grown->Insert(index, record);
  if (tree_.ReplaceLeaf(path, grown)) return true;
  Leaf::Traits::Destroy(grown);
  return false;
}

template <typename Record>
bool PendingMap<Record>::Erase(StreamId id) noexcept {
  typename Tree::Path path = LeafOf(id);
  const unsigned count = path.leaf().count();
  if (count == 1) return tree_.RemoveLeaf(path);
  const unsigned index = path.leaf().LowerBound(id);
  const bool shrinks = count - 1 <= path.leaf().capacity() / 4 && path.leaf().capacity() > 2 * Leaf::kCapacityMin;
  if (Leaf* const shrunk = shrinks ? path.leaf().Copy(count, 0, count) : nullptr; shrunk != nullptr) {
    shrunk->Erase(index);
    if (tree_.ReplaceLeaf(path, shrunk)) return true;
    Leaf::Traits::Destroy(shrunk);
  }
  Leaf* const leaf = tree_.EditLeaf(path);
  if (leaf == nullptr) return false;
  leaf->Erase(index);
  tree_.LeafChanged(path);
  return true;
}

// --- Many at once --------------------------------------------------------------------------------------------------

template <typename Record>
void PendingMap<Record>::Fit(typename Tree::Path& path) noexcept {
  const Leaf& leaf = path.leaf();
  if (leaf.count() > leaf.capacity() / 4 || leaf.capacity() <= 2 * Leaf::kCapacityMin) return;
  Leaf* const fitted = leaf.Copy(leaf.count(), 0, leaf.count());
  if (fitted != nullptr && !tree_.ReplaceLeaf(path, fitted)) Leaf::Traits::Destroy(fitted);
}

template <typename Record>
template <typename Goes>
void PendingMap<Record>::EraseAll(const Goes& goes) noexcept {
  for (typename Tree::Path path = tree_.First(); !path.IsEnd();) {
    const Leaf& leaf = path.leaf();
    const StreamId last_id = leaf.at(leaf.count() - 1).id;
    const unsigned going = leaf.CountIf(goes);
    if (going == leaf.count()) {
      [[maybe_unused]] const bool removed = tree_.RemoveLeaf(path);
      assert(removed);
      path = LeafOf(last_id);
      // What was before the removed leaf, or behind it when that was the first.
      if (!path.IsEnd() && path.leaf().at(0).id < last_id) tree_.Next(path);
      continue;
    }
    if (going > 0) {
      tree_.EditLeaf(path)->EraseIf(goes);
      tree_.LeafChanged(path);
      Fit(path);
    }
    tree_.Next(path);
  }
}

template <typename Record>
template <typename Stays>
bool PendingMap<Record>::CopyPart(const Stays& stays, PendingMap& copy) const noexcept {
  PendingFiller<Record> filler(copy.tree_);
  bool done = true;
  for (typename Tree::Path path = tree_.First(); done && !path.IsEnd(); tree_.Next(path)) {
    const Leaf& leaf = path.leaf();
    if (leaf.CountIf(stays) == leaf.count()) {
      done = filler.AddLeaf(tree_.ShareLeaf(path));
      continue;
    }
    for (unsigned i = 0; done && i < leaf.count(); ++i) {
      if (stays(leaf.at(i))) done = filler.Add(leaf.at(i));
    }
  }
  return done && filler.Finish();
}

}  // namespace cachenode
