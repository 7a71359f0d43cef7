#include "server/script/lua_reply.h"

#include <cmath>
#include <lua.hpp>

#include "protocol/resp_writer.h"
#include "storage/base/numbers.h"

namespace cachenode {
namespace {

// A position in an encoded reply. The bytes are ours, so they are trusted.
class ReplyCursor {
 public:
  explicit ReplyCursor(std::string_view bytes) : bytes_(bytes) {}

  [[nodiscard]] size_t position() const { return at_; }
  char TakeType() { return bytes_[at_++]; }
  std::string_view TakeLine() {
    const size_t end = bytes_.find('\r', at_);
    const std::string_view line = bytes_.substr(at_, end - at_);
    at_ = end + 2;
    return line;
  }
  // -1 for a null.
  int64_t TakeCount() {
    int64_t count = 0;
    const bool ok = TryParseInt64(TakeLine(), count);
    return ok ? count : -1;
  }
  std::string_view TakeBytes(size_t size) {
    const std::string_view taken = bytes_.substr(at_, size);
    at_ += size + 2;
    return taken;
  }

 private:
  const std::string_view bytes_;
  size_t at_ = 0;
};

void PushText(lua_State* lua, std::string_view text) { lua_pushlstring(lua, text.data(), text.size()); }

void PushField(lua_State* lua, const char* name, std::string_view text) {
  lua_createtable(lua, 0, 1);
  PushText(lua, text);
  lua_setfield(lua, -2, name);
}

void PushValue(lua_State* lua, ReplyCursor& cursor);

void PushBulk(lua_State* lua, ReplyCursor& cursor) {
  const int64_t size = cursor.TakeCount();
  if (size < 0) {
    lua_pushboolean(lua, 0);
    return;
  }
  PushText(lua, cursor.TakeBytes(static_cast<size_t>(size)));
}

void PushArray(lua_State* lua, ReplyCursor& cursor) {
  const int64_t count = cursor.TakeCount();
  if (count < 0) {
    lua_pushboolean(lua, 0);
    return;
  }
  lua_createtable(lua, static_cast<int>(count), 0);
  for (int64_t i = 1; i <= count; ++i) {
    PushValue(lua, cursor);
    lua_rawseti(lua, -2, static_cast<int>(i));
  }
}

// A key that Lua cannot index by is left out, its value with it.
void SetPair(lua_State* lua) {
  const bool is_nan = lua_type(lua, -2) == LUA_TNUMBER && std::isnan(lua_tonumber(lua, -2));
  if (lua_isnil(lua, -2) || is_nan) {
    lua_pop(lua, 2);
    return;
  }
  lua_rawset(lua, -3);
}

void PushMap(lua_State* lua, ReplyCursor& cursor) {
  const int64_t pairs = cursor.TakeCount();
  lua_createtable(lua, 0, 1);
  lua_createtable(lua, 0, static_cast<int>(pairs));
  for (int64_t i = 0; i < pairs; ++i) {
    PushValue(lua, cursor);
    PushValue(lua, cursor);
    SetPair(lua);
  }
  lua_setfield(lua, -2, "map");
}

void PushSet(lua_State* lua, ReplyCursor& cursor) {
  const int64_t count = cursor.TakeCount();
  lua_createtable(lua, 0, 1);
  lua_createtable(lua, 0, static_cast<int>(count));
  for (int64_t i = 0; i < count; ++i) {
    PushValue(lua, cursor);
    lua_pushboolean(lua, 1);
    SetPair(lua);
  }
  lua_setfield(lua, -2, "set");
}

void PushVerbatim(lua_State* lua, ReplyCursor& cursor) {
  const std::string_view bytes = cursor.TakeBytes(static_cast<size_t>(cursor.TakeCount()));
  lua_createtable(lua, 0, 1);
  lua_createtable(lua, 0, 2);
  PushText(lua, bytes.substr(4));
  lua_setfield(lua, -2, "string");
  PushText(lua, bytes.substr(0, 3));
  lua_setfield(lua, -2, "format");
  lua_setfield(lua, -2, "verbatim_string");
}

void PushDouble(lua_State* lua, ReplyCursor& cursor) {
  const std::string_view text = cursor.TakeLine();
  double value = 0;
  if (text == "inf") {
    value = HUGE_VAL;
  } else if (text == "-inf") {
    value = -HUGE_VAL;
  } else if (!TryParseDouble(text, value)) {
    value = std::nan("");
  }
  lua_createtable(lua, 0, 1);
  lua_pushnumber(lua, value);
  lua_setfield(lua, -2, "double");
}

// Attributes are not shown to scripts.
void SkipAttribute(lua_State* lua, ReplyCursor& cursor) {
  const int64_t pairs = cursor.TakeCount();
  for (int64_t i = 0; i < 2 * pairs; ++i) {
    PushValue(lua, cursor);
    lua_pop(lua, 1);
  }
  PushValue(lua, cursor);
}

void PushValue(lua_State* lua, ReplyCursor& cursor) {
  luaL_checkstack(lua, 8, "a reply nests too deep");
  switch (cursor.TakeType()) {
    case '$':
      return PushBulk(lua, cursor);
    case ':':
      return lua_pushnumber(lua, static_cast<double>(cursor.TakeCount()));
    case '+':
      return PushField(lua, "ok", cursor.TakeLine());
    case '-':
      return PushError(lua, cursor.TakeLine(), true);
    case '*':
    case '>':
      return PushArray(lua, cursor);
    case '%':
      return PushMap(lua, cursor);
    case '~':
      return PushSet(lua, cursor);
    case ',':
      return PushDouble(lua, cursor);
    case '#':
      return lua_pushboolean(lua, cursor.TakeLine() == "t" ? 1 : 0);
    case '(':
      return PushField(lua, "big_number", cursor.TakeLine());
    case '=':
      return PushVerbatim(lua, cursor);
    case '|':
      return SkipAttribute(lua, cursor);
    default:  // '_'
      (void)cursor.TakeLine();
      return lua_pushnil(lua);
  }
}

// --- Results ---------------------------------------------------------------------------------------------------------

std::string_view TextAt(lua_State* lua, int index) {
  size_t size = 0;
  const char* bytes = lua_tolstring(lua, index, &size);
  return bytes == nullptr ? std::string_view() : std::string_view(bytes, size);
}

// Pushes the raw field `name` of the table on top, and tells whether it has type `type`; otherwise pushes nothing.
bool PushRawField(lua_State* lua, std::string_view name, int type) {
  PushText(lua, name);
  lua_rawget(lua, -2);
  if (lua_type(lua, -1) == type) return true;
  lua_pop(lua, 1);
  return false;
}

std::string WithoutLineEnds(std::string_view text) {
  std::string clean(text);
  for (char& character : clean) {
    if (character == '\r' || character == '\n') character = ' ';
  }
  return clean;
}

int64_t ToInteger(double number) {
  constexpr double kLimit = 9223372036854775808.0;
  if (!(number >= -kLimit && number < kLimit)) return INT64_MIN;  // What the processor makes of it too.
  return static_cast<int64_t>(number);
}

class ResultWriter {
 public:
  ResultWriter(lua_State* lua, RespWriter& reply, int script_resp, ResultErrors& errors)
      : lua_(lua), reply_(reply), script_resp_(script_resp), errors_(errors) {}

