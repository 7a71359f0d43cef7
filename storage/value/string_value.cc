#include "storage/value/string_value.h"

#include <cstring>

namespace cachenode {

namespace {

size_t LoadInlineSize(const char* value, size_t& header_bytes) noexcept {
  const auto first = static_cast<uint8_t>(value[0]);
  if (first < 128) {
    header_bytes = 1;
    return first;
  }
  header_bytes = 2;
  return (first & 127U) | size_t{static_cast<uint8_t>(value[1])} << 7;
}

template <typename T>
int64_t LoadAs(const char* value) noexcept {
  T number;
  std::memcpy(&number, value, sizeof(number));
  return number;
}

size_t InlineBytes(Encoding encoding, const char* value) noexcept {
  const auto kind = static_cast<StringEncoding>(encoding);
  if (kind == StringEncoding::kBlock) return sizeof(ByteBlock*);
  if (kind >= StringEncoding::kInt8) return IntBytes(kind);
  size_t header_bytes = 0;
  const size_t size_bytes = LoadInlineSize(value, header_bytes);
  return header_bytes + size_bytes;
}

size_t ExternalBytes(Encoding encoding, const char* value) noexcept {
  return static_cast<StringEncoding>(encoding) == StringEncoding::kBlock ? LoadBlock(value)->MemoryBytes() : 0;
}

void FreeExternal(Encoding encoding, char* value) noexcept {
  if (static_cast<StringEncoding>(encoding) == StringEncoding::kBlock) LoadBlock(value)->DropRef();
}

bool Clone(Encoding encoding, const char* value, char* out) noexcept {
  if (static_cast<StringEncoding>(encoding) != StringEncoding::kBlock) {
    std::memcpy(out, value, InlineBytes(encoding, value));
    return true;
  }
  // A shared block would do until one of the two is written, but then that write pays: copy where it is asked for.
  ByteBlockRef copy = ByteBlockRef::Copy(LoadBlock(value)->view());
  if (!copy) return false;
  StoreBlock(copy.Release(), out);
  return true;
}

void Share(Encoding encoding, const char* value) noexcept {
  if (static_cast<StringEncoding>(encoding) == StringEncoding::kBlock) LoadBlock(value)->AddRef();
}

size_t ExternalBlocks(Encoding encoding, const char*) noexcept {
  return static_cast<StringEncoding>(encoding) == StringEncoding::kBlock ? 1 : 0;
}

std::string_view NameOf(Encoding encoding, const char* value) noexcept {
  return StringView(encoding, value).EncodingName();
}

}  // namespace

constinit const ValueOps kStringOps = {InlineBytes, ExternalBytes, FreeExternal, Clone, Share, ExternalBlocks, NameOf};

int64_t StringView::ReadInt() const noexcept {
  switch (encoding_) {
    case StringEncoding::kInt8:
      return LoadAs<int8_t>(value_);
    case StringEncoding::kInt16:
      return LoadAs<int16_t>(value_);
    case StringEncoding::kInt32:
      return LoadAs<int32_t>(value_);
    default:
      return LoadAs<int64_t>(value_);
  }
}

std::string_view StringView::ReadOther(StringScratch& scratch) const noexcept {
  if (IsInt()) {
    const char* end = FormatInt64(ReadInt(), scratch.text.data());
    return {scratch.text.data(), static_cast<size_t>(end - scratch.text.data())};
  }
  if (IsBlock()) return LoadBlock(value_)->view();
  size_t header_bytes = 0;
  const size_t size_bytes = LoadInlineSize(value_, header_bytes);
  return {value_ + header_bytes, size_bytes};
}

size_t StringView::SizeBytes() const noexcept {
  if (IsInt()) return Int64TextSize(ReadInt());
  if (IsBlock()) return LoadBlock(value_)->size();
  size_t header_bytes = 0;
  return LoadInlineSize(value_, header_bytes);
}

std::optional<int64_t> StringView::AsInt64() const noexcept {
  if (IsInt()) return ReadInt();
  StringScratch scratch;
  int64_t number = 0;
  if (!TryParseInt64(Read(scratch), number)) return std::nullopt;
  return number;
}

ByteBlock* StringView::block() const noexcept { return IsBlock() ? LoadBlock(value_) : nullptr; }

std::string_view StringView::EncodingName() const noexcept {
  if (IsInt()) return "int";
  if (encoding_ != StringEncoding::kInline) return "raw";
  return SizeBytes() <= kEmbeddedStringBytesMax ? "embstr" : "raw";
}

StringEncoding IntEncodingFor(int64_t number) noexcept {
  if (number == static_cast<int8_t>(number)) return StringEncoding::kInt8;
  if (number == static_cast<int16_t>(number)) return StringEncoding::kInt16;
  if (number == static_cast<int32_t>(number)) return StringEncoding::kInt32;
  return StringEncoding::kInt64;
}

size_t IntBytes(StringEncoding encoding) noexcept {
  return size_t{1} << (static_cast<unsigned>(encoding) - static_cast<unsigned>(StringEncoding::kInt8));
}

void StoreInt(StringEncoding encoding, int64_t number, char* value) noexcept {
  std::memcpy(value, &number, IntBytes(encoding));  // Little-endian: the low bytes come first.
}

char* StoreInlineHeader(size_t size_bytes, char* value) noexcept {
  if (size_bytes < 128) {
    value[0] = static_cast<char>(size_bytes);
    return value + 1;
  }
  value[0] = static_cast<char>((size_bytes & 127U) | 128U);
  value[1] = static_cast<char>(size_bytes >> 7);
  return value + 2;
}

void StoreBlock(ByteBlock* block, char* value) noexcept { std::memcpy(value, &block, sizeof(block)); }

ByteBlock* LoadBlock(const char* value) noexcept {
  ByteBlock* block;
  std::memcpy(&block, value, sizeof(block));
  return block;
}

}  // namespace cachenode
