#include "server/script/lua_struct.h"

#include <bit>
#include <climits>
#include <cstdint>
#include <cstring>
#include <lua.hpp>
#include <string>
#include <string_view>

#include "server/script/lua_vm.h"

namespace cachenode {
namespace {

constexpr int kAlignmentMax = 8;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Walks a format string. Trivially destructible, as errors unwind it.
class Format {
 public:
  Format(lua_State* lua, const char* text) : lua_(lua), next_(text) {}

  // The next option that stands for data, its size and the padding before it at `position` bytes. False at the end.
  // Options that only change how the others are read are taken on the way.
  bool Next(size_t position);

  [[nodiscard]] char option() const { return option_; }
  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] size_t padding() const { return padding_; }
  [[nodiscard]] bool big_endian() const { return big_endian_; }
  void Refuse() const {
    luaL_argerror(lua_, 1, lua_pushfstring(lua_, "invalid format option '%c'", static_cast<int>(option_)));
  }

 private:
  [[nodiscard]] int Number(int fallback);
  [[nodiscard]] size_t SizeOfOption();
  void Control();

  lua_State* const lua_;
  const char* next_;
  char option_ = 0;
  size_t size_ = 0;
  size_t padding_ = 0;
  size_t alignment_ = 1;
  bool big_endian_ = std::endian::native == std::endian::big;
};

int Format::Number(int fallback) {
  if (!IsDigit(*next_)) return fallback;
  int value = 0;
  while (IsDigit(*next_)) {
    const int digit = *next_++ - '0';
    if (value > INT_MAX / 10 || value * 10 > INT_MAX - digit) luaL_error(lua_, "integral size overflow");
    value = value * 10 + digit;
  }
  return value;
}

size_t Format::SizeOfOption() {
  switch (option_) {
    case 'b':
    case 'B':
    case 'x':
      return 1;
    case 'h':
    case 'H':
      return sizeof(short);
    case 'l':
    case 'L':
      return sizeof(long);
    case 'T':
      return sizeof(size_t);
    case 'f':
      return sizeof(float);
    case 'd':
      return sizeof(double);
    case 'c':
      return static_cast<size_t>(Number(1));
    case 'i':
    case 'I': {
      const int size = Number(sizeof(int));
      if (static_cast<size_t>(size) > kStructIntegerMax) {
        luaL_error(lua_, "integral size %d is larger than limit of %d", size, static_cast<int>(kStructIntegerMax));
      }
      return static_cast<size_t>(size);
    }
    default:
      return 0;
  }
}

void Format::Control() {
  switch (option_) {
    case ' ':
      return;
    case '>':
      big_endian_ = true;
      return;
    case '<':
      big_endian_ = false;
      return;
    case '!': {
      const int alignment = Number(kAlignmentMax);
      if (alignment <= 0 || (alignment & (alignment - 1)) != 0) {
        luaL_error(lua_, "alignment %d is not a power of 2", alignment);
      }
      alignment_ = static_cast<size_t>(alignment);
      return;
    }
    default:
      Refuse();
  }
}

bool Format::Next(size_t position) {
  while (*next_ != '\0') {
    option_ = *next_++;
    size_ = SizeOfOption();
    if (!IsLetter(option_)) {
      Control();
      continue;
    }
    const size_t unit = size_ > alignment_ ? alignment_ : size_;
    padding_ = unit == 0 || option_ == 'c' ? 0 : (unit - (position & (unit - 1))) & (unit - 1);
    return true;
  }
  return false;
}

// --- Packing ---------------------------------------------------------------------------------------------------------

uint64_t IntegerBits(double number) {
  constexpr double kSigned = 9223372036854775808.0;
  if (number < 0) return number >= -kSigned ? static_cast<uint64_t>(static_cast<int64_t>(number)) : uint64_t{1} << 63;
  return number < 2 * kSigned ? static_cast<uint64_t>(number) : 0;
}

void AppendInteger(std::string& out, uint64_t bits, size_t size, bool big_endian) {
  const size_t begin = out.size();
  out.append(size, '\0');
  for (size_t i = 0; i < size && i < sizeof(bits); ++i) {
    const char byte = static_cast<char>(bits >> (8 * i));
    out[begin + (big_endian ? size - 1 - i : i)] = byte;
  }
}

void PackString(lua_State* lua, const Format& format, int argument, std::string& out) {
  size_t length = 0;
  const char* bytes = luaL_checklstring(lua, argument, &length);
  if (format.option() == 's') {
    out.append(bytes, length).push_back('\0');
    return;
  }
  const size_t wanted = format.size() == 0 ? length : format.size();
  luaL_argcheck(lua, length >= wanted, argument + 1, "string too short");
  out.append(bytes, wanted);
}

// True when the option took an argument.
bool PackOne(lua_State* lua, const Format& format, int argument, std::string& out) {
  out.append(format.padding(), '\0');
  switch (format.option()) {
    case 'x':
      out.push_back('\0');
      return false;
    case 's':
    case 'c':
      PackString(lua, format, argument, out);
      return true;
    case 'f':
      AppendInteger(out, std::bit_cast<uint32_t>(static_cast<float>(luaL_checknumber(lua, argument))), sizeof(float),
                    format.big_endian());
      return true;
    case 'd':
      AppendInteger(out, std::bit_cast<uint64_t>(luaL_checknumber(lua, argument)), sizeof(double), format.big_endian());
      return true;
    case 'b':
    case 'B':
    case 'h':
    case 'H':
    case 'l':
    case 'L':
    case 'T':
    case 'i':
    case 'I':
      AppendInteger(out, IntegerBits(luaL_checknumber(lua, argument)), format.size(), format.big_endian());
      return true;
    default:
      format.Refuse();
      return false;
  }
}

int Pack(lua_State* lua) {
  Format format(lua, luaL_checkstring(lua, 1));
  lua_pushnil(lua);  // So that a missing argument reads as nil.
  std::string& out = LuaVm::Of(lua).BorrowScratch();
  for (int argument = 2; format.Next(out.size());) {
    if (PackOne(lua, format, argument, out)) ++argument;
  }
  lua_pushlstring(lua, out.data(), out.size());
  LuaVm::Of(lua).TrimScratch();
  return 1;
}

// --- Unpacking -------------------------------------------------------------------------------------------------------

uint64_t ReadInteger(std::string_view bytes, bool big_endian) {
  uint64_t bits = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    bits = bits << 8 | static_cast<uint8_t>(bytes[big_endian ? i : bytes.size() - 1 - i]);
  }
  return bits;
}

