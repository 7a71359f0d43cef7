// The LZF compression of RDB strings.
//
// Thread-safety: functions only; every thread may call them at once.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace cachenode {

// Three bytes of a stream produce at most 264 bytes of text.
constexpr size_t kLzfGrowthMax = 88;

// Compresses `text` into at most `into.size()` bytes. Returns the bytes written, or 0 when they do not fit.
// `text` is shorter than 4 GB.
[[nodiscard]] size_t LzfCompress(std::string_view text, std::span<char> into) noexcept;

// Fills `text` exactly. False when `compressed` is not a valid stream of that length; `text` is then unspecified.
[[nodiscard]] bool LzfDecompress(std::string_view compressed, std::span<char> text) noexcept;

}  // namespace cachenode
