#include "server/commands/sort_pattern.h"

#include "storage/value/hash_value.h"
#include "storage/value/string_value.h"

namespace cachenode {

SortPattern::SortPattern(std::string_view text) : is_element_(text == "#") {
  const size_t star = text.find('*');
  if (star == std::string_view::npos) return;
  has_star_ = true;
  prefix_ = text.substr(0, star);
  suffix_ = text.substr(star + 1);
  constexpr std::string_view kArrow = "->";
  const size_t arrow = suffix_.find(kArrow);
  // An arrow at the very end is a part of the key's name.
  if (arrow == std::string_view::npos || arrow + kArrow.size() == suffix_.size()) return;
  field_ = suffix_.substr(arrow + kArrow.size());
  suffix_ = suffix_.substr(0, arrow);
}

void SortPattern::LookUp(CommandContext& context, std::string_view element,
                         FunctionRef<void(std::optional<std::string_view>)> visit) const {
  if (is_element_) {
    visit(element);
    return;
  }
  if (!has_star_) {
    visit(std::nullopt);
    return;
  }
  std::string key;
  key.reserve(prefix_.size() + element.size() + suffix_.size());
  key.append(prefix_).append(element).append(suffix_);
  const KeySlot slot = context.FindForRead(key);
  const ValueType wanted = field_.empty() ? ValueType::kString : ValueType::kHash;
  if (!slot.Exists() || slot.type() != wanted) {
    visit(std::nullopt);
  } else if (field_.empty()) {
    StringScratch scratch;
    visit(slot.ReadString(scratch));
  } else {
    HashScratch scratch;
    HashField field;
    const bool is_there = HashView::Of(slot).Find(field_, field, scratch) && !field.IsExpired(context.now_ms());
    visit(is_there ? std::optional<std::string_view>(field.value) : std::nullopt);
  }
}

}  // namespace cachenode
