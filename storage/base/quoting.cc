#include "storage/base/quoting.h"

#include "storage/base/bytes.h"

namespace cachenode {

namespace {

// Reads one line word by word. `at` never passes the end of the text.
class WordReader {
 public:
  explicit WordReader(std::string_view line) noexcept : line_(line.substr(0, line.find('\0'))) {}

  void SkipBlanks() noexcept {
    while (!AtEnd() && IsSpaceAscii(Peek())) ++at_;
  }
  [[nodiscard]] bool AtEnd() const noexcept { return at_ == line_.size(); }

  // False when a quote is not closed properly.
  bool ReadWord(std::string& word) {
    while (!AtEnd()) {
      const char c = Take();
      switch (c) {
        case ' ':
        case '\n':
        case '\r':
        case '\t':
          return true;
        case '"':
          return ReadDoubleQuoted(word);
        case '\'':
          return ReadSingleQuoted(word);
        default:
          word.push_back(c);
      }
    }
    return true;
  }

 private:
  [[nodiscard]] char Peek() const noexcept { return line_[at_]; }
  char Take() noexcept { return line_[at_++]; }
  [[nodiscard]] bool WordEnds() const noexcept { return AtEnd() || IsSpaceAscii(Peek()); }

  bool ReadDoubleQuoted(std::string& word) {
    while (!AtEnd()) {
      const char c = Take();
      if (c == '"') return WordEnds();
      if (c == '\\' && !AtEnd()) {
        word.push_back(TakeEscaped());
      } else {
        word.push_back(c);
      }
    }
    return false;
  }

  bool ReadSingleQuoted(std::string& word) {
    while (!AtEnd()) {
      const char c = Take();
      if (c == '\'') return WordEnds();
      if (c == '\\' && !AtEnd() && Peek() == '\'') {
        word.push_back(Take());
      } else {
        word.push_back(c);
      }
    }
    return false;
  }

  // What follows a backslash inside double quotes.
  char TakeEscaped() noexcept {
    const char c = Take();
    if (c == 'x' && line_.size() - at_ >= 2) {
      const int high = HexDigitValue(line_[at_]);
      const int low = HexDigitValue(line_[at_ + 1]);
      if (high >= 0 && low >= 0) {
        at_ += 2;
        return static_cast<char>(high * 16 + low);
      }
    }
    switch (c) {
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      case 'b':
        return '\b';
      case 'a':
        return '\a';
      default:
        return c;
    }
  }

  std::string_view line_;
  size_t at_ = 0;
};

// The letter behind the backslash for bytes that have one, else 0.
char EscapeLetter(char c) noexcept {
  switch (c) {
    case '\\':
    case '"':
      return c;
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    case '\a':
      return 'a';
    case '\b':
      return 'b';
    default:
      return 0;
  }
}

}  // namespace

bool SplitQuotedWords(std::string_view line, std::vector<std::string>& words) {
  WordReader reader(line);
  while (true) {
    reader.SkipBlanks();
    if (reader.AtEnd()) return true;
    std::string word;
    if (!reader.ReadWord(word)) return false;
    words.push_back(std::move(word));
  }
}

void AppendQuoted(std::string& to, std::string_view bytes) {
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  to.push_back('"');
  for (const char c : bytes) {
    if (const char letter = EscapeLetter(c); letter != 0) {
      to.push_back('\\');
      to.push_back(letter);
    } else if (c >= ' ' && c <= '~') {
      to.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      to.append("\\x").push_back(kHexDigits[byte >> 4]);
      to.push_back(kHexDigits[byte & 15]);
    }
  }
  to.push_back('"');
}

}  // namespace cachenode
