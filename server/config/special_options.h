// Options with a grammar of their own, and checks of strings that their type alone would allow.
//
// Thread-safety: pure functions, but for kDir, which looks at the file system.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "server/config/option_table.h"

namespace cachenode {

inline constexpr size_t kBindAddressesMax = 16;
// redis-server sets no limit; a configuration line is bounded, and so is what comes of it.
inline constexpr size_t kSavePointsMax = 1024;
inline constexpr size_t kPercentilesMax = 64;
inline constexpr size_t kHostnameBytesMax = 256;

extern const SpecialOption kAllowCidr;
extern const SpecialOption kBind;
extern const SpecialOption kSave;
extern const SpecialOption kClientOutputBufferLimit;
extern const SpecialOption kDir;
extern const SpecialOption kNotifyKeyspaceEvents;
extern const SpecialOption kOomScoreAdjValues;
extern const SpecialOption kLatencyTrackingInfoPercentiles;
extern const SpecialOption kReplicaof;
extern const SpecialOption kEngineVersion;

// The letters of NotifyFlag bits: "AKE" for everything, classes first, then K, E and m.
std::string NotifyFlagsText(uint32_t flags);

// Each gives the reason why `value` cannot be used, or empty.
std::string RefuseDbFilename(std::string_view value);
std::string RefuseAppendFilename(std::string_view value);
std::string RefuseAppendDirname(std::string_view value);
std::string RefuseTitleTemplate(std::string_view value);
std::string RefuseHostname(std::string_view value);
std::string RefuseS3Location(std::string_view value);

}  // namespace cachenode
