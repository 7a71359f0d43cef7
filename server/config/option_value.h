// One option's value between text and Config: what files, CONFIG SET, CONFIG GET and CONFIG REWRITE share.
//
// Thread-safety: pure functions of their arguments (dir alone looks at the file system).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/option_table.h"

namespace cachenode {

// Puts `words` into `config`. `add`: an earlier line of the same load set this option already. An error's text is the
// reason in redis-server's wording; `config` is then unchanged.
Status ParseOption(const OptionSpec& option, Config& config, std::span<const std::string> words, bool add);

// The words of a value given as one text, as CONFIG SET gets it.
std::vector<std::string> ValueWords(const OptionSpec& option, std::string_view value);

// The value as CONFIG GET answers it.
std::string FormatOption(const OptionSpec& option, const Config& config);

// What follows the option's name in each line of a rewritten file; none: the option has no line.
std::vector<std::string> RewriteValues(const OptionSpec& option, const Config& config, const Config& defaults);

// The values an option takes, as a sentence for somebody who gave another: "allowed: yes, no".
std::string AllowedValues(const OptionSpec& option);

// Why the value `config` has for `option` cannot be used while its feature is not built; empty when it can.
std::string RefusedByFeature(const OptionSpec& option, const Config& config, const Config& defaults);

// Values that are silently brought into their useful range, as hz is.
void ClampOptions(Config& config);

}  // namespace cachenode
