// The text of INFO as it grows: "name:value" lines under "# Section" headings.
//
// Thread-safety: a value of one thread.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include "storage/base/numbers.h"

namespace cachenode {

class InfoText {
 public:
  void Section(std::string_view name) {
    if (!text_.empty()) text_.append("\r\n");
    text_.append("# ").append(name).append("\r\n");
  }
  void Line(std::string_view name, std::string_view value) {
    text_.append(name).append(":").append(value).append("\r\n");
  }
  template <std::integral Number>
  void Line(std::string_view name, Number value) {
    text_.append(name).append(":");
    if constexpr (std::is_same_v<Number, bool>) {
      text_.push_back(value ? '1' : '0');
    } else if constexpr (std::is_signed_v<Number>) {
      AppendInt64(text_, value);
    } else {
      AppendUint64(text_, value);
    }
    text_.append("\r\n");
  }
  // With a fixed number of decimals.
  void Fixed(std::string_view name, double value, int decimals, std::string_view unit = {}) {
    text_.append(name).append(":");
    AppendFixed(text_, value, decimals);
    text_.append(unit).append("\r\n");
  }
  // "1.50M": a number of bytes for people.
  void Human(std::string_view name, uint64_t bytes) { Line(name, HumanBytes(bytes)); }

  [[nodiscard]] static std::string HumanBytes(uint64_t bytes);
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace cachenode
