#include "persistence/s3/answer_fields.h"
#include "storage/base/blanks.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace cachenode {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

void AppendUtf8(std::string& out, uint32_t code) {
  const auto put = [&](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xc0 | code >> 6);
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3f));
  } else {
    put(0xf0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3f));
    put(0x80 | (code >> 6 & 0x3f));
  }
  put(0x80 | (code & 0x3f));
}

std::optional<uint32_t> ParseDigits(std::string_view digits, uint32_t base) {
  if (digits.empty() || digits.size() > 7) return std::nullopt;
  uint32_t value = 0;
  for (const char c : digits) {
    const char lower = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
    const bool is_decimal = lower >= '0' && lower <= '9';
    const bool is_letter = lower >= 'a' && lower <= 'f' && base == 16;
    if (!is_decimal && !is_letter) return std::nullopt;
    value = value * base + static_cast<uint32_t>(is_decimal ? lower - '0' : lower - 'a' + 10);
  }
  return value;
}

bool AppendEntity(std::string& out, std::string_view entity) {
  constexpr std::array<std::pair<std::string_view, char>, 5> kNamed = {
      {{"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}, {"apos", '\''}}};
  for (const auto& [name, character] : kNamed) {
    if (entity == name) {
      out.push_back(character);
      return true;
    }
  }
  if (entity.size() < 2 || entity[0] != '#') return false;
  const bool is_hex = entity[1] == 'x';
  const std::optional<uint32_t> code = ParseDigits(entity.substr(is_hex ? 2 : 1), is_hex ? 16 : 10);
  if (!code || *code == 0 || *code > 0x10ffff) return false;
  AppendUtf8(out, *code);
  return true;
}

std::optional<std::string> ResolveEntities(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t ampersand = text.find('&');
    out.append(text.substr(0, ampersand));
    if (ampersand == std::string_view::npos) break;
    text.remove_prefix(ampersand + 1);
    const size_t end = text.find(';');
    if (end == std::string_view::npos || !AppendEntity(out, text.substr(0, end))) return std::nullopt;
    text.remove_prefix(end + 1);
  }
  return out;
}

// Reads JSON front to back; every Take returns false, and stays false, once the text is malformed.
class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : rest_(text) {}

  bool Take(char expected) {
    SkipBlanks();
    if (rest_.empty() || rest_.front() != expected) return false;
    rest_.remove_prefix(1);
    return true;
  }

  [[nodiscard]] char Peek() {
    SkipBlanks();
    return rest_.empty() ? '\0' : rest_.front();
  }

  bool TakeString(std::string& out) {
    out.clear();
    if (!Take('"')) return false;
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c != '\\') {
        out.push_back(c);
      } else if (!TakeEscape(out)) {
        return false;
      }
    }
    return false;
  }

  // A number, true, false or null, as written.
  bool TakeWord(std::string& out) {
    SkipBlanks();
    const size_t end = rest_.find_first_of(",}] \t\r\n");
    if (end == std::string_view::npos || end == 0) return false;
    out = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return true;
  }

  // An object or array with all it holds.
  bool SkipNested() {
    size_t depth = 0;
    std::string ignored;
    do {
      const char c = Peek();
      if (c == '"') {
        if (!TakeString(ignored)) return false;
        continue;
      }
      if (c == '\0') return false;
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
      rest_.remove_prefix(1);
    } while (depth > 0);
    return true;
  }

 private:
  void SkipBlanks() {
    const size_t first = rest_.find_first_not_of(kBlanks);
    rest_.remove_prefix(first == std::string_view::npos ? rest_.size() : first);
  }

  bool TakeEscape(std::string& out) {
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    if (rest_.empty()) return false;
    const char name = rest_.front();
    rest_.remove_prefix(1);
    const size_t index = kNames.find(name);
    if (index != std::string_view::npos) {
      out.push_back(kMeanings[index]);
      return true;
    }
    return name == 'u' && TakeUnicode(out);
  }

  std::optional<uint32_t> TakeFourDigits() {
    if (rest_.size() < 4) return std::nullopt;
    const std::optional<uint32_t> value = ParseDigits(rest_.substr(0, 4), 16);
    rest_.remove_prefix(4);
    return value;
  }

  bool TakeUnicode(std::string& out) {
    std::optional<uint32_t> code = TakeFourDigits();
    if (!code || (*code >= 0xdc00 && *code < 0xe000)) return false;
    if (*code >= 0xd800 && *code < 0xdc00) {
      if (rest_.substr(0, 2) != "\\u") return false;
      rest_.remove_prefix(2);
      const std::optional<uint32_t> low = TakeFourDigits();
      if (!low || *low < 0xdc00 || *low > 0xdfff) return false;
      code = 0x10000 + ((*code - 0xd800) << 10) + (*low - 0xdc00);
    }
    AppendUtf8(out, *code);
    return true;
  }

  std::string_view rest_;
};

}  // namespace

std::optional<std::string> XmlField(std::string_view text, std::string_view element) {
  while (true) {
    const size_t open = text.find('<');
    if (open == std::string_view::npos) return std::nullopt;
    const size_t close = text.find('>', open);
    if (close == std::string_view::npos) return std::nullopt;
    const std::string_view tag = text.substr(open + 1, close - open - 1);
    text.remove_prefix(close + 1);
    const std::string_view name = tag.substr(0, tag.find_first_of(" \t\r\n/"));
    if (name != element) continue;
    if (!tag.empty() && tag.back() == '/') return std::string();
    const size_t end = text.find('<');
    const std::string closing = std::string("</").append(element).append(">");
    if (end == std::string_view::npos || text.substr(end, closing.size()) != closing) return std::nullopt;
    return ResolveEntities(TrimBlanks(text.substr(0, end)));
  }
}

std::optional<std::string> JsonField(std::string_view text, std::string_view name) {
  JsonReader reader(text);
  if (!reader.Take('{')) return std::nullopt;
  std::string member;
  std::string value;
  do {
    if (!reader.TakeString(member) || !reader.Take(':')) return std::nullopt;
    const bool wanted = member == name;
    const char first = reader.Peek();
    if (first == '{' || first == '[') {
      if (wanted || !reader.SkipNested()) return std::nullopt;
      continue;
    }
    const bool is_string = first == '"';
    if (!(is_string ? reader.TakeString(value) : reader.TakeWord(value))) return std::nullopt;
    if (!wanted) continue;
    const bool is_number = first == '-' || (first >= '0' && first <= '9');
    if (!is_string && !is_number) return std::nullopt;
    return value;
  } while (reader.Take(','));
  return std::nullopt;
}

}  // namespace cachenode
