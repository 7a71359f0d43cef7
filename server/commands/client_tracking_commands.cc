// CLIENT TRACKING, CACHING, GETREDIR, TRACKINGINFO: what a client wants to know about keys it has read.
#include "server/commands/client_tracking_commands.h"

#include <string>
#include <string_view>
#include <vector>

#include "server/arg_parser.h"
#include "server/client_registry.h"
#include "server/command_context.h"
#include "server/tracking/client_tracking.h"

namespace cachenode {
namespace {

Status ParseRedirect(CommandContext& context, std::string_view text, TrackingOptions& options) {
  if (options.redirect_to != 0) return Status::Text("ERR A client can only redirect to a single other client");
  Result<int64_t> id = ParseInt64(text);
  if (!id) return id.error();
  // The client may be gone later; that it is there now is a check of the request's sense.
  if (*id <= 0 || context.parts().clients->Find(static_cast<uint64_t>(*id)) == nullptr) {
    return Status::Text("ERR The client ID you want redirect to does not exist");
  }
  options.redirect_to = static_cast<uint64_t>(*id);
  return Status::Ok();
}

Status ParseOptions(CommandContext& context, Args args, TrackingOptions& options,
                    std::vector<std::string_view>& prefixes) {
  ArgParser parser(args, 3);
  while (parser.HasNext()) {
    if (parser.Match("redirect", 1)) {
      if (Status error = ParseRedirect(context, parser.NextString(), options); !error.ok()) return error;
    } else if (parser.Match("bcast")) {
      options.broadcast = true;
    } else if (parser.Match("optin")) {
      options.opt_in = true;
    } else if (parser.Match("optout")) {
      options.opt_out = true;
    } else if (parser.Match("noloop")) {
      options.no_loop = true;
    } else if (parser.Match("prefix", 1)) {
      prefixes.push_back(parser.NextString());
    } else {
      return Err::kSyntax;
    }
  }
  return parser.Finish();
}

std::vector<std::string_view> FlagsOf(const TrackingState* state) {
  if (state == nullptr) return {"off"};
  std::vector<std::string_view> flags = {"on"};
  const TrackingOptions& options = state->options;
  if (options.broadcast) flags.push_back("bcast");
  if (options.opt_in) flags.push_back("optin");
  if (options.opt_in && state->caching_said) flags.push_back("caching-yes");
  if (options.opt_out) flags.push_back("optout");
  if (options.opt_out && state->caching_said) flags.push_back("caching-no");
  if (options.no_loop) flags.push_back("noloop");
  if (state->redirect_broken) flags.push_back("broken_redirect");
  return flags;
}

int64_t RedirectionOf(const TrackingState* state) {
  return state == nullptr ? -1 : static_cast<int64_t>(state->options.redirect_to);
}

}  // namespace

Status ClientTrackingMode(CommandContext& context, Args args) {
  TrackingOptions options;
  std::vector<std::string_view> prefixes;
  if (Status error = ParseOptions(context, args, options, prefixes); !error.ok()) return error;
  ClientTracking& tracking = *context.parts().tracking;
  if (EqualsIgnoreCase(args[2], "on")) {
    if (Status error = tracking.Enable(context.session(), options, prefixes); !error.ok()) return error;
  } else if (EqualsIgnoreCase(args[2], "off")) {
    tracking.Disable(context.session());
  } else {
    return Err::kSyntax;
  }
  context.reply().Ok();
  return Status::Ok();
}

Status ClientCaching(CommandContext& context, Args args) {
  TrackingState* state = context.session().tracking.get();
  if (state == nullptr) {
    return Status::Text(
        "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled");
  }
  if (EqualsIgnoreCase(args[2], "yes")) {
    if (!state->options.opt_in) {
      return Status::Text("ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.");
    }
  } else if (EqualsIgnoreCase(args[2], "no")) {
    if (!state->options.opt_out) {
      return Status::Text("ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.");
    }
  } else {
    return Err::kSyntax;
  }
  state->caching_said = true;
  context.reply().Ok();
  return Status::Ok();
}

Status ClientGetredir(CommandContext& context, Args /*args*/) {
  context.reply().Integer(RedirectionOf(context.session().tracking.get()));
  return Status::Ok();
}

Status ClientTrackinginfo(CommandContext& context, Args /*args*/) {
  const TrackingState* state = context.session().tracking.get();
  RespWriter& reply = context.reply();
  reply.MapHeader(3);
  reply.Bulk("flags");
  const std::vector<std::string_view> flags = FlagsOf(state);
  reply.SetHeader(flags.size());
  for (const std::string_view flag : flags) reply.Bulk(flag);
  reply.Bulk("redirect");
  reply.Integer(RedirectionOf(state));
  reply.Bulk("prefixes");
  reply.ArrayHeader(state == nullptr ? 0 : state->prefixes.size());
  if (state != nullptr) {
    for (const std::string& prefix : state->prefixes) reply.Bulk(prefix);
  }
  return Status::Ok();
}

}  // namespace cachenode
