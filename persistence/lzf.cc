#include "persistence/lzf.h"

#include <liblzf/lzf.h>

#include <limits>

namespace cachenode {

size_t LzfCompress(std::string_view text, std::span<char> into) noexcept {
  if (text.size() > std::numeric_limits<unsigned>::max()) return 0;
  return lzf_compress(text.data(), static_cast<unsigned>(text.size()), into.data(),
                      static_cast<unsigned>(into.size()));
}

bool LzfDecompress(std::string_view compressed, std::span<char> text) noexcept {
  constexpr size_t kMax = std::numeric_limits<unsigned>::max();
  if (compressed.size() > kMax || text.size() > kMax) return false;
  return lzf_decompress(compressed.data(), static_cast<unsigned>(compressed.size()), text.data(),
                        static_cast<unsigned>(text.size())) == text.size();
}

}  // namespace cachenode
