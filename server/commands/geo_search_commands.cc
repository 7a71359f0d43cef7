// Searching places around a point: GEOSEARCH, GEOSEARCHSTORE and the older GEORADIUS commands.
#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/resp_writer.h"
#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/geo_arguments.h"
#include "server/commands/range_sort.h"
#include "server/config/config.h"
#include "storage/value/geohash.h"
#include "storage/value/sorted_set_value.h"

namespace cachenode {
namespace {

// What the commands differ in.
struct SearchKind {
  enum class Center : uint8_t { kPoint, kMember, kOption };
  Center center;       // GEORADIUS..., GEORADIUSBYMEMBER..., GEOSEARCH...
  bool may_store;      // STORE and STOREDIST name a key.
  bool always_stores;  // GEOSEARCHSTORE: the first key.
  size_t options_at;   // Where the options begin.
  [[nodiscard]] bool IsSearch() const { return center == Center::kOption; }
};

constexpr SearchKind kRadius{SearchKind::Center::kPoint, true, false, 6};
constexpr SearchKind kRadiusReadOnly{SearchKind::Center::kPoint, false, false, 6};
constexpr SearchKind kRadiusByMember{SearchKind::Center::kMember, true, false, 5};
constexpr SearchKind kRadiusByMemberReadOnly{SearchKind::Center::kMember, false, false, 5};
constexpr SearchKind kSearch{SearchKind::Center::kOption, false, false, 2};
constexpr SearchKind kSearchStore{SearchKind::Center::kOption, false, true, 3};

enum class SearchOrder : uint8_t { kNone, kAscending, kDescending };

struct SearchRequest {
  GeoShape shape;
  bool has_center = false;
  bool from_member = false;
  bool has_shape = false;
  bool with_distance = false;
  bool with_score = false;
  bool with_place = false;
  SearchOrder order = SearchOrder::kNone;
  bool any = false;
  size_t count = 0;                // 0: all.
  std::optional<size_t> store_at;  // Argument that names the key to store at.
  bool stores_distance = false;

