#include "server/commands/geo_arguments.h"

#include <cmath>

#include "storage/base/bytes.h"
#include "storage/base/numbers.h"

namespace cachenode {

Result<GeoPoint> ParseGeoPoint(Args args, size_t at) {
  GeoPoint point;
  if (!TryParseDouble(args[at], point.longitude) || !TryParseDouble(args[at + 1], point.latitude))
    return Err::kNotFloat;
  if (point.IsOnMap()) return point;
  std::string text("ERR invalid longitude,latitude pair ");
  AppendFixed(text, point.longitude, 6);
  text += ',';
  AppendFixed(text, point.latitude, 6);
  return Status::Text(std::move(text));
}

Result<double> ParseGeoUnit(std::string_view text) {
  if (EqualsIgnoreCase(text, "m")) return 1.0;
  if (EqualsIgnoreCase(text, "km")) return 1000.0;
  if (EqualsIgnoreCase(text, "ft")) return 0.3048;
  if (EqualsIgnoreCase(text, "mi")) return 1609.34;
  return Status::Text("ERR unsupported unit provided. please use M, KM, FT, MI");
}

Status ParseGeoRadius(Args args, size_t at, GeoShape& shape) {
  shape.is_box = false;
  if (!TryParseDouble(args[at], shape.radius)) return Status::Text("ERR need numeric radius");
  if (shape.radius < 0) return Status::Text("ERR radius cannot be negative");
  Result<double> unit = ParseGeoUnit(args[at + 1]);
  if (!unit) return unit.error();
  shape.unit_m = *unit;
  return Status::Ok();
}

Status ParseGeoBox(Args args, size_t at, GeoShape& shape) {
  shape.is_box = true;
  if (!TryParseDouble(args[at], shape.width)) return Status::Text("ERR need numeric width");
  if (!TryParseDouble(args[at + 1], shape.height)) return Status::Text("ERR need numeric height");
  if (shape.width < 0 || shape.height < 0) return Status::Text("ERR height or width cannot be negative");
  Result<double> unit = ParseGeoUnit(args[at + 2]);
  if (!unit) return unit.error();
  shape.unit_m = *unit;
  return Status::Ok();
}

std::optional<GeoPoint> FindPlace(const SortedSetView& set, std::string_view member) {
  const std::optional<double> score = set.Score(member);
  if (!score) return std::nullopt;
  return GeoPointOf(*score);
}

// Rounded half to even after scaling, as Redis does: printf would look at the exact binary value.
std::string GeoDistanceText(double distance) {
  constexpr int64_t kScale = 10'000;
  const double scaled = distance * static_cast<double>(kScale);
  const int64_t rounded = std::fabs(scaled) < 0x1p63 ? std::llrint(scaled) : INT64_MIN;
  const uint64_t magnitude =
      rounded < 0 ? uint64_t{0} - static_cast<uint64_t>(rounded) : static_cast<uint64_t>(rounded);
  std::string text(rounded < 0 ? "-" : "");
  AppendUint64(text, magnitude / kScale);
  text += '.';
  std::string decimals;
  AppendUint64(decimals, magnitude % kScale);
  text.append(4 - decimals.size(), '0').append(decimals);
  return text;
}

}  // namespace cachenode
