// One row of the command table: everything the server knows about a command. COMMAND, ACL categories, key extraction,
// locking, statistics and documentation derive from it; rows stand beside their handlers in server/commands/.
//
// Thread-safety: constant data.
// Invariants: names are lower case; a container's row has no handler and lists its subcommands; arity counts the
//   command word (and the subcommand word), negative means "at least".
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "server/key_spec.h"
#include "storage/base/status.h"

namespace cachenode {

class CommandContext;

// A handler parses its options, looks at its keys, writes, and replies exactly once, or returns an error Status
// which the dispatcher turns into the reply. It raises every error before the first change and the first reply byte.
// The shards of its keys are locked when it is called; it never sees sockets, locks or protocol versions.
using CommandHandler = Status (*)(CommandContext& context, Args args);

// Whether argument `index` of a request is a secret (a password), which no log shows. The request need not be valid.
using SecretRule = bool (*)(Args args, size_t index);

enum CommandFlag : uint32_t {
  kWrite = 1 << 0,
  kReadOnly = 1 << 1,
  kDenyOom = 1 << 2,
  kAdmin = 1 << 3,
  kPubSub = 1 << 4,
  kNoScript = 1 << 5,
  kBlocking = 1 << 6,
  kLoading = 1 << 7,  // Allowed while a data set loads.
  kStale = 1 << 8,
  kSkipMonitor = 1 << 9,
  kSkipSlowlog = 1 << 10,
  kAsking = 1 << 11,
  kFast = 1 << 12,
  kNoAuth = 1 << 13,  // Allowed before authentication.
  kMayReplicate = 1 << 14,
  kNoMandatoryKeys = 1 << 15,
  kNoMulti = 1 << 16,
  kMovableKeys = 1 << 17,
  kAllowBusy = 1 << 18,
  kNoAsyncLoading = 1 << 19,
  kProtected = 1 << 20,
  // Ours, not shown by COMMAND.
  kExclusive = 1 << 24,    // Runs under the world lock: touches every shard, other sessions or shared configuration.
  kSelfLocking = 1 << 25,  // Visits shards on its own, one at a time (SCAN, RANDOMKEY, DBSIZE); none is locked before.
  kRunsQueue = 1 << 26,    // EXEC: needs the locks of what the client queued and watches, and is judged by its flags.
  kRunsScript = 1 << 27,   // Runs a script, whose calls may reach further keys and need what they need.
  kNeverQueued = 1 << 28,  // Runs at once between MULTI and EXEC.
};

// ACL categories a row names itself. keyspace-wide ones that follow from flags (read, write, admin, dangerous with
// admin, fast or slow, blocking, pubsub) are added by AclCategoriesOf.
enum AclCategory : uint32_t {
  kAclKeyspace = 1 << 0,
  kAclRead = 1 << 1,
  kAclWrite = 1 << 2,
  kAclSet = 1 << 3,
  kAclSortedSet = 1 << 4,
  kAclList = 1 << 5,
  kAclHash = 1 << 6,
  kAclString = 1 << 7,
  kAclBitmap = 1 << 8,
  kAclHyperLogLog = 1 << 9,
  kAclGeo = 1 << 10,
  kAclStream = 1 << 11,
  kAclPubSub = 1 << 12,
  kAclAdmin = 1 << 13,
  kAclFast = 1 << 14,
  kAclSlow = 1 << 15,
  kAclBlocking = 1 << 16,
  kAclDangerous = 1 << 17,
  kAclConnection = 1 << 18,
  kAclTransaction = 1 << 19,
  kAclScripting = 1 << 20,
};

enum class CommandGroup : uint8_t {
  kGeneric,
  kString,
  kList,
  kSet,
  kSortedSet,
  kHash,
  kPubSub,
  kTransactions,
  kConnection,
  kServer,
  kScripting,
  kHyperLogLog,
  kCluster,
  kSentinel,
  kGeo,
  kStream,
  kBitmap,
  kModule,
};

// What COMMAND DOCS tells. All texts are ours. `arguments` is the argument grammar in the notation of
// server/commands/argument_grammar.h: "key:key@0 value:string [condition:oneof(nx:pure-token=NX xx:pure-token=XX)]".
struct CommandDoc {
  std::string_view summary;
  std::string_view since;       // "1.0.0"
  std::string_view complexity;  // "O(1)"
  std::string_view arguments = {};
  std::string_view tips = {};  // Comma separated.
  std::string_view deprecated_since = {};
  std::string_view replaced_by = {};
  std::string_view history = {};  // "7.0.0 Added X.|7.2.0 Added Y."
};

// Finds the keys of a request as FindKeys does. An incomplete search makes the request run under the world lock.
using KeyFinder = KeySearch (*)(Args args, std::vector<KeyPosition>& positions);

struct CommandSpec {
  std::string_view name;  // Without the container's name.
  int16_t arity = 0;
  uint32_t flags = 0;  // CommandFlag bits.
  KeySpecs keys = {};
  KeyFinder find_keys = nullptr;  // Where `keys` cannot tell.
  uint32_t acl = 0;               // AclCategory bits.
  CommandHandler handler = nullptr;
  CommandGroup group = CommandGroup::kGeneric;
  CommandDoc doc = {};
  std::span<const CommandSpec> subcommands = {};
  SecretRule is_secret = nullptr;  // Null: no argument is.
};

// All categories of `spec`, the implied ones included.
constexpr uint32_t AclCategoriesOf(const CommandSpec& spec) {
  uint32_t categories = spec.acl;
  if ((spec.flags & kWrite) != 0) categories |= kAclWrite;
  if ((spec.flags & kReadOnly) != 0 && (spec.acl & kAclScripting) == 0) categories |= kAclRead;
  if ((spec.flags & kAdmin) != 0) categories |= kAclAdmin | kAclDangerous;
  if ((spec.flags & kPubSub) != 0) categories |= kAclPubSub;
  if ((spec.flags & kFast) != 0) categories |= kAclFast;
  if ((spec.flags & kBlocking) != 0) categories |= kAclBlocking;
  if ((categories & kAclFast) == 0) categories |= kAclSlow;
  return categories;
}

}  // namespace cachenode