  [[nodiscard]] bool HasExtras() const { return with_distance || with_score || with_place; }
};

// --- Arguments --------------------------------------------------------------------------------------------------

Status UnknownMember(const CommandContext& context, std::string_view member) {
  if (!context.config().engine_version.AtLeastValkey(9, 1)) {
    return Status::Text("ERR could not decode requested zset member");
  }
  std::string text("ERR member ");
  return Status::Text(text.append(member).append(" does not exist"));
}

// The centre is where a member is; without the key the rest is still parsed.
Status CenterOnMember(const CommandContext& context, const KeySlot& slot, std::string_view member,
                      SearchRequest& request) {
  if (!slot.Exists()) return Status::Ok();
  const std::optional<GeoPoint> place = FindPlace(SortedSetView::Of(slot), member);
  if (!place) return UnknownMember(context, member);
  request.shape.center = *place;
  return Status::Ok();
}

Status CenterOnPoint(Args args, size_t at, SearchRequest& request) {
  Result<GeoPoint> point = ParseGeoPoint(args, at);
  if (!point) return point.error();
  request.shape.center = *point;
  return Status::Ok();
}

// Centre and radius of the GEORADIUS commands.
Status ParseRadius(const CommandContext& context, Args args, const KeySlot& slot, const SearchKind& kind,
                   SearchRequest& request) {
  // As in Redis, the radius around a member of a missing key is not even looked at.
  if (kind.center == SearchKind::Center::kMember && !slot.Exists()) return Status::Ok();
  Status error = kind.center == SearchKind::Center::kMember ? CenterOnMember(context, slot, args[2], request)
                                                            : CenterOnPoint(args, 2, request);
  if (!error.ok()) return error;
  return ParseGeoRadius(args, kind.options_at - 2, request.shape);
}

// FROMMEMBER, FROMLONLAT, BYRADIUS, BYBOX. False when the next argument is none of them.
bool MatchSearchOption(const CommandContext& context, Args args, const KeySlot& slot, ArgParser& parser,
                       SearchRequest& request, size_t& taken, Status& error) {
  const size_t at = parser.position() + 1;
  const bool had_point = request.has_center && !request.from_member;
  const bool had_circle = request.has_shape && !request.shape.is_box;
  const bool had_box = request.has_shape && request.shape.is_box;
  if (!had_point && parser.Match("frommember", 1)) {
    request.has_center = request.from_member = true;
    taken = 1;
    error = CenterOnMember(context, slot, args[at], request);
  } else if (!request.from_member && parser.Match("fromlonlat", 2)) {
    request.has_center = true;
    taken = 2;
    error = CenterOnPoint(args, at, request);
  } else if (!had_box && parser.Match("byradius", 2)) {
    request.has_shape = true;
    taken = 2;
    error = ParseGeoRadius(args, at, request.shape);
  } else if (!had_circle && parser.Match("bybox", 3)) {
    request.has_shape = true;
    taken = 3;
    error = ParseGeoBox(args, at, request.shape);
  } else {
    return false;
  }
  return true;
}

Status ParseCount(ArgParser& parser, SearchRequest& request) {
  const int64_t count = parser.NextInt64();
  if (parser.failed()) return parser.Finish();
  if (count <= 0) return Status::Text("ERR COUNT must be > 0");
  request.count = static_cast<size_t>(count);
  return Status::Ok();
}

// One option that every kind knows, or that says where to store. A syntax error when it is none.
Status ParseCommonOption(const SearchKind& kind, ArgParser& parser, SearchRequest& request) {
  if (parser.Match("withdist")) {
    request.with_distance = true;
  } else if (parser.Match("withhash")) {
    request.with_score = true;
  } else if (parser.Match("withcoord")) {
    request.with_place = true;
  } else if (parser.Match("any")) {
    request.any = true;
  } else if (parser.Match("asc")) {
    request.order = SearchOrder::kAscending;
  } else if (parser.Match("desc")) {
    request.order = SearchOrder::kDescending;
  } else if (parser.Match("count", 1)) {
    return ParseCount(parser, request);
  } else if (kind.may_store && (parser.Match("store", 1) || parser.Match("storedist", 1))) {
    request.store_at = parser.position();
    static_cast<void>(parser.NextString());
  } else if (kind.always_stores && parser.Match("storedist")) {
    request.stores_distance = true;
  } else {
    return Err::kSyntax;
  }
  return Status::Ok();
}

Status ParseOptions(const CommandContext& context, Args args, const KeySlot& slot, const SearchKind& kind,
                    SearchRequest& request) {
  ArgParser parser(args, kind.options_at);
  while (parser.HasNext()) {
    Status error;
    size_t taken = 0;
    if (kind.IsSearch() && MatchSearchOption(context, args, slot, parser, request, taken, error)) {
      if (!error.ok()) return error;
      for (; taken > 0; --taken) static_cast<void>(parser.NextString());
      continue;
    }
    const bool stores_distance = EqualsIgnoreCase(parser.Peek(), "storedist");
    const std::optional<size_t> stored_before = request.store_at;
    error = ParseCommonOption(kind, parser, request);
    if (!error.ok()) return error;
    if (request.store_at != stored_before) request.stores_distance = stores_distance;
  }
  return Status::Ok();
}

Status ExactlyOne(std::string_view options, std::string_view command) {
  std::string text("ERR exactly one of ");
  return Status::Text(text.append(options).append(" can be specified for ").append(command));
}

// Whether the argument that names the key to store at is one whose shard is locked: the locks were taken for the first
// STORE and the first STOREDIST, and the last of all is what counts.
bool IsStoreKeyLocked(const CommandContext& context, Args args, size_t store_at) {
  std::vector<KeyPosition> positions;
  if (FindKeysOf(context.command(), args, positions) == KeySearch::kInvalid) return false;
  return std::any_of(positions.begin(), positions.end(),
                     [&](const KeyPosition& position) { return args[position.index] == args[store_at]; });
}

Status CheckRequest(const CommandContext& context, Args args, const SearchKind& kind, const SearchRequest& request) {
  if (request.store_at && request.HasExtras()) {
    std::string text(kind.always_stores ? "ERR GEOSEARCHSTORE" : "ERR STORE option in GEORADIUS");
    return Status::Text(text.append(" is not compatible with WITHDIST, WITHHASH and WITHCOORD options"));
  }
  if (kind.IsSearch() && !request.has_center) return ExactlyOne("FROMMEMBER or FROMLONLAT", args[0]);
  if (kind.IsSearch() && !request.has_shape) return ExactlyOne("BYRADIUS and BYBOX", args[0]);
  if (request.any && request.count == 0) return Status::Text("ERR the ANY argument requires COUNT argument");
  if (request.store_at && !IsStoreKeyLocked(context, args, *request.store_at)) return Err::kSyntax;
  return Status::Ok();
}

// --- Searching --------------------------------------------------------------------------------------------------

// What was found, with the members one after the other in one text.
struct Found {
  struct Hit {
    double distance_m;
    double score;
    size_t member_at;
    size_t member_bytes;
  };
  std::vector<Hit> hits;
  std::string members;

