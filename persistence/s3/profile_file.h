// The AWS tools' shared files, ~/.aws/credentials and ~/.aws/config: sections of "name = value" lines.
//
// Thread-safety: values.
// Invariant: section names are as written, key names in lower case, blanks around both dropped; a section that occurs
//   twice is one, a later value replacing an earlier one. Indented lines (nested settings) are skipped.
// Errors: kConfig, naming file and line.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "storage/base/result.h"

namespace cachenode {

inline constexpr size_t kProfileFileBytesMax = 1024 * 1024;

using Profile = std::map<std::string, std::string, std::less<>>;
using ProfileFile = std::map<std::string, Profile, std::less<>>;

// `name` is for error texts.
Result<ProfileFile> ParseProfileFile(std::string_view text, std::string_view name);

// A file that does not exist is no error but nothing. kConfig if it cannot be read or is too large.
Result<std::optional<ProfileFile>> LoadProfileFile(const std::string& path);

// The whole file. kConfig with the system's reason, or when it exceeds `bytes_max`.
Result<std::string> ReadSmallFile(const std::string& path, size_t bytes_max);

}  // namespace cachenode
