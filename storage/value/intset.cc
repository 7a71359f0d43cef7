#include "storage/value/intset.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <type_traits>

#include "storage/base/bytes.h"

namespace cachenode {
namespace {

size_t HeaderWidth(const char* bytes) noexcept { return LoadLittleEndian<uint32_t>(bytes); }
size_t HeaderCount(const char* bytes) noexcept { return LoadLittleEndian<uint32_t>(bytes + sizeof(uint32_t)); }

void WriteHeader(char* bytes, size_t width, size_t count) noexcept {
  StoreLittleEndian(bytes, static_cast<uint32_t>(width));
  StoreLittleEndian(bytes + sizeof(uint32_t), static_cast<uint32_t>(count));
}

size_t WidthFor(int64_t number) noexcept {
  if (number >= INT16_MIN && number <= INT16_MAX) return sizeof(int16_t);
  return number >= INT32_MIN && number <= INT32_MAX ? sizeof(int32_t) : sizeof(int64_t);
}

template <typename Unsigned>
int64_t LoadAs(const char* numbers, size_t index) noexcept {
  const Unsigned bits = LoadLittleEndian<Unsigned>(numbers + index * sizeof(Unsigned));
  return static_cast<std::make_signed_t<Unsigned>>(bits);
}

int64_t Load(const char* bytes, size_t width, size_t index) noexcept {
  const char* const numbers = bytes + kIntsetHeaderBytes;
  if (width == sizeof(int16_t)) return LoadAs<uint16_t>(numbers, index);
  return width == sizeof(int32_t) ? LoadAs<uint32_t>(numbers, index) : LoadAs<uint64_t>(numbers, index);
}

void Store(char* bytes, size_t width, size_t index, int64_t number) noexcept {
  char* const to = bytes + kIntsetHeaderBytes + index * width;
  const auto bits = static_cast<uint64_t>(number);
  if (width == sizeof(int16_t)) return StoreLittleEndian(to, static_cast<uint16_t>(bits));
  if (width == sizeof(int32_t)) return StoreLittleEndian(to, static_cast<uint32_t>(bits));
  StoreLittleEndian(to, bits);
}

// How many of the numbers are below `number`: one step per halving, without a branch to mispredict.
template <typename Unsigned>
size_t LowerBound(const char* numbers, size_t count, int64_t number) noexcept {
  size_t first = 0;
  while (count > 0) {
    const size_t half = count / 2;
    const bool below = LoadAs<Unsigned>(numbers, first + half) < number;
    first = below ? first + half + 1 : first;
    count = below ? count - half - 1 : half;
  }
  return first;
}

size_t LowerBound(const char* bytes, size_t width, size_t count, int64_t number) noexcept {
  const char* const numbers = bytes + kIntsetHeaderBytes;
  if (width == sizeof(int16_t)) return LowerBound<uint16_t>(numbers, count, number);
  if (width == sizeof(int32_t)) return LowerBound<uint32_t>(numbers, count, number);
  return LowerBound<uint64_t>(numbers, count, number);
}

}  // namespace

size_t IntsetView::TotalBytes(const char* bytes) noexcept {
  return kIntsetHeaderBytes + HeaderWidth(bytes) * HeaderCount(bytes);
}

size_t IntsetView::Count() const noexcept { return HeaderCount(bytes_.data()); }

size_t IntsetView::WidthBytes() const noexcept { return HeaderWidth(bytes_.data()); }

int64_t IntsetView::At(size_t index) const noexcept {
  assert(index < Count());
  return Load(bytes_.data(), WidthBytes(), index);
}

IntsetView::Place IntsetView::Find(int64_t number) const noexcept {
  const size_t count = Count();
  const size_t width = WidthBytes();
  // A number that needs more width lies beyond one end.
  if (WidthFor(number) > width) return {number < 0 ? 0 : count, false};
  const size_t index = LowerBound(bytes_.data(), width, count, number);
  return {index, index < count && Load(bytes_.data(), width, index) == number};
}

void InitIntset(char* bytes) noexcept { WriteHeader(bytes, sizeof(int16_t), 0); }

size_t IntsetInsertBytes(IntsetView set, int64_t number) noexcept {
  const size_t width = std::max(set.WidthBytes(), WidthFor(number));
  return kIntsetHeaderBytes + width * (set.Count() + 1);
}

void InsertIntoIntset(char* bytes, size_t index, int64_t number) noexcept {
  const size_t old_width = HeaderWidth(bytes);
  const size_t count = HeaderCount(bytes);
  assert(index <= count);
  const size_t width = std::max(old_width, WidthFor(number));
  if (width == old_width) {
    char* const at = bytes + kIntsetHeaderBytes + index * width;
    std::memmove(at + width, at, (count - index) * width);
  } else {
    // From the end, so that nothing is overwritten before it was read.
    for (size_t i = count; i-- > 0;) Store(bytes, width, i + (i >= index ? 1 : 0), Load(bytes, old_width, i));
  }
  Store(bytes, width, index, number);
  WriteHeader(bytes, width, count + 1);
}

size_t IntsetEraseBytes(IntsetView set) noexcept { return set.bytes().size() - set.WidthBytes(); }

void EraseFromIntset(char* bytes, size_t index) noexcept {
  const size_t width = HeaderWidth(bytes);
  const size_t count = HeaderCount(bytes);
  assert(index < count);
  char* const at = bytes + kIntsetHeaderBytes + index * width;
  std::memmove(at, at + width, (count - index - 1) * width);
  WriteHeader(bytes, width, count - 1);
}

bool AddToIntset(std::string& intset, int64_t number) {
  const IntsetView set(intset);
  const IntsetView::Place place = set.Find(number);
  if (place.found) return false;
  intset.resize(IntsetInsertBytes(set, number));
  InsertIntoIntset(intset.data(), place.index, number);
  return true;
}

std::string MakeIntset() {
  std::string intset(kEmptyIntsetBytes, '\0');
  InitIntset(intset.data());
  return intset;
}

bool IsValidIntset(std::string_view bytes, size_t& count) noexcept {
  count = 0;
  if (bytes.size() < kIntsetHeaderBytes || bytes.size() > kIntsetBytesMax) return false;
  const size_t width = HeaderWidth(bytes.data());
  if (width != sizeof(int16_t) && width != sizeof(int32_t) && width != sizeof(int64_t)) return false;
  if (IntsetView::TotalBytes(bytes.data()) != bytes.size()) return false;
  const size_t said = HeaderCount(bytes.data());
  for (size_t i = 1; i < said; ++i) {
    if (Load(bytes.data(), width, i - 1) >= Load(bytes.data(), width, i)) return false;
  }
  count = said;
  return true;
}

}  // namespace cachenode
