#include <gtest/gtest.h>

#include <string>

#include "server/config/config.h"
#include "tests/support/server/command_harness.h"

namespace cachenode {
namespace {

class Scripts : public testing::Test {
 protected:
  // The reply to EVAL of `script` without keys.
  std::string Eval(const std::string& script) { return Reply({"eval", script, "0"}); }
  std::string Reply(const std::vector<std::string>& args) {
    std::string reply = redis_.RunRaw(redis_.session(), args);
    for (size_t at = reply.find("\r\n"); at != std::string::npos; at = reply.find("\r\n")) reply.replace(at, 2, " ");
    if (!reply.empty()) reply.pop_back();
    return reply;
  }
  // The reply without the place that errors name.
  std::string Error(const std::string& script) {
    const std::string reply = Eval(script);
    return reply.substr(0, reply.find(" script: "));
  }

  CommandHarness redis_;
};

TEST_F(Scripts, ResultsBecomeReplies) {
  EXPECT_EQ(Eval("return 3.99"), ":3");
  EXPECT_EQ(Eval("return -0.5"), ":0");
  EXPECT_EQ(Eval("return 2^63"), ":-9223372036854775808");
  EXPECT_EQ(Eval("return 'a'"), "$1 a");
  EXPECT_EQ(Eval("return true"), ":1");
  EXPECT_EQ(Eval("return false"), "$-1");
  EXPECT_EQ(Eval("return nil"), "$-1");
  EXPECT_EQ(Eval("return {1,2,{3,nil,4}}"), "*3 :1 :2 *1 :3");
  EXPECT_EQ(Eval("return {ok='fine\\r\\nx'}"), "+fine  x");
  EXPECT_EQ(Eval("return {err='MY ERR'}"), "-MY ERR");
  EXPECT_EQ(Eval("return {double=3.5}"), "$3 3.5");
  EXPECT_EQ(Eval("return {map={a=1}}"), "*2 $1 a :1");
  EXPECT_EQ(Eval("return {set={a=true}}"), "*1 $1 a");
  EXPECT_EQ(Eval("return {big_number='12'}"), "$2 12");
  EXPECT_EQ(Eval("return {verbatim_string={format='txt',string='abc'}}"), "$3 abc");
  EXPECT_EQ(Eval("return {double='x'}"), "*0");
  EXPECT_EQ(Eval("return _G"), "*0");
}

TEST_F(Scripts, RepliesBecomeValues) {
  EXPECT_EQ(Reply({"eval", "return redis.call('set', KEYS[1], ARGV[1])", "1", "k", "v"}), "+OK");
  EXPECT_EQ(Reply({"eval", "return redis.call('get', KEYS[1])", "1", "k"}), "$1 v");
  EXPECT_EQ(Eval("return redis.call('get', 'nosuch') == false"), ":1");
  EXPECT_EQ(Eval("redis.setresp(3) return redis.call('get', 'nosuch') == nil"), ":1");
  EXPECT_EQ(Eval("return redis.call('set', 'a', 1).ok"), "$2 OK");
  EXPECT_EQ(Eval("redis.call('hset', 'h', 'f', 'v') redis.setresp(3) return redis.call('hgetall', 'h').map.f"), "$1 v");
  EXPECT_EQ(Eval("redis.call('zadd', 'z', 1.5, 'm') redis.setresp(3) return redis.call('zscore', 'z', 'm')"), "$3 1.5");
  EXPECT_EQ(Eval("return redis.call('echo', 0.1)"), "$19 0.10000000000000001");
  EXPECT_EQ(Eval("return #redis.call('echo', string.rep('x', 100000))"), ":100000");
}

TEST_F(Scripts, ErrorsNameTheirPlace) {
  EXPECT_EQ(Eval("return redis.call('get')"),
            "-ERR Wrong number of args calling Redis command from script script: "
            "f187dee77f607f7cff00bbabc9df38507582c78d, on @user_script:1.");
  EXPECT_EQ(Error("return redis.call('nosuch')"), "-ERR Unknown Redis command called from script");
  EXPECT_EQ(Error("return redis.call('eval', 'x', 0)"), "-ERR This Redis command is not allowed from script");
  EXPECT_EQ(Error("error('x')"), "-ERR user_script:1: x");
  EXPECT_EQ(Error("error({err='My Err'})"), "-My Err");
  EXPECT_EQ(Eval("return redis.pcall('get')"), "-ERR Wrong number of args calling Redis command from script");
  EXPECT_EQ(Eval("local ok, e = pcall(function() return redis.call('get') end) return e"),
            "$58 ERR Wrong number of args calling Redis command from script");
  EXPECT_EQ(Eval("return redis.error_reply('x')"), "-ERR x");
  EXPECT_EQ(Eval("return redis.error_reply('x y')"), "-x y");
  EXPECT_EQ(Eval("return ("),
            "-ERR Error compiling script (new function): user_script:1: unexpected symbol near '<eof>'");
  EXPECT_EQ(Eval("#!lua\nreturn nosuch").substr(0, 30), "-ERR user_script:2: Script att");
}

TEST_F(Scripts, GlobalsAndLibrariesAreReadOnly) {
  const std::string refused = "-ERR user_script:1: Attempt to modify a readonly table";
  for (const char* script : {"x=1", "KEYS={}", "redis.call=1", "string.len=1", "cjson.encode=1", "bit.band=1",
                             "getmetatable(_G).__index=1", "getmetatable('').__index=nil"}) {
    EXPECT_EQ(Error(script), refused) << script;
  }
  for (const char* script : {"setmetatable(_G,{})", "rawset(_G,'a',1)", "table.insert(_G,1)"}) {
    EXPECT_EQ(Error(script), "-ERR Attempt to modify a readonly table") << script;
  }
  EXPECT_EQ(Error("return print"),
            "-ERR user_script:1: Script attempted to access nonexistent global variable 'print'");
  EXPECT_EQ(Error("return loadstring(string.dump(function() return 1 end))()"),
            "-ERR user_script:1: attempt to call a nil value");
  EXPECT_EQ(Eval("return loadstring('return 5')()"), ":5");
  EXPECT_EQ(Eval("local n = 0 for k in pairs(redis) do n = n + 1 end return n > 20"), ":1");
  EXPECT_EQ(Eval("math.randomseed(10) return {tostring(math.random()), math.random(10), math.random(5, 9)}"),
            "*3 $16 0.87885112309775 :8 :7");
}

TEST_F(Scripts, ReadOnlyScriptsAndFlags) {
  EXPECT_EQ(Reply({"eval_ro", "return redis.call('set','a','b')", "0"}).substr(0, 59),
            "-ERR Write commands are not allowed from read-only scripts.");
  EXPECT_EQ(Reply({"eval_ro", "#!lua\nreturn 1", "0"}),
            "-ERR Can not execute a script with write flag using *_ro command.");
  EXPECT_EQ(Eval("#!lua flags=foo\nreturn 1"), "-ERR Unexpected flag in script shebang: foo");
  EXPECT_EQ(Eval("#!lua foo=bar\nreturn 1"), "-ERR Unknown lua shebang option: foo=bar");
  EXPECT_EQ(Eval("#!nosuch\nreturn 1"), "-ERR Unexpected engine in script shebang: #!nosuch");
  EXPECT_EQ(Eval("#!lua"), "-ERR Invalid script shebang");
}

TEST_F(Scripts, AreCachedByTheirHash) {
  EXPECT_EQ(redis_.Run("evalsha e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0"),
            "-NOSCRIPT No matching script. Please use EVAL.");
  EXPECT_EQ(redis_.Run("script load 'return 1'"), "$40 e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
  EXPECT_EQ(redis_.Run("evalsha E0E1F9FABFC9D4800C877A703B823AC0578FF8DB 0"), ":1");
  EXPECT_EQ(redis_.Run("script exists e0e1f9fabfc9d4800c877a703b823ac0578ff8db abc"), "*2 :1 :0");
  EXPECT_EQ(redis_.Run("script show E0e1f9fabfc9d4800c877a703b823ac0578ff8db"), "$8 return 1");
  EXPECT_EQ(redis_.Run("script show abc"), "-NOSCRIPT No matching script. Please use EVAL.");
  EXPECT_EQ(redis_.Run("script flush"), "+OK");
  EXPECT_EQ(redis_.Run("script exists e0e1f9fabfc9d4800c877a703b823ac0578ff8db"), "*1 :0");
  EXPECT_EQ(redis_.Run("script kill"), "-NOTBUSY No scripts in execution right now.");
}

TEST(ScriptCache, TheOldestOfManyAreEvictedAndCountedSince74) {
  CommandHarness newer([](Config& config) { config.engine_version = *EngineVersion::Parse("7.4"); });
  const auto is_shown = [&newer](const std::string& line) {
    return newer.Run("info stats").find(line) != std::string::npos;
  };
  EXPECT_EQ(newer.Run("script load 'return 1'"), "$40 e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
  for (int i = 0; i < 502; ++i) newer.Run("eval \"return 'a" + std::to_string(i) + "'\" 0");
  EXPECT_TRUE(is_shown("evicted_scripts:2"));
  EXPECT_EQ(newer.Run("script exists e0e1f9fabfc9d4800c877a703b823ac0578ff8db"), "*1 :1");
  EXPECT_EQ(newer.Run("config resetstat"), "+OK");
  EXPECT_TRUE(is_shown("evicted_scripts:0"));
}

TEST_F(Scripts, SelectDoesNotReachTheCaller) {
  EXPECT_EQ(Eval("redis.call('select', 5) return redis.call('set', 'k', 'v')"), "+OK");
  EXPECT_EQ(redis_.Run("exists k"), ":0");
  EXPECT_EQ(redis_.Run("select 5"), "+OK");
  EXPECT_EQ(redis_.Run("get k"), "$1 v");
}

TEST_F(Scripts, CmsgpackPacksAsTheSpecificationSays) {
  const std::string hex =
      "local function h(s) return (s:gsub('.', function(c) return string.format('%02x', c:byte()) end)) end ";
  EXPECT_EQ(
      Eval(hex + "return h(cmsgpack.pack(1,127,128,255,256,65535,65536,4294967295,4294967296,-1,-32,-33,-128,-129,"
                 "-32768,-32769,-2147483648,-2147483649,2^53))"),
      "$142 017fcc80ccffcd0100cdffffce00010000ceffffffffcf0000000100000000ffe0d0dfd080d1ff7fd18000d2ffff7fffd280000000d"
      "3ffffffff7fffffffcf0020000000000000");
  EXPECT_EQ(Eval(hex + "return h(cmsgpack.pack(0.5,0.1,1e300,1/0,true,false,nil,'','a',{},{1,2},{a=1},{[2]=1}))"),
            "$90 ca3f000000cb3fb999999999999acb7e37e43c8800759cca7f800000c3c2c0a0a16190920102"
            "81a16101810201");
  EXPECT_EQ(Eval("return {cmsgpack.unpack('\\1\\2\\161a')}"), "*3 :1 :2 $1 a");
  EXPECT_EQ(Eval("return {cmsgpack.unpack_one('\\1\\2\\3', 1)}"), "*2 :2 :2");
  EXPECT_EQ(Eval("return {cmsgpack.unpack_limit('\\1\\2\\3', 9)}"), "*4 :-1 :1 :2 :3");
  EXPECT_EQ(Error("local r = cmsgpack.unpack('\\146\\1') return r"), "-ERR user_script:1: Missing bytes in input.");
  EXPECT_EQ(Error("local r = cmsgpack.unpack('\\193') return r"), "-ERR user_script:1: Bad data format in input.");
}

TEST_F(Scripts, StructPacksAndUnpacks) {
  EXPECT_EQ(Eval("return #struct.pack('!4bi4!8bd',1,2,3,4.5)"), ":24");
  EXPECT_EQ(Eval("return {struct.unpack('<I4s','\\1\\2\\0\\0abc\\0d')}"), "*3 :513 $3 abc :9");
  EXPECT_EQ(Eval("return {struct.unpack('bc0b','\\3abc\\7')}"), "*3 $3 abc :7 :6");
  EXPECT_EQ(Eval("return struct.size('i4lbhT')"), ":23");
  EXPECT_EQ(Eval("return {struct.unpack('>i2','\\255\\254')}"), "*2 :-2 :3");
  EXPECT_EQ(Error("local r = struct.unpack('I4','ab') return r"),
            "-ERR user_script:1: bad argument #2 to 'unpack' (data string too short)");
  EXPECT_EQ(Error("local r = struct.size('i33') return r"),
            "-ERR user_script:1: integral size 33 is larger than limit of 32");
}

TEST_F(Scripts, FunctionsAreLoadedCalledDumpedAndRestored) {
  const std::string code =
      "#!lua name=lib\nredis.register_function('f', function(keys, args) return {keys[1], args[1]} end)\n"
      "redis.register_function{function_name='g', callback=function() return nosuch end, flags={'no-writes'}}";
  EXPECT_EQ(Reply({"function", "load", code}), "$3 lib");
  EXPECT_EQ(Reply({"function", "load", code}), "-ERR Library 'lib' already exists");
  EXPECT_EQ(redis_.Run("fcall f 1 a b"), "*2 $1 a $1 b");
  EXPECT_EQ(redis_.Run("FCALL F 1 a b"), "*2 $1 a $1 b");
  EXPECT_EQ(redis_.Run("fcall g 0"),
            "-ERR user_function:3: Script attempted to access nonexistent global variable 'nosuch' script: g, on "
            "@user_function:3.");
  EXPECT_EQ(redis_.Run("fcall_ro f 0"), "-ERR Can not execute a script with write flag using *_ro command.");
  EXPECT_EQ(redis_.Run("fcall f x"), "-ERR Bad number of keys provided");
  EXPECT_EQ(redis_.Run("fcall h 0"), "-ERR Function not found");
  EXPECT_EQ(redis_.Run("function stats"),
            "*4 $14 running_script $-1 $7 engines *2 $3 LUA *4 $15 libraries_count :1 $15 functions_count :2");
  std::string payload = redis_.RunRaw(redis_.session(), {"function", "dump"});
  payload = payload.substr(payload.find("\r\n") + 2);
  payload.resize(payload.size() - 2);
  EXPECT_EQ(Reply({"function", "restore", payload}), "-ERR Library lib already exists");
  EXPECT_EQ(Reply({"function", "restore", payload, "replace"}), "+OK");
  EXPECT_EQ(redis_.Run("function delete lib"), "+OK");
  EXPECT_EQ(redis_.Run("function list"), "*0");
  EXPECT_EQ(Reply({"function", "restore", payload}), "+OK");
  EXPECT_EQ(redis_.Run("fcall f 1 a b"), "*2 $1 a $1 b");
  payload.back() ^= 1;
  EXPECT_EQ(Reply({"function", "restore", payload}), "-ERR DUMP payload version or checksum are wrong");
}

TEST_F(Scripts, LibrariesThatCannotBeLoadedChangeNothing) {
  EXPECT_EQ(Reply({"function", "load", "#!lua name=a\nreturn 1"}), "-ERR No functions registered");
  EXPECT_EQ(
      Reply({"function", "load", "#!lua name=a\nmath.random()"}),
      "-ERR Error registering functions: ERR user_function:2: Script attempted to access nonexistent global variable "
      "'math'");
  EXPECT_EQ(Reply({"function", "load", "#!lua name=a\nreturn ("}),
            "-ERR Error compiling function: user_function:2: unexpected symbol near '<eof>'");
  EXPECT_EQ(Reply({"function", "load", "#!lua name=a\nredis.register_function('f', 1)"}),
            "-ERR Error registering functions: ERR second argument to redis.register_function must be a function");
  EXPECT_EQ(Reply({"function", "load", "#!x name=a\n1"}), "-ERR Engine 'x' not found");
  EXPECT_EQ(Reply({"function", "load", "#!lua name=a-b\n1"}),
            "-ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one "
            "character long");
  EXPECT_EQ(redis_.Run("function list"), "*0");
}

}  // namespace
}  // namespace cachenode
