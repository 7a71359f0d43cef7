// SUBSCRIBE, PUBLISH and their patterned and sharded forms, and PUBSUB.
#include <string>
#include <string_view>
#include <vector>

#include "protocol/error_text.h"
#include "server/command_context.h"
#include "server/commands/families.h"
#include "server/commands/help.h"
#include "server/config/config.h"
#include "server/pubsub/pubsub.h"
#include "storage/base/glob.h"

namespace cachenode {
namespace {

// --- Subscribing -----------------------------------------------------------------------------------------------------

// What a confirmation counts: shard channels apart from the rest.
size_t CountFor(const Session& session, ChannelKind kind) {
  if (session.subscriptions == nullptr) return 0;
  const Subscriptions& own = *session.subscriptions;
  if (kind == ChannelKind::kShard) return own.Count(kind);
  return own.Count(ChannelKind::kChannel) + own.Count(ChannelKind::kPattern);
}

void Confirm(CommandContext& context, std::string_view verb, ChannelKind kind, std::string_view name) {
  RespWriter& reply = context.reply();
  reply.PushHeader(3);
  reply.Bulk(verb);
  reply.Bulk(name);
  reply.Integer(static_cast<int64_t>(CountFor(context.session(), kind)));
}

// -> a confirmation for each name: the verb, the name, how many subscriptions the client has now.
Status SubscribeTo(CommandContext& context, Args args, ChannelKind kind, std::string_view verb) {
  PubSub::AllowMessages(context.session(), !context.is_nested());
  for (const std::string_view name : args.subspan(1)) {
    context.parts().pubsub->Subscribe(context.session(), kind, name);
    Confirm(context, verb, kind, name);
  }
  return Status::Ok();
}

// The same; without names the client leaves all of that kind, or is told that it had none.
Status UnsubscribeFrom(CommandContext& context, Args args, ChannelKind kind, std::string_view verb) {
  Session& session = context.session();
  PubSub::AllowMessages(session, !context.is_nested());
  for (const std::string_view name : args.subspan(1)) {
    context.parts().pubsub->Unsubscribe(session, kind, name);
    Confirm(context, verb, kind, name);
  }
  if (args.size() > 1) return Status::Ok();
  if (session.subscriptions == nullptr || session.subscriptions->Count(kind) == 0) {
    RespWriter& reply = context.reply();
    reply.PushHeader(3);
    reply.Bulk(verb);
    reply.Null();
    reply.Integer(static_cast<int64_t>(CountFor(session, kind)));
    return Status::Ok();
  }
  Subscriptions::Memberships& memberships = session.subscriptions->Of(kind);
  while (!memberships.empty()) {
    const ChannelSlotRef slot = memberships.begin()->second.slot;  // Keeps the name.
    context.parts().pubsub->Unsubscribe(session, kind, slot->name);
    Confirm(context, verb, kind, slot->name);
  }
  return Status::Ok();
}

// SUBSCRIBE channel [channel ...]
Status Subscribe(CommandContext& context, Args args) {
  return SubscribeTo(context, args, ChannelKind::kChannel, "subscribe");
}

// PSUBSCRIBE pattern [pattern ...]
Status Psubscribe(CommandContext& context, Args args) {
  return SubscribeTo(context, args, ChannelKind::kPattern, "psubscribe");
}

// SSUBSCRIBE shardchannel [shardchannel ...]
Status Ssubscribe(CommandContext& context, Args args) {
  return SubscribeTo(context, args, ChannelKind::kShard, "ssubscribe");
}

// UNSUBSCRIBE [channel ...]
Status Unsubscribe(CommandContext& context, Args args) {
  return UnsubscribeFrom(context, args, ChannelKind::kChannel, "unsubscribe");
}

// PUNSUBSCRIBE [pattern ...]
Status Punsubscribe(CommandContext& context, Args args) {
  return UnsubscribeFrom(context, args, ChannelKind::kPattern, "punsubscribe");
}

// SUNSUBSCRIBE [shardchannel ...]
Status Sunsubscribe(CommandContext& context, Args args) {
  return UnsubscribeFrom(context, args, ChannelKind::kShard, "sunsubscribe");
}

// --- Publishing ------------------------------------------------------------------------------------------------------

Status PublishTo(CommandContext& context, Args args, ChannelKind kind) {
  const bool at_once = !context.config().engine_version.AtLeast(7, 2);
  const PubSub::Publisher from{context.worker_index(), &context.session(), at_once};
  const size_t receivers = context.parts().pubsub->Publish(from, kind, args[1], args[2]);
  context.reply().Integer(static_cast<int64_t>(receivers));
  return Status::Ok();
}

// PUBLISH channel message -> how many clients it was sent to.
Status Publish(CommandContext& context, Args args) { return PublishTo(context, args, ChannelKind::kChannel); }

// SPUBLISH shardchannel message -> how many clients it was sent to.
Status Spublish(CommandContext& context, Args args) { return PublishTo(context, args, ChannelKind::kShard); }

// --- PUBSUB ----------------------------------------------------------------------------------------------------------

Status ListChannels(CommandContext& context, Args args, ChannelKind kind) {
  if (args.size() > 3) return Status::Text(SubcommandSyntaxText("pubsub", args[1]));
  std::vector<std::string> names;
  context.parts().pubsub->ForEachChannel(kind, [&](std::string_view name, const Channel& /*channel*/) {
    if (args.size() < 3 || GlobMatch(args[2], name)) names.emplace_back(name);
  });
  context.reply().ArrayHeader(names.size());
  for (const std::string& name : names) context.reply().Bulk(name);
  return Status::Ok();
}

Status CountSubscribers(CommandContext& context, Args args, ChannelKind kind) {
  const Args names = args.subspan(2);
  context.reply().ArrayHeader(names.size() * 2);
  for (const std::string_view name : names) {
    context.reply().Bulk(name);
    context.reply().Integer(static_cast<int64_t>(context.parts().pubsub->SubscriberCount(kind, name)));
  }
  return Status::Ok();
}

// PUBSUB CHANNELS [pattern] -> the channels that have subscribers.
Status PubSubChannels(CommandContext& context, Args args) { return ListChannels(context, args, ChannelKind::kChannel); }

// PUBSUB NUMSUB [channel ...] -> each channel and how many subscribers it has.
Status PubSubNumsub(CommandContext& context, Args args) {
  return CountSubscribers(context, args, ChannelKind::kChannel);
}

// PUBSUB NUMPAT -> how many patterns there are subscriptions to.
Status PubSubNumpat(CommandContext& context, Args /*args*/) {
  context.reply().Integer(static_cast<int64_t>(context.parts().pubsub->ChannelCount(ChannelKind::kPattern)));
  return Status::Ok();
}

// PUBSUB SHARDCHANNELS [pattern] -> the shard channels that have subscribers.
Status PubSubShardchannels(CommandContext& context, Args args) {
  return ListChannels(context, args, ChannelKind::kShard);
}

// PUBSUB SHARDNUMSUB [shardchannel ...] -> each shard channel and how many subscribers it has.
Status PubSubShardnumsub(CommandContext& context, Args args) {
  return CountSubscribers(context, args, ChannelKind::kShard);
}

Status PubSubHelp(CommandContext& context, Args /*args*/) {
  constexpr std::string_view kLines[] = {
      "CHANNELS [<pattern>]",
      "    List the channels that have subscribers, all or those that match.",
      "NUMPAT",
      "    Count the patterns that have subscribers.",
      "NUMSUB [<channel> ...]",
      "    Count the subscribers of channels, those by pattern left out.",
      "SHARDCHANNELS [<pattern>]",
      "    List the shard channels that have subscribers, all or those that match.",
      "SHARDNUMSUB [<shardchannel> ...]",
      "    Count the subscribers of shard channels.",
  };
  WriteHelp(context.reply(), "PUBSUB", kLines);
  return Status::Ok();
}

// --- Rows ------------------------------------------------------------------------------------------------------------

constexpr uint32_t kSubscribing = kLoading | kNoScript | kPubSub | kStale;
constexpr uint32_t kPublishing = kFast | kLoading | kPubSub | kStale | kMayReplicate;
constexpr uint32_t kInquiring = kLoading | kPubSub | kStale;

constexpr CommandSpec kPubSubSubcommands[] = {
    {.name = "channels",
     .arity = -2,
     .flags = kInquiring,
     .handler = PubSubChannels,
     .group = CommandGroup::kPubSub,
     .doc = {.summary = "Lists the channels that have subscribers.",
             .since = "2.8.0",
             .complexity = "O(N)",
             .arguments = "[pattern:pattern]"}},
    {.name = "help",
     .arity = 2,
     .flags = kLoading | kStale,
     .handler = PubSubHelp,
     .group = CommandGroup::kPubSub,
     .doc = {.summary = "Lists the subcommands of PUBSUB.", .since = "6.2.0", .complexity = "O(1)"}},
    {.name = "numpat",
     .arity = 2,
     .flags = kInquiring,
     .handler = PubSubNumpat,
     .group = CommandGroup::kPubSub,
     .doc = {.summary = "Counts the patterns that have subscribers.", .since = "2.8.0", .complexity = "O(1)"}},
    {.name = "numsub",
     .arity = -2,
     .flags = kInquiring,
     .handler = PubSubNumsub,
     .group = CommandGroup::kPubSub,
     .doc = {.summary = "Counts the subscribers of channels.",
             .since = "2.8.0",
             .complexity = "O(N)",
             .arguments = "[channel:string*]"}},
    {.name = "shardchannels",
     .arity = -2,
     .flags = kInquiring,
     .handler = PubSubShardchannels,
     .group = CommandGroup::kPubSub,
     .doc = {.summary = "Lists the shard channels that have subscribers.",
             .since = "7.0.0",
             .complexity = "O(N)",
             .arguments = "[pattern:pattern]"}},
    {.name = "shardnumsub",
     .arity = -2,
     .flags = kInquiring,
     .handler = PubSubShardnumsub,
     .group = CommandGroup::kPubSub,
     .doc = {.summary = "Counts the subscribers of shard channels.",
             .since = "7.0.0",
             .complexity = "O(N)",
             .arguments = "[shardchannel:string*]"}},
};

constexpr CommandSpec kPubSubCommands[] = {
    {.name = "psubscribe",
     .arity = -2,
     .flags = kSubscribing,
     .handler = Psubscribe,
     .group = CommandGroup::kPubSub,
     .doc = {.summary = "Listens to the channels that match patterns.",
             .since = "2.0.0",
             .complexity = "O(N)",
             .arguments = "pattern:pattern*"}},
    {.name = "publish",
     .arity = 3,
     .flags = kPublishing,
     .handler = Publish,
     .group = CommandGroup::kPubSub,
     .doc = {.summary = "Sends a message to a channel.",
             .since = "2.0.0",
             .complexity = "O(N+M)",
             .arguments = "channel:string message:string"}},
    {.name = "pubsub",
     .arity = -2,
     .group = CommandGroup::kPubSub,
     .doc = {.summary = "What is subscribed to.", .since = "2.8.0", .complexity = "per-subcommand"},
     .subcommands = kPubSubSubcommands},
    {.name = "punsubscribe",
     .arity = -1,
     .flags = kSubscribing,
     .handler = Punsubscribe,
     .group = CommandGroup::kPubSub,
     .doc = {.summary = "Stops listening to patterns.",
             .since = "2.0.0",
             .complexity = "O(N)",
             .arguments = "[pattern:pattern*]"}},
    {.name = "spublish",
     .arity = 3,
     .flags = kPublishing,
     .keys = KeySpecs(KeySpec::One(1, kKeyNotKey)),
     .handler = Spublish,
     .group = CommandGroup::kPubSub,
     .doc = {.summary = "Sends a message to a shard channel.",
             .since = "7.0.0",
             .complexity = "O(N)",
             .arguments = "shardchannel:string message:string"}},
    {.name = "ssubscribe",
     .arity = -2,
     .flags = kSubscribing,
     .keys = KeySpecs(KeySpec::Range(1, -1, 1, kKeyNotKey)),
     .handler = Ssubscribe,
     .group = CommandGroup::kPubSub,
     .doc = {.summary = "Listens to shard channels.",
             .since = "7.0.0",
             .complexity = "O(N)",
             .arguments = "shardchannel:string*"}},
    {.name = "subscribe",
     .arity = -2,
     .flags = kSubscribing,
     .handler = Subscribe,
     .group = CommandGroup::kPubSub,
     .doc =
         {.summary = "Listens to channels.", .since = "2.0.0", .complexity = "O(N)", .arguments = "channel:string*"}},
    {.name = "sunsubscribe",
     .arity = -1,
     .flags = kSubscribing,
     .keys = KeySpecs(KeySpec::Range(1, -1, 1, kKeyNotKey)),
     .handler = Sunsubscribe,
     .group = CommandGroup::kPubSub,
     .doc = {.summary = "Stops listening to shard channels.",
             .since = "7.0.0",
             .complexity = "O(N)",
             .arguments = "[shardchannel:string*]"}},
    {.name = "unsubscribe",
     .arity = -1,
     .flags = kSubscribing,
     .handler = Unsubscribe,
     .group = CommandGroup::kPubSub,
     .doc = {.summary = "Stops listening to channels.",
             .since = "2.0.0",
             .complexity = "O(N)",
             .arguments = "[channel:string*]"}},
};

}  // namespace

std::span<const CommandSpec> PubSubCommands() { return kPubSubCommands; }

}  // namespace cachenode
