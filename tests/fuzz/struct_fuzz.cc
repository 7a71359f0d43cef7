// struct.unpack with hostile formats on hostile bytes: an error a script can catch, or values; struct.size agrees with
// how far it came, and what the values pack to can be unpacked. Input: one byte, the length of the format; the format;
// the data.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/fuzz/script_fuzz.h"

namespace cachenode {
namespace {

// c0 takes its length from the value before it, which unpacking swallows: its values do not fit the format any more.
constexpr const char* kScript = R"lua(
local format, data = ARGV[1], ARGV[2]
local sized, size = pcall(struct.size, format)
local got = {pcall(struct.unpack, format, data)}
if not got[1] then return 'refused' end
local behind = table.remove(got)
table.remove(got, 1)
if sized and size ~= behind - 1 then
  return redis.error_reply('size says ' .. size .. ', unpack came to ' .. behind)
end
local packs, packed = pcall(struct.pack, format, unpack(got))
if not packs or string.find(format, 'c0', 1, true) then return 'done' end
if not pcall(struct.unpack, format, packed) then return redis.error_reply('what was packed cannot be unpacked') end
return 'done'
)lua";

}  // namespace
}  // namespace cachenode

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t format_bytes = std::min<size_t>(data[0], text.size());
  cachenode::RunFuzzScript(cachenode::kScript, {text.substr(0, format_bytes), text.substr(format_bytes)});
  return 0;
}
