// One Lua interpreter inside Redis' sandbox: which globals exist, which tables may be written, what it may allocate.
//
// Thread-safety: used by the thread that holds the script slot (or the world); memory_bytes from any thread.
// Invariants: scripts never reach a library table itself, only a guard that reads through to it; bytecode is never
//   loaded; the compiler to machine code stays off, because its loops would not stop for the count hook.
// Errors inside Lua unwind the C++ frames between: functions given to Lua keep no object with a destructor alive
//   across a call that may raise, and are not noexcept (unwinding through noexcept would end the process).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

struct lua_State;

namespace cachenode {

class ScriptRun;
class FunctionLoad;

class LuaVm {
 public:
  enum class Purpose : uint8_t { kEval, kFunctions };
  struct Options {
    Purpose purpose = Purpose::kEval;
    bool deprecated_api = false;  // getfenv, setfenv, newproxy (lua-enable-deprecated-api).
    bool has_clock = true;        // os.clock; engine 7.0 has no os.
    std::string version = "7.4.0";
    uint32_t version_number = 0x00070400;
    uint64_t random_seed = 0;
  };

  // Null when there is no memory for it.
  [[nodiscard]] static std::unique_ptr<LuaVm> Create(const Options& options);
  ~LuaVm();
  LuaVm(const LuaVm&) = delete;
  LuaVm& operator=(const LuaVm&) = delete;

  // The interpreter object that owns `lua` or the coroutine `lua`.
  [[nodiscard]] static LuaVm& Of(lua_State* lua);

  [[nodiscard]] lua_State* state() { return lua_; }
  [[nodiscard]] size_t memory_bytes() const { return memory_bytes_.load(std::memory_order_relaxed); }
  [[nodiscard]] Purpose purpose() const { return options_.purpose; }

  // Compiles `code` as a chunk named `chunk_name` ("@user_script"). The function stays on the stack; on failure its
  // place is empty, and the text is Lua's.
  [[nodiscard]] bool Compile(std::string_view code, const char* chunk_name, std::string& error);
  // Sets KEYS and ARGV, each popped from the stack: ARGV on top, KEYS below.
  void SetArguments();

  // Which globals scripts see: those of running code, or the few that exist while a library is being loaded.
  enum class Globals : uint8_t { kRun, kLoad };
  void UseGlobals(Globals which);

  // The generator behind math.random: drand48's sequence, so that a seed gives the numbers Redis gives.
  void SeedRandom(uint32_t seed) { random_ = (uint64_t{seed} << 16) | 0x330E; }
  [[nodiscard]] uint32_t NextRandom();

  // Where redis.log goes; set by the owner.
  std::function<void(int level, std::string_view text)> log;
  // A buffer for the library functions, empty: theirs would leak when an error unwinds them. TrimScratch gives a large
  // one back.
  [[nodiscard]] std::string& BorrowScratch() {
    scratch_.clear();
    return scratch_;
  }
  void TrimScratch() {
    if (scratch_.capacity() > kScratchKeptMax) std::string().swap(scratch_);
  }
  static constexpr size_t kScratchKeptMax = 64 * 1024;

  // Who runs now; null between runs. Set by the run itself.
  ScriptRun* run = nullptr;
  FunctionLoad* load = nullptr;

  // What runs is asked after every `instructions` whether it may go on.
  void SetHook(int instructions);
  static constexpr int kHookInstructions = 10'000;

 private:
  explicit LuaVm(Options options);
  static void* Allocate(void* self, void* block, size_t old_size, size_t new_size);
  static int BuildProtected(lua_State* lua);
  void Build(lua_State* lua);

  const Options options_;
  lua_State* lua_ = nullptr;
  std::atomic<size_t> memory_bytes_{0};  // Written by the using thread.
  uint64_t random_ = 0x330E;
  std::string scratch_;
  // Registry references.
  int globals_ref_ = 0;       // The real table behind the globals' guard.
  int load_globals_ref_ = 0;  // The same while a library loads.
  int guard_meta_ref_ = 0;    // The metatable of the globals' guard.
};

}  // namespace cachenode
