// The typed values that options of the configuration take.
//
// Thread-safety: plain values. The order of every enum here is the order of its names in option_enums.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "persistence/snapshot_choices.h"
#include "storage/access_context.h"

namespace cachenode {

// Who may use what is dangerous: DEBUG, MODULE, protected options.
enum class DangerousAccess : uint8_t { kNo, kYes, kLocalOnly };

enum class Supervision : uint8_t { kUpstart, kSystemd, kAuto, kNone };
enum class OomScoreMode : uint8_t { kNo, kRelative, kAbsolute };
enum class SyslogFacility : uint8_t { kUser, kLocal0, kLocal1, kLocal2, kLocal3, kLocal4, kLocal5, kLocal6, kLocal7 };
enum class AppendFsync : uint8_t { kEverySecond, kAlways, kNo };
enum class DisklessLoad : uint8_t { kDisabled, kOnEmptyDb, kSwapDb };
enum class SanitizePayload : uint8_t { kNo, kYes, kClients };
enum class ChannelsDefault : uint8_t { kAllChannels, kResetChannels };
enum class TlsAuthClients : uint8_t { kNo, kYes, kOptional };
enum class EndpointType : uint8_t { kIp, kHostname, kUnknown };
enum class PropagationError : uint8_t { kIgnore, kPanic, kPanicOnReplicas };

// Bits of shutdown-on-sigterm and shutdown-on-sigint; 0 is "default".
enum ShutdownFlag : uint32_t {
  kShutdownDefault = 0,
  kShutdownSave = 1U << 0,
  kShutdownNoSave = 1U << 1,
  kShutdownNow = 1U << 2,
  kShutdownForce = 1U << 3,
};

// Bits of notify-keyspace-events. kNotifyAll is the letter A.
enum NotifyFlag : uint32_t {
  kNotifyKeyspace = 1U << 0,  // K
  kNotifyKeyevent = 1U << 1,  // E
  kNotifyGeneric = 1U << 2,   // g
  kNotifyString = 1U << 3,    // $
  kNotifyList = 1U << 4,      // l
  kNotifySet = 1U << 5,       // s
  kNotifyHash = 1U << 6,      // h
  kNotifyZset = 1U << 7,      // z
  kNotifyExpired = 1U << 8,   // x
  kNotifyEvicted = 1U << 9,   // e
  kNotifyStream = 1U << 10,   // t
  kNotifyKeyMiss = 1U << 11,  // m, not part of A
  kNotifyModule = 1U << 12,   // d
  kNotifyNewKey = 1U << 13,   // n, not part of A
  kNotifyAll = kNotifyGeneric | kNotifyString | kNotifyList | kNotifySet | kNotifyHash | kNotifyZset | kNotifyExpired |
               kNotifyEvicted | kNotifyStream | kNotifyModule,
};

// What a class of clients may have waiting in its reply buffers; 0 is no limit.
struct OutputBufferLimit {
  uint64_t hard_bytes = 0;
  uint64_t soft_bytes = 0;
  int64_t soft_seconds = 0;
  friend bool operator==(const OutputBufferLimit&, const OutputBufferLimit&) = default;
};

// The classes of client-output-buffer-limit, in the order of CONFIG GET.
enum class OutputClass : uint8_t { kNormal, kReplica, kPubsub };
inline constexpr size_t kOutputClassCount = 3;

struct ReplicaOf {
  std::string host;  // Empty: a primary.
  int64_t port = 0;
  friend bool operator==(const ReplicaOf&, const ReplicaOf&) = default;
};

}  // namespace cachenode
