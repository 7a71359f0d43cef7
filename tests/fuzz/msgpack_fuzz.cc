// cmsgpack.unpack on hostile bytes: they are refused by an error a script can catch, or what they hold can be packed,
// and packing what that gave packs the same again. Input: one byte, an offset to begin at; the MessagePack data.
#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/fuzz/script_fuzz.h"

namespace cachenode {
namespace {

// What nests too deep is cut when it is packed first, and may have been a key, which then is nil and is refused. From
// then on nothing may change.
constexpr const char* kScript = R"lua(
local data, offset = ARGV[1], tonumber(ARGV[2])
pcall(cmsgpack.unpack_one, data, offset)
pcall(cmsgpack.unpack_limit, data, 2, offset)
local function pack_again(...)
  if select('#', ...) == 0 then return '' end
  return cmsgpack.pack(...)
end
local function again(packed) return pack_again(cmsgpack.unpack(packed)) end
local taken, first = pcall(again, data)
if not taken then return 'refused' end
local kept, second = pcall(again, first)
if not kept then return 'refused' end
local third = again(second)
if #third ~= #second then return redis.error_reply('it changes: ' .. #second .. ' bytes, then ' .. #third) end
return 'done'
)lua";

}  // namespace
}  // namespace cachenode

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  cachenode::RunFuzzScript(cachenode::kScript,
                           {std::string(reinterpret_cast<const char*>(data) + 1, size - 1), std::to_string(data[0])});
  return 0;
}
