// Saving the data set and ending the node: SAVE, BGSAVE, LASTSAVE, SHUTDOWN.
#include <string_view>

#include "protocol/resp_writer.h"
#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/persistence_service.h"
#include "server/server_control.h"

namespace cachenode {
namespace {

// SAVE -> OK once the file is there; nothing else runs meanwhile.
Status Save(CommandContext& context, Args /*args*/) {
  Status status = context.parts().persistence->Save();
  if (status.ok()) context.reply().Ok();
  return status;
}

// BGSAVE [SCHEDULE | CANCEL] -> what was begun.
Status Bgsave(CommandContext& context, Args args) {
  PersistenceService& persistence = *context.parts().persistence;
  ArgParser parser(args, 1);
  if (parser.Match("schedule")) {
    if (Status error = parser.Finish(); !error.ok()) return error;
    const bool started = persistence.BackgroundSaveOrSchedule();
    context.reply().SimpleString(started ? "Background saving started" : "Background saving scheduled");
    return Status::Ok();
  }
  if (parser.Match("cancel")) {
    if (Status error = parser.Finish(); !error.ok()) return error;
    Result<Snapshotter::Cancelled> cancelled = persistence.CancelBackgroundSave();
    if (!cancelled) return cancelled.error();
    const bool was_running = *cancelled == Snapshotter::Cancelled::kRunning;
    context.reply().SimpleString(was_running ? "Background saving cancelled" : "Scheduled background saving cancelled");
    return Status::Ok();
  }
  if (Status error = parser.Finish(); !error.ok()) return error;
  Status status = persistence.BackgroundSave();
  if (status.ok()) context.reply().SimpleString("Background saving started");
  return status;
}

// LASTSAVE -> Unix seconds of the last good save.
Status Lastsave(CommandContext& context, Args /*args*/) {
  context.reply().Integer(context.parts().persistence->Snapshots().last_save_time_s);
  return Status::Ok();
}

// SHUTDOWN [NOSAVE | SAVE] [NOW] [FORCE] [ABORT] -> no reply when the node goes.
Status Shutdown(CommandContext& context, Args args) {
  ShutdownRequest request;
  bool abort = false;
  ArgParser parser(args, 1);
  while (parser.HasNext()) {
    if (request.save == ShutdownRequest::Save::kAsConfigured && parser.Match("nosave")) {
      request.save = ShutdownRequest::Save::kNo;
    } else if (request.save == ShutdownRequest::Save::kAsConfigured && parser.Match("save")) {
      request.save = ShutdownRequest::Save::kYes;
    } else if (parser.Match("now")) {
      request.now = true;
    } else if (parser.Match("force")) {
      request.force = true;
    } else if (parser.Match("abort")) {
      abort = true;
    } else {
      return Err::kSyntax;
    }
  }
  const bool has_others = request.save != ShutdownRequest::Save::kAsConfigured || request.now || request.force;
  if (abort && has_others) return Err::kSyntax;
  ServerControl& control = *context.parts().control;
  if (abort) {
    Status status = control.AbortShutdown();
    if (status.ok()) context.reply().Ok();
    return status;
  }
  Status status = control.Shutdown(request);
  if (!status.ok()) return Status::Text("ERR Errors trying to SHUTDOWN. Check logs.");
  context.session().closing = Closing::kNow;
  return Status::Ok();
}

constexpr CommandSpec kPersistenceCommands[] = {
    {.name = "bgsave",
     .arity = -1,
     .flags = kExclusive | kAdmin | kNoAsyncLoading | kNoScript,
     .handler = Bgsave,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Saves the data set while clients are served.",
             .since = "1.0.0",
             .complexity = "O(1)",
             .arguments = "[schedule:pure-token=SCHEDULE!3.2.2]"}},
    {.name = "lastsave",
     .arity = 1,
     .flags = kFast | kLoading | kStale,
     .acl = kAclAdmin | kAclDangerous,
     .handler = Lastsave,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Tells when the data set was saved last.",
             .since = "1.0.0",
             .complexity = "O(1)",
             .tips = "nondeterministic_output"}},
    {.name = "save",
     .arity = 1,
     .flags = kExclusive | kAdmin | kNoAsyncLoading | kNoMulti | kNoScript,
     .handler = Save,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Saves the data set while everything waits.", .since = "1.0.0", .complexity = "O(N)"}},
    {.name = "shutdown",
     .arity = -1,
     .flags = kExclusive | kAdmin | kAllowBusy | kLoading | kNoMulti | kNoScript | kStale,
     .handler = Shutdown,
     .group = CommandGroup::kServer,
     .doc = {.summary = "Saves if wanted and ends the server.",
             .since = "1.0.0",
             .complexity = "O(N); O(1)",
             .arguments =
                 "[save-selector:oneof(nosave:pure-token=NOSAVE save:pure-token=SAVE)] [now:pure-token=NOW!7.0.0] "
                 "[force:pure-token=FORCE!7.0.0] [abort:pure-token=ABORT!7.0.0]"}},
};
}  // namespace

std::span<const CommandSpec> PersistenceCommands() { return kPersistenceCommands; }

}  // namespace cachenode
