#include "server/pubsub/message.h"

#include <cstring>
#include <initializer_list>

#include "storage/base/numbers.h"

namespace cachenode {
namespace {

size_t BulkBytes(std::string_view text) {
  return 1 + Int64TextSize(static_cast<int64_t>(text.size())) + 2 + text.size() + 2;
}

char* PutBulk(char* to, std::string_view text) {
  *to++ = '$';
  to = FormatInt64(static_cast<int64_t>(text.size()), to);
  std::memcpy(to, "\r\n", 2);
  std::memcpy(to + 2, text.data(), text.size());
  to += 2 + text.size();
  std::memcpy(to, "\r\n", 2);
  return to + 2;
}

ByteBlockRef Encode(std::string_view head, std::initializer_list<std::string_view> texts) {
  size_t size = head.size();
  for (const std::string_view text : texts) size += BulkBytes(text);
  ByteBlockRef block = ByteBlockRef::Create(size);
  if (!block) return block;
  char* to = block->mutable_data();
  std::memcpy(to, head.data(), head.size());
  to += head.size();
  for (const std::string_view text : texts) to = PutBulk(to, text);
  return block;
}

}  // namespace

ByteBlockRef EncodeMessage(ChannelKind kind, std::string_view channel, std::string_view payload) {
  const bool is_shard = kind == ChannelKind::kShard;
  return Encode(is_shard ? "*3\r\n$8\r\nsmessage\r\n" : "*3\r\n$7\r\nmessage\r\n", {channel, payload});
}

ByteBlockRef EncodePatternMessage(std::string_view pattern, std::string_view channel, std::string_view payload) {
  return Encode("*4\r\n$8\r\npmessage\r\n", {pattern, channel, payload});
}

}  // namespace cachenode
