// Parameters in the shape of the service's DescribeCacheParameters answer.
//
// Thread-safety: pure functions. The JSON library is nlohmann's (Debian: nlohmann-json3-dev): header-only, ten years
//   old, well kept; it is seen by parameter_json.cc alone.
#pragma once

#include <string>
#include <string_view>

#include "server/config/parameter_group.h"

namespace cachenode {

// The group in `text`. What the service does not let a user modify is passed over, as is a parameter this server does
// not know as long as the user did not set it; the first is silent, the second a warning.
GroupOutcome ParseParameterJson(const std::string& label, std::string_view text, FamilyIndex family);

// The parameters of `group`, indented by four blanks, with a line end.
std::string ParametersJson(const ParameterGroup& group);

}  // namespace cachenode
