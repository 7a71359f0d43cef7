// A configuration text, whatever it holds, gives a configuration or an error report that names a line of it.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "server/config/config_file.h"

namespace cachenode {
namespace {

void Load(std::string_view text) {
  const ConfigSource source{.label = "fuzz.conf", .text = std::string(text), .kind = SourceKind::kFile};
  const LoadOutcome outcome = LoadConfig({source}, MachineFacts{});
  if (outcome.loaded.has_value() == outcome.error.has_value()) std::abort();
  if (outcome.loaded) return;
  const ConfigError& error = *outcome.error;
  if (error.reason.empty() || error.Report("0.0.0").empty()) std::abort();
}

}  // namespace
}  // namespace cachenode

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // Reads other files, which the input does not control.
  if (text.find("nclude") != std::string_view::npos || text.find("NCLUDE") != std::string_view::npos) return 0;
  cachenode::Load(text);
  return 0;
}
