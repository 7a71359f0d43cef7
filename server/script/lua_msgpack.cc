#include "server/script/lua_msgpack.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <lua.hpp>
#include <string>
#include <string_view>

#include "server/script/lua_vm.h"

namespace cachenode {
namespace {

// --- Packing ---------------------------------------------------------------------------------------------------------

class Packer {
 public:
  Packer(lua_State* lua, std::string& out) : lua_(lua), out_(out) {}

  // Pops the value on top.
  void PackTop(int depth);

 private:
  void Byte(uint8_t byte) { out_.push_back(static_cast<char>(byte)); }
  void BigEndian(uint64_t value, unsigned bytes) {
    while (bytes != 0) Byte(static_cast<uint8_t>(value >> (8 * --bytes)));
  }
  void Tagged(uint8_t tag, uint64_t value, unsigned bytes) {
    Byte(tag);
    BigEndian(value, bytes);
  }
  void PackNumber(double number);
  void PackInteger(int64_t value);
  void PackString();
  void PackTable(int depth);
  // The number of elements when the table on top is an array, else -1; `pairs` counts all.
  [[nodiscard]] int64_t ArraySize(size_t& pairs);

  lua_State* const lua_;
  std::string& out_;
};

bool IsInteger(double number) {
  constexpr double kLimit = 9223372036854775808.0;
  return number >= -kLimit && number < kLimit && std::trunc(number) == number;
}

void Packer::PackNumber(double number) {
  if (IsInteger(number)) return PackInteger(static_cast<int64_t>(number));
  const bool fits_float = std::isnan(number) || std::isinf(number) || std::fabs(number) <= 3.4028234663852886e38;
  if (fits_float && !std::isnan(number) && static_cast<double>(static_cast<float>(number)) == number) {
    return Tagged(0xca, std::bit_cast<uint32_t>(static_cast<float>(number)), 4);
  }
  Tagged(0xcb, std::bit_cast<uint64_t>(number), 8);
}

void Packer::PackInteger(int64_t value) {
  const auto bits = static_cast<uint64_t>(value);
  if (value >= 0) {
    if (value <= 0x7f) return Byte(static_cast<uint8_t>(value));
    if (value <= 0xff) return Tagged(0xcc, bits, 1);
    if (value <= 0xffff) return Tagged(0xcd, bits, 2);
    if (value <= 0xffffffff) return Tagged(0xce, bits, 4);
    return Tagged(0xcf, bits, 8);
  }
  if (value >= -32) return Byte(static_cast<uint8_t>(value));
  if (value >= INT8_MIN) return Tagged(0xd0, bits, 1);
  if (value >= INT16_MIN) return Tagged(0xd1, bits, 2);
  if (value >= INT32_MIN) return Tagged(0xd2, bits, 4);
  Tagged(0xd3, bits, 8);
}

void Packer::PackString() {
  size_t size = 0;
  const char* bytes = lua_tolstring(lua_, -1, &size);
  if (size < 32) {
    Byte(static_cast<uint8_t>(0xa0 | size));
  } else if (size <= 0xff) {
    Tagged(0xd9, size, 1);
  } else if (size <= 0xffff) {
    Tagged(0xda, size, 2);
  } else {
    Tagged(0xdb, size, 4);
  }
  out_.append(bytes, size);
}

int64_t Packer::ArraySize(size_t& pairs) {
  double largest = 0;
  bool is_array = true;
  pairs = 0;
  lua_pushnil(lua_);
  while (lua_next(lua_, -2) != 0) {
    lua_pop(lua_, 1);
    ++pairs;
    const double key = lua_type(lua_, -1) == LUA_TNUMBER ? lua_tonumber(lua_, -1) : 0;
    is_array = is_array && key > 0 && IsInteger(key);
    largest = std::max(largest, key);
  }
  return is_array && largest == static_cast<double>(pairs) ? static_cast<int64_t>(pairs) : -1;
}

void Packer::PackTable(int depth) {
  size_t pairs = 0;
  const int64_t elements = ArraySize(pairs);
  const bool is_array = elements >= 0;
  if (pairs <= 15) {
    Byte(static_cast<uint8_t>((is_array ? 0x90 : 0x80) | pairs));
  } else if (pairs <= 0xffff) {
    Tagged(is_array ? 0xdc : 0xde, pairs, 2);
  } else {
    Tagged(is_array ? 0xdd : 0xdf, pairs, 4);
  }
  for (int64_t i = 1; i <= elements; ++i) {
    lua_rawgeti(lua_, -1, static_cast<int>(i));
    PackTop(depth + 1);
  }
  if (is_array) return;
  lua_pushnil(lua_);
  while (lua_next(lua_, -2) != 0) {
    lua_pushvalue(lua_, -2);
    PackTop(depth + 1);
    PackTop(depth + 1);
  }
}

void Packer::PackTop(int depth) {
  luaL_checkstack(lua_, 5, "a value nests too deep");
  const int type = lua_type(lua_, -1);
  if (type == LUA_TSTRING) {
    PackString();
  } else if (type == LUA_TNUMBER) {
    PackNumber(lua_tonumber(lua_, -1));
  } else if (type == LUA_TBOOLEAN) {
    Byte(lua_toboolean(lua_, -1) != 0 ? 0xc3 : 0xc2);
  } else if (type == LUA_TTABLE && depth < kMsgpackDepthMax) {
    PackTable(depth);
  } else {
    Byte(0xc0);
  }
  lua_pop(lua_, 1);
}

int Pack(lua_State* lua) {
  const int count = lua_gettop(lua);
  if (count == 0) return luaL_argerror(lua, 0, "MessagePack pack needs input.");
  std::string& out = LuaVm::Of(lua).BorrowScratch();
  Packer packer(lua, out);
  for (int i = 1; i <= count; ++i) {
    luaL_checkstack(lua, 1, "too many arguments");
    lua_pushvalue(lua, i);
    packer.PackTop(0);
  }
  lua_pushlstring(lua, out.data(), out.size());
  LuaVm::Of(lua).TrimScratch();
  return 1;
}

// --- Unpacking -------------------------------------------------------------------------------------------------------

class Unpacker {
 public:
  Unpacker(lua_State* lua, std::string_view data) : lua_(lua), data_(data) {}

