#include "storage/value/stream_id.h"

#include "storage/base/bytes.h"

namespace cachenode {

std::optional<StreamId> ParseStreamId(std::string_view text, uint64_t missing_seq) noexcept {
  const size_t dash = text.find('-');
  StreamId id{0, missing_seq};
  if (!TryParseLooseUint64(text.substr(0, dash), id.ms)) return std::nullopt;
  if (dash != std::string_view::npos && !TryParseLooseUint64(text.substr(dash + 1), id.seq)) return std::nullopt;
  return id;
}

std::string_view FormatStreamId(StreamId id, StreamIdScratch& scratch) noexcept {
  char* to = FormatUint64(id.ms, scratch.data());
  *to++ = '-';
  to = FormatUint64(id.seq, to);
  return {scratch.data(), static_cast<size_t>(to - scratch.data())};
}

void StoreStreamId(StreamId id, char* to) noexcept {
  StoreBigEndian(to, id.ms);
  StoreBigEndian(to + sizeof(id.ms), id.seq);
}

StreamId LoadStreamId(const char* from) noexcept {
  return {LoadBigEndian<uint64_t>(from), LoadBigEndian<uint64_t>(from + sizeof(uint64_t))};
}

}  // namespace cachenode
