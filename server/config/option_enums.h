// The words that enumerated options take, in the order their error text lists them. Where two words mean the same
// value the first is the one CONFIG GET answers.
//
// Thread-safety: constant data. Included by the option_rows_*.cc files alone.
#pragma once

#include "server/config/option_table.h"

namespace cachenode {

template <typename T>
constexpr EnumName Word(std::string_view name, T value) {
  return {name, static_cast<int64_t>(value)};
}

inline constexpr EnumName kLogLevelNames[] = {
    Word("debug", LogLevel::kDebug),     Word("verbose", LogLevel::kVerbose), Word("notice", LogLevel::kNotice),
    Word("warning", LogLevel::kWarning), Word("nothing", LogLevel::kNothing),
};
inline constexpr EnumName kPolicyNames[] = {
    Word("volatile-lru", EvictionPolicy::kVolatileLru),       Word("volatile-lfu", EvictionPolicy::kVolatileLfu),
    Word("volatile-random", EvictionPolicy::kVolatileRandom), Word("volatile-ttl", EvictionPolicy::kVolatileTtl),
    Word("allkeys-lru", EvictionPolicy::kAllKeysLru),         Word("allkeys-lfu", EvictionPolicy::kAllKeysLfu),
    Word("allkeys-random", EvictionPolicy::kAllKeysRandom),   Word("noeviction", EvictionPolicy::kNoEviction),
    Word("allkeys-s3fifo", EvictionPolicy::kAllKeysS3Fifo),   Word("volatile-s3fifo", EvictionPolicy::kVolatileS3Fifo),
};
inline constexpr EnumName kAccessNames[] = {Word("no", DangerousAccess::kNo), Word("yes", DangerousAccess::kYes),
                                            Word("local", DangerousAccess::kLocalOnly)};
inline constexpr EnumName kManagedModeNames[] = {Word("no", ManagedMode::kNo), Word("yes", ManagedMode::kYes),
                                                 Word("config-readonly", ManagedMode::kConfigReadOnly)};
inline constexpr EnumName kSupervisedNames[] = {Word("upstart", Supervision::kUpstart),
                                                Word("systemd", Supervision::kSystemd),
                                                Word("auto", Supervision::kAuto), Word("no", Supervision::kNone)};
inline constexpr EnumName kOomScoreNames[] = {Word("no", OomScoreMode::kNo), Word("yes", OomScoreMode::kRelative),
                                              Word("relative", OomScoreMode::kRelative),
                                              Word("absolute", OomScoreMode::kAbsolute)};
inline constexpr EnumName kSyslogFacilityNames[] = {
    Word("user", SyslogFacility::kUser),     Word("local0", SyslogFacility::kLocal0),
    Word("local1", SyslogFacility::kLocal1), Word("local2", SyslogFacility::kLocal2),
    Word("local3", SyslogFacility::kLocal3), Word("local4", SyslogFacility::kLocal4),
    Word("local5", SyslogFacility::kLocal5), Word("local6", SyslogFacility::kLocal6),
    Word("local7", SyslogFacility::kLocal7),
};
inline constexpr EnumName kShutdownNames[] = {
    Word("default", kShutdownDefault), Word("save", kShutdownSave),   Word("nosave", kShutdownNoSave),
    Word("now", kShutdownNow),         Word("force", kShutdownForce),
};
inline constexpr EnumName kAppendFsyncNames[] = {Word("everysec", AppendFsync::kEverySecond),
                                                 Word("always", AppendFsync::kAlways), Word("no", AppendFsync::kNo)};
inline constexpr EnumName kDisklessLoadNames[] = {Word("disabled", DisklessLoad::kDisabled),
                                                  Word("on-empty-db", DisklessLoad::kOnEmptyDb),
                                                  Word("swapdb", DisklessLoad::kSwapDb)};
inline constexpr EnumName kSanitizeNames[] = {Word("no", SanitizePayload::kNo), Word("yes", SanitizePayload::kYes),
                                              Word("clients", SanitizePayload::kClients)};
inline constexpr EnumName kChannelsDefaultNames[] = {Word("allchannels", ChannelsDefault::kAllChannels),
                                                     Word("resetchannels", ChannelsDefault::kResetChannels)};
inline constexpr EnumName kTlsAuthNames[] = {Word("no", TlsAuthClients::kNo), Word("yes", TlsAuthClients::kYes),
                                             Word("optional", TlsAuthClients::kOptional)};
inline constexpr EnumName kEndpointTypeNames[] = {Word("ip", EndpointType::kIp),
                                                  Word("hostname", EndpointType::kHostname),
                                                  Word("unknown-endpoint", EndpointType::kUnknown)};
inline constexpr EnumName kPropagationErrorNames[] = {Word("ignore", PropagationError::kIgnore),
                                                      Word("panic", PropagationError::kPanic),
                                                      Word("panic-on-replicas", PropagationError::kPanicOnReplicas)};
inline constexpr EnumName kVersionCheckNames[] = {Word("strict", RdbVersionCheck::kStrict),
                                                  Word("relaxed", RdbVersionCheck::kRelaxed)};
inline constexpr EnumName kUnsupportedNames[] = {Word("fail", UnsupportedTypes::kFail),
                                                 Word("skip", UnsupportedTypes::kSkip)};
inline constexpr EnumName kRdbVersionNames[] = {
    Word("auto", RdbVersionChoice::kAuto), Word("9", RdbVersionChoice::k9),   Word("10", RdbVersionChoice::k10),
    Word("11", RdbVersionChoice::k11),     Word("12", RdbVersionChoice::k12), Word("80", RdbVersionChoice::k80),
};
inline constexpr EnumName kPathStyleNames[] = {Word("auto", S3PathStyle::kAuto), Word("yes", S3PathStyle::kYes),
                                               Word("no", S3PathStyle::kNo)};

}  // namespace cachenode
