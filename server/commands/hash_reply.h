// What the families of hash commands share: looking at one field of a key that may be missing.
//
// Thread-safety: as the command context, one worker's.
#pragma once

#include <string_view>

#include "protocol/resp_writer.h"
#include "server/command_context.h"
#include "storage/value/hash_value.h"

namespace cachenode {

// The field, if the key has it and its deadline has not passed. Requires that the key is missing or a hash. The views
// live until the next change and as long as `scratch`.
[[nodiscard]] inline bool FindField(const CommandContext& context, const KeySlot& slot, std::string_view name,
                                    HashField& field, HashScratch& scratch) {
  return slot.Exists() && HashView::Of(slot).Find(name, field, scratch) && !field.IsExpired(context.now_ms());
}

// Replies with the field's value, nil when there is none.
inline void ReplyField(CommandContext& context, const KeySlot& slot, std::string_view name) {
  HashField field;
  HashScratch scratch;
  if (FindField(context, slot, name, field, scratch)) {
    context.reply().Bulk(field.value);
  } else {
    context.reply().Null();
  }
}

}  // namespace cachenode
