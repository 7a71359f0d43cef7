// The text of an errno value as strerror gives it in the C locale, but for values without a name. From any thread.
#pragma once

#include <cstring>

namespace cachenode {

[[nodiscard]] inline const char* SystemErrorText(int error_number) noexcept {
  const char* const text = strerrordesc_np(error_number);
  return text == nullptr ? "Unknown error" : text;
}

}  // namespace cachenode
