// Builds the tree of a PendingMap from its first record to its last.
//
// Thread-safety: as CountedTree. Records of several leaves go into one, which enters the tree when it is full; a leaf
// that is given whole enters it as it is, shared or not.
// Errors: memory only, as false; the tree holds a part then.
#pragma once

#include <utility>

#include "storage/value/counted_tree.h"
#include "storage/value/pending_leaf.h"

namespace cachenode {

template <typename Record>
class PendingFiller {
 public:
  using Leaf = PendingLeaf<Record>;
  using Tree = CountedTree<typename Leaf::Traits>;

  // The tree is empty; it outlives this.
  explicit PendingFiller(Tree& tree) noexcept : tree_(tree) {}
  PendingFiller(const PendingFiller&) = delete;
  PendingFiller& operator=(const PendingFiller&) = delete;
  ~PendingFiller() {
    if (filling_ != nullptr) Leaf::Traits::Destroy(filling_);
  }

  [[nodiscard]] bool Add(const Record& record) noexcept {
    if (filling_ != nullptr && filling_->count() == filling_->capacity() && !Finish()) return false;
    if (filling_ == nullptr) filling_ = Leaf::Create(Leaf::kCapacityMax);
    if (filling_ == nullptr) return false;
    filling_->Insert(filling_->count(), record);
    return true;
  }
  // Takes one reference over, whatever the answer.
  [[nodiscard]] bool AddLeaf(Leaf* leaf) noexcept {
    if (Finish() && tree_.Append(leaf)) return true;
    if (leaf->DropRef()) Leaf::Traits::Destroy(leaf);
    return false;
  }
  // Puts what was added last into the tree. Without it that is lost.
  [[nodiscard]] bool Finish() noexcept {
    if (filling_ == nullptr) return true;
    const bool is_large = filling_->count() <= filling_->capacity() / 4;
    Leaf* const fitted = is_large ? filling_->Copy(filling_->count(), 0, filling_->count()) : nullptr;
    if (fitted != nullptr) Leaf::Traits::Destroy(std::exchange(filling_, fitted));
    if (!tree_.Append(filling_)) return false;
    filling_ = nullptr;
    return true;
  }

 private:
  Tree& tree_;
  Leaf* filling_ = nullptr;  // Not in the tree yet.
};

}  // namespace cachenode