double ToSigned(uint64_t bits, size_t size) {
  if (size != 0 && size < sizeof(bits) && (bits >> (8 * size - 1) & 1) != 0) bits |= ~uint64_t{0} << (8 * size);
  return static_cast<double>(static_cast<int64_t>(bits));
}

struct Data {
  std::string_view bytes;
  size_t position;  // Where the next value begins, padding included.
  int pushed;       // Values on the stack.
};

void CheckRoom(lua_State* lua, const Data& data, size_t size) {
  const bool fits = data.position <= data.bytes.size() && size <= data.bytes.size() - data.position;
  luaL_argcheck(lua, fits, 2, "data string too short");
}

void UnpackCounted(lua_State* lua, const Format& format, Data& data) {
  size_t size = format.size();
  if (size == 0) {
    if (data.pushed == 0 || lua_isnumber(lua, -1) == 0) luaL_error(lua, "format 'c0' needs a previous size");
    const double wanted = lua_tonumber(lua, -1);
    luaL_argcheck(lua, wanted >= 0 && wanted <= static_cast<double>(data.bytes.size()), 2, "data string too short");
    size = static_cast<size_t>(wanted);
    lua_pop(lua, 1);
    --data.pushed;
    CheckRoom(lua, data, size);
  }
  lua_pushlstring(lua, data.bytes.data() + data.position, size);
  ++data.pushed;
  data.position += size;
}

void UnpackTerminated(lua_State* lua, Data& data) {
  const size_t end = data.bytes.find('\0', data.position);
  if (end == std::string_view::npos) luaL_error(lua, "unfinished string in data");
  lua_pushlstring(lua, data.bytes.data() + data.position, end - data.position);
  ++data.pushed;
  data.position = end + 1;
}

void UnpackFixed(lua_State* lua, const Format& format, Data& data) {
  const std::string_view bytes = data.bytes.substr(data.position, format.size());
  const uint64_t bits = ReadInteger(bytes, format.big_endian());
  switch (format.option()) {
    case 'x':
      data.position += format.size();
      return;
    case 'f':
      lua_pushnumber(lua, static_cast<double>(std::bit_cast<float>(static_cast<uint32_t>(bits))));
      break;
    case 'd':
      lua_pushnumber(lua, std::bit_cast<double>(bits));
      break;
    case 'B':
    case 'H':
    case 'L':
    case 'T':
    case 'I':
      lua_pushnumber(lua, static_cast<double>(bits));
      break;
    case 'b':
    case 'h':
    case 'l':
    case 'i':
      lua_pushnumber(lua, ToSigned(bits, format.size()));
      break;
    default:
      format.Refuse();
  }
  ++data.pushed;
  data.position += format.size();
}

int Unpack(lua_State* lua) {
  Format format(lua, luaL_checkstring(lua, 1));
  size_t size = 0;
  const char* bytes = luaL_checklstring(lua, 2, &size);
  const lua_Integer offset = luaL_optinteger(lua, 3, 1);
  luaL_argcheck(lua, offset != 0, 3, "offset must be 1 or greater");
  Data data{{bytes, size}, static_cast<size_t>(offset) - 1, 0};
  lua_settop(lua, 2);
  while (format.Next(data.position)) {
    luaL_checkstack(lua, 4, "too many results");
    CheckRoom(lua, data, format.padding());
    data.position += format.padding();
    CheckRoom(lua, data, format.size());
    if (format.option() == 'c') {
      UnpackCounted(lua, format, data);
    } else if (format.option() == 's') {
      UnpackTerminated(lua, data);
    } else {
      UnpackFixed(lua, format, data);
    }
  }
  lua_pushnumber(lua, static_cast<double>(data.position) + 1);
  return data.pushed + 1;
}

int Size(lua_State* lua) {
  Format format(lua, luaL_checkstring(lua, 1));
  size_t position = 0;
  while (format.Next(position)) {
    const bool is_open = format.option() == 's' || (format.option() == 'c' && format.size() == 0);
    if (is_open) {
      return luaL_argerror(lua, 1,
                           format.option() == 's' ? "option 's' has no fixed size" : "option 'c0' has no fixed size");
    }
    position += format.padding() + format.size();
  }
  lua_pushnumber(lua, static_cast<double>(position));
  return 1;
}

}  // namespace

void PushStructLibrary(lua_State* lua) {
  lua_createtable(lua, 0, 3);
  lua_pushcfunction(lua, Pack);
  lua_setfield(lua, -2, "pack");
  lua_pushcfunction(lua, Unpack);
  lua_setfield(lua, -2, "unpack");
  lua_pushcfunction(lua, Size);
  lua_setfield(lua, -2, "size");
}

}  // namespace cachenode
