#include "storage/base/log.h"

#include <iterator>

namespace cachenode {

void Log::WriteFormatted(LogLevel level, fmt::string_view format, fmt::format_args args) noexcept {
  fmt::memory_buffer line;
  fmt::vformat_to(std::back_inserter(line), format, args);
  sink_.WriteLine(level, {line.data(), line.size()});
}

}  // namespace cachenode
