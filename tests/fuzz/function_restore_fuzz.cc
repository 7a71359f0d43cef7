// FUNCTION RESTORE of hostile payloads: refused by an error that leaves the libraries as they were, or taken, and then
// what FUNCTION DUMP gives is taken as well and says the same.
// Input: the payload; its checksum is not looked at.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "server/node_state.h"
#include "tests/support/server/command_harness.h"

namespace cachenode {
namespace {

constexpr const char* kStanding = "#!lua name=standing\nredis.register_function('stands', function() return 1 end)";

class Target {
 public:
  Target() {
    harness_.parts().state->skip_checksums.store(true);
    Expect("standing", Run({"FUNCTION", "LOAD", kStanding}));
    before_ = Run({"FUNCTION", "DUMP"});
  }

  void Restore(const std::string& payload) {
    const std::string reply = Run({"FUNCTION", "RESTORE", payload, "REPLACE"});
    const std::string dump = Run({"FUNCTION", "DUMP"});
    if (!reply.starts_with('+')) {
      if (dump != before_) Fail("a refused payload changed the libraries", reply);
      return;
    }
    Expect("+OK", Run({"FUNCTION", "RESTORE", PayloadOf(dump), "FLUSH"}));
    if (Run({"FUNCTION", "DUMP"}) != dump) Fail("a dump says something else once it is restored", reply);
    Expect("+OK", Run({"FUNCTION", "RESTORE", PayloadOf(before_), "FLUSH"}));
  }

 private:
  std::string Run(const std::vector<std::string>& args) { return harness_.RunRaw(harness_.session(), args); }
  [[noreturn]] static void Fail(const char* what, const std::string& reply) {
    std::fprintf(stderr, "%s: %s\n", what, reply.c_str());
    std::abort();
  }
  static void Expect(std::string_view part, const std::string& reply) {
    if (reply.find(part) == std::string::npos) Fail("an unexpected reply", reply);
  }
  // Of a bulk reply.
  static std::string PayloadOf(const std::string& reply) {
    const size_t begin = reply.find("\r\n") + 2;
    return reply.substr(begin, reply.size() - begin - 2);
  }

  CommandHarness harness_;
  std::string before_;
};

}  // namespace
}  // namespace cachenode

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static cachenode::Target target;
  target.Restore(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
