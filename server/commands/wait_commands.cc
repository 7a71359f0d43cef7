// WAIT and WAITAOF: until other nodes, or the disk, have what was written. This node has neither replicas nor an
// append-only file, so that whoever asks for one gets its time's worth of waiting.
#include <memory>
#include <string_view>
#include <utility>

#include "protocol/resp_writer.h"
#include "server/blocking/timeout.h"
#include "server/blocking/wait_table.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"

namespace cachenode {
namespace {

// WAIT numreplicas timeout -> how many replicas have all this client wrote.
Status Wait(CommandContext& context, Args args) {
  Result<int64_t> wanted = ParseInt64(args[1]);
  if (!wanted) return wanted.error();
  Result<int64_t> deadline_ms = ParseDeadlineMs(context, args[2]);
  if (!deadline_ms) return deadline_ms.error();
  if (*wanted <= 0 || !WaitTable::MayBlock(context)) {
    context.reply().Integer(0);
    return Status::Ok();
  }
  WaitTable::Block(context, {.args = args, .deadline_ms = *deadline_ms, .timeout_reply = TimeoutReply::kZero});
  return Status::Ok();
}

// WAITAOF numlocal numreplicas timeout -> how many files here, and on replicas, have all this client wrote.
Status Waitaof(CommandContext& context, Args args) {
  Result<int64_t> local = ParseInt64(args[1]);
  if (!local) return local.error();
  if (*local < 0 || *local > 1) return Status::Text("ERR value is out of range, value must between 0 and 1");
  Result<int64_t> wanted = ParseInt64(args[2]);
  if (!wanted || *wanted < 0) return Status::Text("ERR value is out of range, must be positive");
  Result<int64_t> deadline_ms = ParseDeadlineMs(context, args[3]);
  if (!deadline_ms) return deadline_ms.error();
  if (*local == 1) {
    return Status::Text("ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.");
  }
  if (*wanted == 0 || !WaitTable::MayBlock(context)) {
    context.reply().ArrayHeader(2);
    context.reply().Integer(0);
    context.reply().Integer(0);
    return Status::Ok();
  }
  WaitTable::Block(context, {.args = args, .deadline_ms = *deadline_ms, .timeout_reply = TimeoutReply::kTwoZeros});
  return Status::Ok();
}

constexpr CommandSpec kWaitCommands[] = {
    {.name = "wait",
     .arity = 3,
     .flags = kBlocking,
     .acl = kAclConnection,
     .handler = Wait,
     .group = CommandGroup::kGeneric,
     .doc = {.summary = "Waits until replicas have what this connection wrote.",
             .since = "3.0.0",
             .complexity = "O(1)",
             .arguments = "numreplicas:integer timeout:integer",
             .tips = "request_policy:all_shards,response_policy:agg_min"}},
    {.name = "waitaof",
     .arity = 4,
     .flags = kBlocking,
     .acl = kAclConnection,
     .handler = Waitaof,
     .group = CommandGroup::kGeneric,
     .doc = {.summary = "Waits until append-only files, here and on replicas, have what this connection wrote.",
             .since = "7.2.0",
             .complexity = "O(1)",
             .arguments = "numlocal:integer numreplicas:integer timeout:integer",
             .tips = "request_policy:all_shards,response_policy:agg_min"}},
};
}  // namespace

std::span<const CommandSpec> WaitCommands() { return kWaitCommands; }

}  // namespace cachenode