  [[nodiscard]] std::string_view MemberOf(const Hit& hit) const {
    return std::string_view(members).substr(hit.member_at, hit.member_bytes);
  }
};

// Adds what lies inside the shape, up to `limit` in all (0: everything).
void SearchSpan(const SortedSetView& set, const GeoShape& shape, GeoScoreSpan span, size_t limit, Found& found) {
  const ScoreRange range{.min = static_cast<double>(span.first),
                         .max = static_cast<double>(span.end),
                         .excludes_min = false,
                         .excludes_max = true};
  const RankRange ranks = set.Select(range);
  if (ranks.count == 0) return;
  SortedSetView::Cursor cursor(set, ranks.first);
  for (uint64_t left = ranks.count; left > 0; --left, cursor.Next()) {
    const std::optional<double> distance = DistanceInside(shape, GeoPointOf(cursor.score()));
    if (distance) {
      const std::string_view member = cursor.member();
      found.hits.push_back({*distance, cursor.score(), found.members.size(), member.size()});
      found.members += member;
    }
    if (limit != 0 && found.hits.size() >= limit) return;
  }
}

Found Search(const SortedSetView& set, const SearchRequest& request) {
  Found found;
  const size_t limit = request.any ? request.count : 0;
  const GeoCover cover = CoverShape(request.shape);
  for (size_t i = 0; i < cover.count; ++i) {
    if (limit != 0 && found.hits.size() >= limit) break;
    SearchSpan(set, request.shape, cover.spans[i], limit, found);
  }
  return found;
}

// Puts the hits into the order asked for and drops those beyond the count, which takes the nearest by itself. Equal
// distances stay in the order of the cells, unless there is more than the count: see RangeSort.
void Arrange(const SearchRequest& request, Found& found) {
  SearchOrder order = request.order;
  if (order == SearchOrder::kNone && request.count != 0 && !request.any) order = SearchOrder::kAscending;
  std::vector<Found::Hit>& hits = found.hits;
  const size_t kept = request.count == 0 ? hits.size() : std::min(hits.size(), request.count);
  if (order != SearchOrder::kNone) {
    const int direction = order == SearchOrder::kDescending ? -1 : 1;
    const auto compare = [direction](const Found::Hit& a, const Found::Hit& b) {
      if (a.distance_m > b.distance_m) return direction;
      return a.distance_m < b.distance_m ? -direction : 0;
    };
    if (kept == hits.size()) {
      std::stable_sort(hits.begin(), hits.end(),
                       [&compare](const auto& a, const auto& b) { return compare(a, b) < 0; });
    } else {
      RangeSort(std::span(hits), 0, kept - 1, compare).Run();
    }
  }
  hits.resize(kept);
}

// Scores of places are integers; others may have been put there by ZADD.
int64_t ScoreAsInteger(double score) {
  return score >= -0x1p63 && score < 0x1p63 ? static_cast<int64_t>(score) : INT64_MIN;
}

void Reply(RespWriter& reply, const SearchRequest& request, const Found& found) {
  const size_t extras = static_cast<size_t>(request.with_distance) + static_cast<size_t>(request.with_score) +
                        static_cast<size_t>(request.with_place);
  reply.ArrayHeader(found.hits.size());
  for (const Found::Hit& hit : found.hits) {
    if (extras != 0) reply.ArrayHeader(extras + 1);
    reply.Bulk(found.MemberOf(hit));
    if (request.with_distance) reply.Bulk(GeoDistanceText(hit.distance_m / request.shape.unit_m));
    if (request.with_score) reply.Integer(ScoreAsInteger(hit.score));
    if (!request.with_place) continue;
    const GeoPoint place = GeoPointOf(hit.score);
    reply.ArrayHeader(2);
    reply.HumanDouble(static_cast<long double>(place.longitude));
    reply.HumanDouble(static_cast<long double>(place.latitude));
  }
}

Status Store(CommandContext& context, Args args, const SearchKind& kind, const SearchRequest& request,
             const Found& found) {
  const std::string_view key = args[*request.store_at];
  SortedSetBuilder result;
  for (const Found::Hit& hit : found.hits) {
    const double score = request.stores_distance ? hit.distance_m / request.shape.unit_m : hit.score;
    if (Result<bool> added = result.Add(found.MemberOf(hit), score); !added) return added.error();
  }
  KeySlot destination = context.FindForWrite(key);
  const auto count = static_cast<int64_t>(result.count());
  if (count != 0) {
    if (Status error = result.Finish(destination, Expiry::kClear); !error.ok()) return error;
    context.Notify(kNotifyZset, kind.IsSearch() ? "geosearchstore" : "georadiusstore", key);
  } else if (destination.Exists()) {
    destination.Erase();
    context.Notify(kNotifyGeneric, "del", key);
  }
  context.reply().Integer(count);
  return Status::Ok();
}

Status Run(CommandContext& context, Args args, const SearchKind& kind) {
  const KeySlot slot = context.FindForRead(args[kind.always_stores ? 2 : 1]);
  if (Status error = slot.Require(ValueType::kSortedSet); !error.ok()) return error;
  SearchRequest request;
  if (kind.always_stores) request.store_at = 1;
  if (!kind.IsSearch()) {
    if (Status error = ParseRadius(context, args, slot, kind, request); !error.ok()) return error;
  }
  if (Status error = ParseOptions(context, args, slot, kind, request); !error.ok()) return error;
  if (Status error = CheckRequest(context, args, kind, request); !error.ok()) return error;
  Found found;
  if (slot.Exists()) found = Search(SortedSetView::Of(slot), request);
  Arrange(request, found);
  if (request.store_at) return Store(context, args, kind, request, found);
  Reply(context.reply(), request, found);
  return Status::Ok();
}

// --- Commands: each replies with what lies inside, or with how much was stored. -----------------------------------

// GEORADIUS key longitude latitude radius unit [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC]
// [STORE key | STOREDIST key]
Status Georadius(CommandContext& context, Args args) { return Run(context, args, kRadius); }

// The same without STORE and STOREDIST.
Status GeoradiusRo(CommandContext& context, Args args) { return Run(context, args, kRadiusReadOnly); }

// GEORADIUSBYMEMBER key member radius unit, options as GEORADIUS.
Status Georadiusbymember(CommandContext& context, Args args) { return Run(context, args, kRadiusByMember); }

Status GeoradiusbymemberRo(CommandContext& context, Args args) { return Run(context, args, kRadiusByMemberReadOnly); }

// GEOSEARCH key FROMMEMBER member | FROMLONLAT longitude latitude BYRADIUS radius unit | BYBOX width height unit
// [ASC | DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]
Status Geosearch(CommandContext& context, Args args) { return Run(context, args, kSearch); }

// GEOSEARCHSTORE destination source, options as GEOSEARCH without WITH..., [STOREDIST]
Status Geosearchstore(CommandContext& context, Args args) { return Run(context, args, kSearchStore); }

constexpr CommandSpec kGeoSearchCommands[] = {
    {.name = "georadius",
     .arity = -6,
     .flags = kDenyOom | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess),
                      KeySpec::AfterKeyword("STORE", 6, 0, 1, kKeyOverwrite | kKeyUpdate | kKeyVariableFlags),
                      KeySpec::AfterKeyword("STOREDIST", 6, 0, 1, kKeyOverwrite | kKeyUpdate | kKeyVariableFlags)),
     .acl = kAclGeo,
     .handler = Georadius,
     .group = CommandGroup::kGeo,
     .doc = {.summary = "Searches places within a distance of a point.",
             .since = "3.2.0",
             .complexity = "O(N+log(M))",
             .arguments =
                 "key:key@0 longitude:double latitude:double radius:double unit:oneof(m:pure-token=M km:pure-token=KM "
                 "ft:pure-token=FT mi:pure-token=MI) [withcoord:pure-token=WITHCOORD] [withdist:pure-token=WITHDIST] "
                 "[withhash:pure-token=WITHHASH] [count-block:block(count:integer=COUNT [any:pure-token=ANY!6.2.0])] "
                 "[order:oneof(asc:pure-token=ASC desc:pure-token=DESC)] [store:oneof(storekey:key=STORE@1 "
                 "storedistkey:key=STOREDIST@2)]"}},
    {.name = "georadius_ro",
     .arity = -6,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclGeo,
     .handler = GeoradiusRo,
     .group = CommandGroup::kGeo,
     .doc = {.summary = "Searches places within a distance of a point, storing nothing.",
             .since = "3.2.10",
             .complexity = "O(N+log(M))",
             .arguments =
                 "key:key@0 longitude:double latitude:double radius:double unit:oneof(m:pure-token=M km:pure-token=KM "
                 "ft:pure-token=FT mi:pure-token=MI) [withcoord:pure-token=WITHCOORD] [withdist:pure-token=WITHDIST] "
                 "[withhash:pure-token=WITHHASH] [count-block:block(count:integer=COUNT [any:pure-token=ANY!6.2.0])] "
                 "[order:oneof(asc:pure-token=ASC desc:pure-token=DESC)]"}},
    {.name = "georadiusbymember",
     .arity = -5,
     .flags = kDenyOom | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess),
                      KeySpec::AfterKeyword("STORE", 5, 0, 1, kKeyOverwrite | kKeyUpdate | kKeyVariableFlags),
                      KeySpec::AfterKeyword("STOREDIST", 5, 0, 1, kKeyOverwrite | kKeyUpdate | kKeyVariableFlags)),
     .acl = kAclGeo,
     .handler = Georadiusbymember,
     .group = CommandGroup::kGeo,
     .doc = {.summary = "Searches places within a distance of a member.",
             .since = "3.2.0",
             .complexity = "O(N+log(M))",
             .arguments =
                 "key:key@0 member:string radius:double unit:oneof(m:pure-token=M km:pure-token=KM ft:pure-token=FT "
                 "mi:pure-token=MI) [withcoord:pure-token=WITHCOORD] [withdist:pure-token=WITHDIST] "
                 "[withhash:pure-token=WITHHASH] [count-block:block(count:integer=COUNT [any:pure-token=ANY])] "
                 "[order:oneof(asc:pure-token=ASC desc:pure-token=DESC)] [store:oneof(storekey:key=STORE@1 "
                 "storedistkey:key=STOREDIST@2)]"}},
    {.name = "georadiusbymember_ro",
     .arity = -5,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclGeo,
     .handler = GeoradiusbymemberRo,
     .group = CommandGroup::kGeo,
     .doc = {.summary = "Searches places within a distance of a member, storing nothing.",
             .since = "3.2.10",
             .complexity = "O(N+log(M))",
             .arguments =
                 "key:key@0 member:string radius:double unit:oneof(m:pure-token=M km:pure-token=KM ft:pure-token=FT "
                 "mi:pure-token=MI) [withcoord:pure-token=WITHCOORD] [withdist:pure-token=WITHDIST] "
                 "[withhash:pure-token=WITHHASH] [count-block:block(count:integer=COUNT [any:pure-token=ANY])] "
                 "[order:oneof(asc:pure-token=ASC desc:pure-token=DESC)]"}},
    {.name = "geosearch",
     .arity = -7,
     .flags = kReadOnly,
     .keys = KeySpecs(KeySpec::One(1, kKeyReadOnly | kKeyAccess)),
     .acl = kAclGeo,
     .handler = Geosearch,
     .group = CommandGroup::kGeo,
     .doc = {.summary = "Searches places within a circle or a box.",
             .since = "6.2.0",
             .complexity = "O(N+log(M))",
             .arguments =
                 "key:key@0 from:oneof(member:string=FROMMEMBER fromlonlat:block(longitude:double "
                 "latitude:double)=FROMLONLAT) by:oneof(circle:block(radius:double=BYRADIUS unit:oneof(m:pure-token=M "
                 "km:pure-token=KM ft:pure-token=FT mi:pure-token=MI)) box:block(width:double=BYBOX height:double "
                 "unit:oneof(m:pure-token=M km:pure-token=KM ft:pure-token=FT mi:pure-token=MI))) "
                 "[order:oneof(asc:pure-token=ASC desc:pure-token=DESC)] [count-block:block(count:integer=COUNT "
                 "[any:pure-token=ANY])] [withcoord:pure-token=WITHCOORD] [withdist:pure-token=WITHDIST] "
                 "[withhash:pure-token=WITHHASH]"}},
    {.name = "geosearchstore",
     .arity = -8,
     .flags = kDenyOom | kWrite,
     .keys = KeySpecs(KeySpec::One(1, kKeyOverwrite | kKeyUpdate), KeySpec::One(2, kKeyReadOnly | kKeyAccess)),
     .acl = kAclGeo,
     .handler = Geosearchstore,
     .group = CommandGroup::kGeo,
     .doc = {.summary = "Searches places within a circle or a box and stores them.",
             .since = "6.2.0",
             .complexity = "O(N+log(M))",
             .arguments =
                 "destination:key@0 source:key@1 from:oneof(member:string=FROMMEMBER fromlonlat:block(longitude:double "
                 "latitude:double)=FROMLONLAT) by:oneof(circle:block(radius:double=BYRADIUS unit:oneof(m:pure-token=M "
                 "km:pure-token=KM ft:pure-token=FT mi:pure-token=MI)) box:block(width:double=BYBOX height:double "
                 "unit:oneof(m:pure-token=M km:pure-token=KM ft:pure-token=FT mi:pure-token=MI))) "
                 "[order:oneof(asc:pure-token=ASC desc:pure-token=DESC)] [count-block:block(count:integer=COUNT "
                 "[any:pure-token=ANY])] [storedist:pure-token=STOREDIST]"}},
};

}  // namespace

std::span<const CommandSpec> GeoSearchCommands() { return kGeoSearchCommands; }

}  // namespace cachenode
