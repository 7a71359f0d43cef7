// The arguments of a request that outlives its input buffer, end to end in one block, a byte behind each.
//
// Thread-safety: constant after construction.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/key_spec.h"

namespace cachenode {

class ArgumentCopy {
 public:
  ArgumentCopy() = default;
  explicit ArgumentCopy(Args args) {
    size_t size = 0;
    for (const std::string_view argument : args) size += argument.size() + 1;
    bytes_.reserve(size);
    views_.reserve(args.size());
    for (const std::string_view argument : args) {
      const size_t begin = bytes_.size();
      bytes_.append(argument);  // Never beyond the reservation: the views stay good.
      bytes_.push_back('\0');
      views_.emplace_back(bytes_.data() + begin, argument.size());
    }
  }
  ArgumentCopy(const ArgumentCopy&) = delete;
  ArgumentCopy& operator=(const ArgumentCopy&) = delete;

  [[nodiscard]] Args args() const { return views_; }
  [[nodiscard]] size_t MemoryBytes() const { return bytes_.capacity() + views_.capacity() * sizeof(std::string_view); }

 private:
  std::string bytes_;
  std::vector<std::string_view> views_;
};

}  // namespace cachenode
