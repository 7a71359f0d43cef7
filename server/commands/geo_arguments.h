// Arguments that several geo commands share: coordinates, distances, units; and places of members.
//
// Thread-safety: pure functions, FindPlace under the key's shard lock.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/key_spec.h"
#include "storage/base/result.h"
#include "storage/value/geohash.h"
#include "storage/value/sorted_set_value.h"

namespace cachenode {

// Longitude and latitude, args[at] and args[at + 1]. Errors: kNotFloat, or a text naming the pair that is not on the
// map.
[[nodiscard]] Result<GeoPoint> ParseGeoPoint(Args args, size_t at);
// Metres of "m", "km", "ft" or "mi".
[[nodiscard]] Result<double> ParseGeoUnit(std::string_view text);
// Radius and unit from args[at] on.
[[nodiscard]] Status ParseGeoRadius(Args args, size_t at, GeoShape& shape);
// Width, height and unit from args[at] on.
[[nodiscard]] Status ParseGeoBox(Args args, size_t at, GeoShape& shape);

// Where a member is; nothing without such a member.
[[nodiscard]] std::optional<GeoPoint> FindPlace(const SortedSetView& set, std::string_view member);

// A distance with four decimals. 19 digits, a point and a sign.
[[nodiscard]] std::string GeoDistanceText(double distance);

}  // namespace cachenode
