#include "persistence/lzf.h"

#include <liblzf/lzf.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>

#include "storage/base/bytes.h"

namespace cachenode {
namespace {

// The library's own compressor costs 160 ns for 64 bytes because it touches a table of 64 Ki pointers and copies
// literals before it knows that they stay. This one sizes its table by the text and writes nothing until the first
// match.
constexpr size_t kMatchMin = 3;
constexpr size_t kMatchMax = 264;
constexpr size_t kDistanceMax = 8192;
constexpr size_t kLiteralRunMax = 32;
constexpr size_t kLongMatch = 7;  // Lengths from here on, less 2, need a byte of their own.
constexpr unsigned kTableBitsMax = 14;
constexpr unsigned kTableBitsMin = 6;
constexpr unsigned kMissesPerStep = 8;  // The step grows by one every 2^8 misses.
constexpr size_t kWordBytes = sizeof(uint32_t);

// Appends to a bounded buffer; once it is full, nothing more goes in.
class Output {
 public:
  explicit Output(std::span<char> into) noexcept : begin_(into.data()), at_(begin_), end_(begin_ + into.size()) {}

  [[nodiscard]] bool Literals(const char* from, size_t size) noexcept {
    while (size > 0) {
      const size_t run = std::min(size, kLiteralRunMax);
      if (static_cast<size_t>(end_ - at_) < run + 1) return false;
      *at_++ = static_cast<char>(run - 1);
      CopyShort(at_, from, run);
      at_ += run;
      from += run;
      size -= run;
    }
    return true;
  }

  [[nodiscard]] bool Match(size_t distance, size_t length) noexcept {
    if (end_ - at_ < 3) return false;
    const size_t offset = distance - 1;
    const size_t code = length - 2;
    *at_++ = static_cast<char>(std::min(code, kLongMatch) << 5 | offset >> 8);
    if (code >= kLongMatch) *at_++ = static_cast<char>(code - kLongMatch);
    *at_++ = static_cast<char>(offset);
    return true;
  }

  [[nodiscard]] size_t size() const noexcept { return static_cast<size_t>(at_ - begin_); }

 private:
  char* begin_;
  char* at_;
  char* end_;
};

size_t MatchLength(const char* earlier, const char* here, size_t length_max) noexcept {
  size_t length = kMatchMin;
  while (length + sizeof(uint64_t) <= length_max) {
    const uint64_t difference =
        LoadLittleEndian<uint64_t>(earlier + length) ^ LoadLittleEndian<uint64_t>(here + length);
    if (difference != 0) return length + static_cast<size_t>(std::countr_zero(difference)) / 8;
    length += sizeof(uint64_t);
  }
  while (length < length_max && earlier[length] == here[length]) ++length;
  return length;
}

template <typename Position>
class Compressor {
 public:
  Compressor(std::string_view text, std::span<char> into) noexcept
      : text_(text.data()),
        size_(text.size()),
        shift_(32 - std::clamp(static_cast<unsigned>(std::bit_width(text.size())), kTableBitsMin, kTableBitsMax)),
        output_(into) {
    std::memset(table_, 0, (size_t{1} << (32 - shift_)) * sizeof(Position));
  }

  size_t Run() noexcept {
    size_t literals_from = 0;
    size_t misses = 0;
    size_t at = 1;
    Remember(0);
    while (at + kWordBytes <= size_) {
      const size_t earlier = Remember(at);
      if (!IsMatch(earlier, at)) {
        at += 1 + (misses++ >> kMissesPerStep);
        continue;
      }
      misses = 0;
      const size_t length = MatchLength(text_ + earlier, text_ + at, std::min(size_ - at, kMatchMax));
      if (!output_.Literals(text_ + literals_from, at - literals_from)) return 0;
      if (!output_.Match(at - earlier, length)) return 0;
      at += length;
      literals_from = at;
      // The end of a match is where the next one likely begins.
      if (at + kWordBytes <= size_) {
        Remember(at - 2);
        Remember(at - 1);
      }
    }
    if (literals_from == 0) return 0;
    return output_.Literals(text_ + literals_from, size_ - literals_from) ? output_.size() : 0;
  }

 private:
  // The three bytes at `at`; requires four.
  [[nodiscard]] uint32_t Three(size_t at) const noexcept { return LoadLittleEndian<uint32_t>(text_ + at) & 0xFFFFFFU; }
  // Enters the place and answers the last one with the same hash.
  size_t Remember(size_t at) noexcept {
    Position& slot = table_[(Three(at) * 2654435761U) >> shift_];
    const size_t earlier = slot;
    slot = static_cast<Position>(at);
    return earlier;
  }
  [[nodiscard]] bool IsMatch(size_t earlier, size_t at) const noexcept {
    return Three(earlier) == Three(at) && at - earlier <= kDistanceMax;
  }

  const char* const text_;
  const size_t size_;
  const unsigned shift_;
  Output output_;
  Position table_[size_t{1} << kTableBitsMax];
};

}  // namespace

size_t LzfCompress(std::string_view text, std::span<char> into) noexcept {
  if (text.size() < kWordBytes + 1 || text.size() > std::numeric_limits<uint32_t>::max()) return 0;
  if (text.size() <= std::numeric_limits<uint16_t>::max()) return Compressor<uint16_t>(text, into).Run();
  return Compressor<uint32_t>(text, into).Run();
}

bool LzfDecompress(std::string_view compressed, std::span<char> text) noexcept {
  constexpr size_t kMax = std::numeric_limits<unsigned>::max();
  if (compressed.size() > kMax || text.size() > kMax) return false;
  return lzf_decompress(compressed.data(), static_cast<unsigned>(compressed.size()), text.data(),
                        static_cast<unsigned>(text.size())) == text.size();
}

}  // namespace cachenode
