// The patterns of SORT's BY and GET: a key, or a field of a hash, named after the element.
//
// Thread-safety: under the world lock, or with the shard of every key that can be named locked.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/command_context.h"
#include "storage/base/function_ref.h"

namespace cachenode {

class SortPattern {
 public:
  // "weight_*" is a string, "object_*->name" a field of a hash, "#" the element itself. `text` is borrowed.
  explicit SortPattern(std::string_view text);

  // "#": no key is looked up.
  [[nodiscard]] bool IsElement() const { return is_element_; }
  // Without a star there is nothing to look up: BY does not sort then, GET finds nothing.
  [[nodiscard]] bool HasStar() const { return has_star_; }

  // Calls `visit` with what the pattern means for `element`, or with nothing when there is no such key or field or it
  // is of another type. The view lives for the call.
  void LookUp(CommandContext& context, std::string_view element,
              FunctionRef<void(std::optional<std::string_view>)> visit) const;

 private:
  bool is_element_;
  bool has_star_ = false;
  std::string_view prefix_;
  std::string_view suffix_;
  std::string_view field_;  // Empty: the key is a string.
};

}  // namespace cachenode