  [[nodiscard]] bool AtEnd() const { return at_ == data_.size(); }
  [[nodiscard]] size_t position() const { return at_; }
  // Pushes the next value. Raises what is wrong.
  void Next();

 private:
  void Need(uint64_t bytes) const {
    if (bytes > data_.size() - at_) luaL_error(lua_, "Missing bytes in input.");
  }
  uint64_t BigEndian(unsigned bytes) {
    Need(bytes);
    uint64_t value = 0;
    while (bytes-- != 0) value = value << 8 | static_cast<uint8_t>(data_[at_++]);
    return value;
  }
  void PushInteger(int64_t value) { lua_pushnumber(lua_, static_cast<double>(value)); }
  void PushString(uint64_t size) {
    Need(size);
    lua_pushlstring(lua_, data_.data() + at_, size);
    at_ += size;
  }
  void PushArray(uint64_t count);
  void PushMap(uint64_t count);
  void NextTagged(uint8_t tag);

  lua_State* const lua_;
  const std::string_view data_;
  size_t at_ = 0;
};

void Unpacker::PushArray(uint64_t count) {
  lua_createtable(lua_, static_cast<int>(std::min<uint64_t>(count, data_.size() - at_)), 0);
  for (uint64_t i = 1; i <= count; ++i) {
    Next();
    lua_rawseti(lua_, -2, static_cast<int>(i));
  }
}

void Unpacker::PushMap(uint64_t count) {
  lua_createtable(lua_, 0, static_cast<int>(std::min<uint64_t>(count, (data_.size() - at_) / 2)));
  for (uint64_t i = 0; i < count; ++i) {
    Next();
    Next();
    lua_settable(lua_, -3);
  }
}

void Unpacker::NextTagged(uint8_t tag) {
  switch (tag) {
    case 0xc0:
      return lua_pushnil(lua_);
    case 0xc2:
    case 0xc3:
      return lua_pushboolean(lua_, tag & 1);
    case 0xc4:
    case 0xd9:
      return PushString(BigEndian(1));
    case 0xc5:
    case 0xda:
      return PushString(BigEndian(2));
    case 0xc6:
    case 0xdb:
      return PushString(BigEndian(4));
    case 0xca:
      return lua_pushnumber(lua_, static_cast<double>(std::bit_cast<float>(static_cast<uint32_t>(BigEndian(4)))));
    case 0xcb:
      return lua_pushnumber(lua_, std::bit_cast<double>(BigEndian(8)));
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
      return lua_pushnumber(lua_, static_cast<double>(BigEndian(1U << (tag & 3))));
    case 0xd0:
      return PushInteger(static_cast<int8_t>(BigEndian(1)));
    case 0xd1:
      return PushInteger(static_cast<int16_t>(BigEndian(2)));
    case 0xd2:
      return PushInteger(static_cast<int32_t>(BigEndian(4)));
    case 0xd3:
      return PushInteger(static_cast<int64_t>(BigEndian(8)));
    case 0xdc:
      return PushArray(BigEndian(2));
    case 0xdd:
      return PushArray(BigEndian(4));
    case 0xde:
      return PushMap(BigEndian(2));
    case 0xdf:
      return PushMap(BigEndian(4));
    default:
      luaL_error(lua_, "Bad data format in input.");
  }
}

void Unpacker::Next() {
  luaL_checkstack(lua_, 5, "the data nests too deep");
  const auto tag = static_cast<uint8_t>(BigEndian(1));
  if (tag <= 0x7f) return PushInteger(tag);
  if (tag <= 0x8f) return PushMap(tag & 0x0f);
  if (tag <= 0x9f) return PushArray(tag & 0x0f);
  if (tag <= 0xbf) return PushString(tag & 0x1f);
  if (tag >= 0xe0) return PushInteger(static_cast<int8_t>(tag));
  NextTagged(tag);
}

// Values from `offset` on, at most `limit` unless that is 0. With a limit the first result is where to go on, -1 at
// the end.
int UnpackFrom(lua_State* lua, lua_Integer limit, lua_Integer offset) {
  size_t size = 0;
  const char* bytes = luaL_checklstring(lua, 1, &size);
  if (limit < 0 || offset < 0) {
    return luaL_error(lua, "Invalid request to unpack with offset of %d and limit of %d.", static_cast<int>(offset),
                      static_cast<int>(size));
  }
  if (static_cast<size_t>(offset) > size) {
    return luaL_error(lua, "Start offset %d greater than input length %d.", static_cast<int>(offset),
                      static_cast<int>(size));
  }
  const bool all = limit == 0;
  lua_settop(lua, 1);
  if (!all) lua_pushnil(lua);  // The place of the offset.
  Unpacker unpacker(lua, std::string_view(bytes, size).substr(static_cast<size_t>(offset)));
  int count = 0;
  while (!unpacker.AtEnd() && (all || count < limit)) {
    unpacker.Next();
    ++count;
  }
  if (all) return count;
  const bool at_end = unpacker.AtEnd();
  lua_pushinteger(lua, at_end ? -1 : offset + static_cast<lua_Integer>(unpacker.position()));
  lua_replace(lua, 2);
  return count + 1;
}

int Unpack(lua_State* lua) { return UnpackFrom(lua, 0, 0); }

int UnpackOne(lua_State* lua) { return UnpackFrom(lua, 1, luaL_optinteger(lua, 2, 0)); }

int UnpackLimit(lua_State* lua) {
  const lua_Integer limit = luaL_checkinteger(lua, 2);
  return UnpackFrom(lua, limit, luaL_optinteger(lua, 3, 0));
}

}  // namespace

void PushMsgpackLibrary(lua_State* lua) {
  lua_createtable(lua, 0, 8);
  lua_pushcfunction(lua, Pack);
  lua_setfield(lua, -2, "pack");
  lua_pushcfunction(lua, Unpack);
  lua_setfield(lua, -2, "unpack");
  lua_pushcfunction(lua, UnpackOne);
  lua_setfield(lua, -2, "unpack_one");
  lua_pushcfunction(lua, UnpackLimit);
  lua_setfield(lua, -2, "unpack_limit");
  lua_pushliteral(lua, "cmsgpack");
  lua_setfield(lua, -2, "_NAME");
  lua_pushliteral(lua, "lua-cmsgpack 0.4.0");
  lua_setfield(lua, -2, "_VERSION");
}

}  // namespace cachenode