  // Pops the value on top.
  void Write(bool is_whole_result);

 private:
  void WriteTable(bool is_whole_result);
  bool WriteMarked(bool is_whole_result);
  void WriteError(bool is_whole_result);
  void WriteArray();
  void WriteMap();
  void WriteSet();
  bool WriteVerbatim();
  size_t CountPairs();

  lua_State* const lua_;
  RespWriter& reply_;
  const int script_resp_;
  ResultErrors& errors_;
};

void ResultWriter::Write(bool is_whole_result) {
  if (lua_checkstack(lua_, 6) == 0) {
    reply_.Error("ERR reached lua stack limit");
    lua_pop(lua_, 1);
    return;
  }
  switch (lua_type(lua_, -1)) {
    case LUA_TSTRING:
      reply_.Bulk(TextAt(lua_, -1));
      break;
    case LUA_TNUMBER:
      reply_.Integer(ToInteger(lua_tonumber(lua_, -1)));
      break;
    case LUA_TBOOLEAN:
      // The script's protocol decides, not the client's.
      if (script_resp_ >= 3) {
        reply_.Bool(lua_toboolean(lua_, -1) != 0);
      } else if (lua_toboolean(lua_, -1) != 0) {
        reply_.Integer(1);
      } else {
        reply_.Null();
      }
      break;
    case LUA_TTABLE:
      WriteTable(is_whole_result);
      break;
    default:
      reply_.Null();
  }
  lua_pop(lua_, 1);
}

void ResultWriter::WriteTable(bool is_whole_result) {
  if (!WriteMarked(is_whole_result)) WriteArray();
}

// Tables with one telling field stand for what Lua has no type for.
bool ResultWriter::WriteMarked(bool is_whole_result) {
  if (PushRawField(lua_, "err", LUA_TSTRING)) {
    WriteError(is_whole_result);
  } else if (PushRawField(lua_, "ok", LUA_TSTRING)) {
    reply_.SimpleString(WithoutLineEnds(TextAt(lua_, -1)));
  } else if (PushRawField(lua_, "double", LUA_TNUMBER)) {
    reply_.Double(lua_tonumber(lua_, -1));
  } else if (PushRawField(lua_, "map", LUA_TTABLE)) {
    WriteMap();
  } else if (PushRawField(lua_, "set", LUA_TTABLE)) {
    WriteSet();
  } else if (PushRawField(lua_, "big_number", LUA_TSTRING)) {
    reply_.BigNumber(WithoutLineEnds(TextAt(lua_, -1)));
  } else if (PushRawField(lua_, "verbatim_string", LUA_TTABLE)) {
    if (!WriteVerbatim()) {
      lua_pop(lua_, 1);
      return false;
    }
  } else {
    return false;
  }
  lua_pop(lua_, 1);
  return true;
}

// [table, err]
void ResultWriter::WriteError(bool is_whole_result) {
  std::string_view text = TextAt(lua_, -1);
  if (!text.empty() && text.front() == '-') text.remove_prefix(1);
  lua_pushvalue(lua_, -2);
  const bool counted = PushRawField(lua_, "ignore_error_stats_update", LUA_TBOOLEAN);
  lua_pop(lua_, counted ? 2 : 1);
  if (is_whole_result) {
    errors_.failed = true;
    errors_.counted = counted;
    errors_.text = text;
  } else if (!counted && errors_.text.empty()) {
    errors_.text = text;
  }
  reply_.Error(text);
}

void ResultWriter::WriteArray() {
  const RespWriter::Deferred array = reply_.DeferArray();
  size_t count = 0;
  for (;; ++count) {
    lua_rawgeti(lua_, -1, static_cast<int>(count + 1));
    if (lua_isnil(lua_, -1)) break;
    Write(false);
  }
  lua_pop(lua_, 1);
  reply_.Close(array, count);
}

// Of the table on top.
size_t ResultWriter::CountPairs() {
  size_t count = 0;
  lua_pushnil(lua_);
  while (lua_next(lua_, -2) != 0) {
    lua_pop(lua_, 1);
    ++count;
  }
  return count;
}

void ResultWriter::WriteMap() {
  reply_.MapHeader(CountPairs());
  lua_pushnil(lua_);
  while (lua_next(lua_, -2) != 0) {
    lua_pushvalue(lua_, -2);
    Write(false);
    Write(false);
  }
}

void ResultWriter::WriteSet() {
  reply_.SetHeader(CountPairs());
  lua_pushnil(lua_);
  while (lua_next(lua_, -2) != 0) {
    lua_pop(lua_, 1);
    lua_pushvalue(lua_, -1);
    Write(false);
  }
}

// [table, verbatim_string]
bool ResultWriter::WriteVerbatim() {
  if (!PushRawField(lua_, "format", LUA_TSTRING)) return false;
  std::string format(TextAt(lua_, -1));
  lua_pop(lua_, 1);
  format.resize(3, ' ');
  if (!PushRawField(lua_, "string", LUA_TSTRING)) return false;
  reply_.Verbatim(format, TextAt(lua_, -1));
  lua_pop(lua_, 1);
  return true;
}

}  // namespace

size_t PushReply(lua_State* lua, std::string_view reply) {
  ReplyCursor cursor(reply);
  PushValue(lua, cursor);
  return cursor.position();
}

void PushError(lua_State* lua, std::string_view text, bool counted) {
  lua_createtable(lua, 0, 4);
  PushText(lua, text);
  lua_setfield(lua, -2, "err");
  if (!counted) return;
  lua_pushboolean(lua, 1);
  lua_setfield(lua, -2, "ignore_error_stats_update");
}

void PushErrorMessage(lua_State* lua, std::string_view message) {
  lua_createtable(lua, 0, 4);
  const bool has_code = !message.empty() && message.front() == '-';
  if (has_code) message.remove_prefix(1);
  while (!message.empty() && (message.back() == '\n' || message.back() == '\r')) message.remove_suffix(1);
  if (has_code && message.find(' ') != std::string_view::npos) {
    PushText(lua, message);
  } else {
    lua_pushliteral(lua, "ERR ");
    PushText(lua, message);
    lua_concat(lua, 2);
  }
  lua_setfield(lua, -2, "err");
}

void WriteResult(lua_State* lua, RespWriter& reply, int script_resp, ResultErrors& errors) {
  ResultWriter(lua, reply, script_resp, errors).Write(true);
}

}  // namespace cachenode
