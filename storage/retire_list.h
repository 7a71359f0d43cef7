// Where memory goes that another thread may still be prefetching from.
//
// Prefetching reads bucket arrays without the shard's lock, inside the world flag. Memory that a resize replaces is
// therefore retired: whoever implements this frees it after every worker has left its world flag once.
// Thread-safety: Retire may be called from any thread that is inside its world flag.
#pragma once

#include <memory>

namespace cachenode {

// Something that is freed by destroying it.
class Retired {
 public:
  virtual ~Retired() = default;
};

class RetireList {
 public:
  virtual ~RetireList() = default;
  virtual void Retire(std::unique_ptr<Retired> garbage) = 0;
};

// Frees at once: right when one thread does everything.
class ImmediateRetireList final : public RetireList {
 public:
  void Retire(std::unique_ptr<Retired> garbage) override { garbage.reset(); }
};

}  // namespace cachenode
