// Places in sorted sets: adding them, and what is known of single ones.
#include <optional>
#include <string_view>
#include <vector>

#include "protocol/resp_writer.h"
#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/geo_arguments.h"
#include "storage/value/geohash.h"
#include "storage/value/sorted_set_value.h"

namespace cachenode {
namespace {

constexpr size_t kPlaceArguments = 3;  // Longitude, latitude, member.

struct GeoaddOptions {
  ScoreUpdate update;
  bool counts_changed = false;  // CH.
  size_t places_at = 2;
};

Status ParseGeoaddOptions(Args args, GeoaddOptions& options) {
  ArgParser parser(args, 2);
  while (parser.HasNext()) {
    if (parser.Match("nx")) {
      options.update.only_new = true;
    } else if (parser.Match("xx")) {
      options.update.only_existing = true;
    } else if (parser.Match("ch")) {
      options.counts_changed = true;
    } else {
      break;
    }
  }
  options.places_at = parser.position();
  const size_t rest = parser.Remaining();
  const bool excludes_all = options.update.only_new && options.update.only_existing;
  return rest == 0 || rest % kPlaceArguments != 0 || excludes_all ? Status(Err::kSyntax) : Status::Ok();
}

// GEOADD key [NX | XX] [CH] longitude latitude member [longitude latitude member...] -> how many were added, with CH
// also how many moved.
Status Geoadd(CommandContext& context, Args args) {
  GeoaddOptions options;
  if (Status error = ParseGeoaddOptions(args, options); !error.ok()) return error;
  std::vector<double> scores;
  scores.reserve((args.size() - options.places_at) / kPlaceArguments);
  for (size_t at = options.places_at; at < args.size(); at += kPlaceArguments) {
    Result<GeoPoint> point = ParseGeoPoint(args, at);
    if (!point) return point.error();
    scores.push_back(static_cast<double>(GeoScoreOf(*point)));
  }
  KeySlot slot = context.FindForWrite(args[1]);
  if (Status error = slot.Require(ValueType::kSortedSet); !error.ok()) return error;

  SortedSetValue set(slot);
  int64_t added = 0;
  int64_t updated = 0;
  Status status;
  for (size_t i = 0; i < scores.size() && status.ok(); ++i) {
    const std::string_view member = args[options.places_at + i * kPlaceArguments + 2];
    Result<SortedSetValue::Added> put = set.Put(member, scores[i], options.update);
    if (!put) {
      status = put.error();
      break;
    }
    added += put->outcome == SortedSetValue::Outcome::kAdded ? 1 : 0;
    updated += put->outcome == SortedSetValue::Outcome::kUpdated ? 1 : 0;
  }
  if (added + updated > 0) context.Notify(kNotifyZset, "zadd", args[1]);
  if (!status.ok()) return status;
  context.reply().Integer(added + (options.counts_changed ? updated : 0));
  return Status::Ok();
}

// GEODIST key member member [unit] -> the distance, nil when one of them is missing.
Status Geodist(CommandContext& context, Args args) {
  if (args.size() > 5) return Err::kSyntax;
  Result<double> unit = args.size() == 5 ? ParseGeoUnit(args[4]) : Result<double>(1.0);
  if (!unit) return unit.error();
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kSortedSet); !error.ok()) return error;
  std::optional<GeoPoint> from;
  std::optional<GeoPoint> to;
  if (slot.Exists()) {
    const SortedSetView set = SortedSetView::Of(slot);
    from = FindPlace(set, args[2]);
    to = FindPlace(set, args[3]);
  }
  if (!from || !to) {
    context.reply().Null();
    return Status::Ok();
  }
  context.reply().Bulk(GeoDistanceText(GeoDistance(*from, *to) / *unit));
  return Status::Ok();
}

// Replies with an array of what `write` makes of each member's place; `write_missing` stands for those without one.
template <typename Write, typename WriteMissing>
Status WritePlaces(CommandContext& context, Args args, Write write, WriteMissing write_missing) {
  const KeySlot slot = context.FindForRead(args[1]);
  if (Status error = slot.Require(ValueType::kSortedSet); !error.ok()) return error;
  context.reply().ArrayHeader(args.size() - 2);
  for (const std::string_view member : args.subspan(2)) {
    const std::optional<GeoPoint> place =
        slot.Exists() ? FindPlace(SortedSetView::Of(slot), member) : std::optional<GeoPoint>();
    if (place) {
      write(*place);
    } else {
      write_missing();
    }
  }
  return Status::Ok();
}

// GEOHASH key [member...] -> the text form of each place.
Status Geohash(CommandContext& context, Args args) {
  RespWriter& reply = context.reply();
  const auto write = [&reply](GeoPoint place) {
    const GeohashText text = GeohashTextOf(place);
    reply.Bulk({text.data(), text.size()});
  };
  return WritePlaces(context, args, write, [&reply] { reply.Null(); });
}

// GEOPOS key [member...] -> longitude and latitude of each.
Status Geopos(CommandContext& context, Args args) {
  RespWriter& reply = context.reply();
  const auto write = [&reply](GeoPoint place) {
    reply.ArrayHeader(2);
    reply.HumanDouble(static_cast<long double>(place.longitude));
    reply.HumanDouble(static_cast<long double>(place.latitude));
  };
  return WritePlaces(context, args, write, [&reply] { reply.NullArray(); });
}

constexpr CommandSpec kGeoCommands[] = {
    {.name = "geoadd",
     .arity = -5,
     .flags = kDenyOom | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadWrite | kKeyUpdate)),
     .acl = kAclGeo,
     .handler = Geoadd,
     .group = CommandGroup::kGeo,
     .doc = {.summary = "Adds places to a sorted set, or moves them.",
             .since = "3.2.0",
             .complexity = "O(log(N))",
             .arguments =
                 "key:key@0 [condition:oneof(nx:pure-token=NX xx:pure-token=XX)!6.2.0] [change:pure-token=CH!6.2.0] "
                 "data:block(longitude:double latitude:double member:string)*"}},
    {.name = "geodist",
     .arity = -4,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclGeo,
     .handler = Geodist,
     .group = CommandGroup::kGeo,
     .doc = {.summary = "Tells how far two places are from each other.",
             .since = "3.2.0",
             .complexity = "O(1)",
             .arguments =
                 "key:key@0 member1:string member2:string [unit:oneof(m:pure-token=M km:pure-token=KM ft:pure-token=FT "
                 "mi:pure-token=MI)]"}},
    {.name = "geohash",
     .arity = -2,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclGeo,
     .handler = Geohash,
     .group = CommandGroup::kGeo,
     .doc = {.summary = "Writes places as geohash text.",
             .since = "3.2.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 [member:string*]"}},
    {.name = "geopos",
     .arity = -2,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclGeo,
     .handler = Geopos,
     .group = CommandGroup::kGeo,
     .doc = {.summary = "Reads longitude and latitude of places.",
             .since = "3.2.0",
             .complexity = "O(1)",
             .arguments = "key:key@0 [member:string*]"}},
};

}  // namespace

std::span<const CommandSpec> GeoCommands() { return kGeoCommands; }

}  // namespace cachenode
