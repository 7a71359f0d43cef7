#include "storage/value/geohash.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string_view>

namespace cachenode {
namespace {

constexpr unsigned kStepsMax = 26;
constexpr unsigned kScoreBits = 2 * kStepsMax;
constexpr double kEarthRadiusM = 6372797.560856;
constexpr double kHalfMapM = 20037726.37;  // Beyond this, one cell a side is all there is.
constexpr double kRadiansPerDegree = std::numbers::pi / 180.0;

constexpr uint64_t kLatitudeBits = 0x5555555555555555;
constexpr uint64_t kLongitudeBits = 0xaaaaaaaaaaaaaaaa;

double Radians(double degrees) noexcept { return degrees * kRadiansPerDegree; }
double Degrees(double radians) noexcept { return radians / kRadiansPerDegree; }

// Moves bit i of the low half to bit 2i.
uint64_t Spread(uint32_t value) noexcept {
  uint64_t bits = value;
  bits = (bits | bits << 16) & 0x0000FFFF0000FFFF;
  bits = (bits | bits << 8) & 0x00FF00FF00FF00FF;
  bits = (bits | bits << 4) & 0x0F0F0F0F0F0F0F0F;
  bits = (bits | bits << 2) & 0x3333333333333333;
  return (bits | bits << 1) & kLatitudeBits;
}

// Undoes Spread.
uint32_t Gather(uint64_t bits) noexcept {
  bits &= kLatitudeBits;
  bits = (bits | bits >> 1) & 0x3333333333333333;
  bits = (bits | bits >> 2) & 0x0F0F0F0F0F0F0F0F;
  bits = (bits | bits >> 4) & 0x00FF00FF00FF00FF;
  bits = (bits | bits >> 8) & 0x0000FFFF0000FFFF;
  return static_cast<uint32_t>(bits | bits >> 16);
}

// A square of the map cut 2^steps times each way.
struct Cell {
  uint64_t bits = 0;
  unsigned steps = 0;
  bool operator==(const Cell&) const = default;
};

struct Area {
  GeoPoint min;
  GeoPoint max;
};

Cell CellOf(GeoPoint point, unsigned steps, double latitude_max) noexcept {
  const double cells = static_cast<double>(uint64_t{1} << steps);
  const double latitude = (point.latitude + latitude_max) / (2 * latitude_max) * cells;
  const double longitude = (point.longitude + kGeoLongitudeMax) / (2 * kGeoLongitudeMax) * cells;
  return {Spread(static_cast<uint32_t>(latitude)) | Spread(static_cast<uint32_t>(longitude)) << 1, steps};
}

// Where cell `index` of a side begins.
double Edge(double max, uint32_t index, unsigned steps) noexcept {
  return -max + index * 1.0 / static_cast<double>(uint64_t{1} << steps) * (2 * max);
}

Area AreaOf(Cell cell) noexcept {
  const uint32_t latitude = Gather(cell.bits);
  const uint32_t longitude = Gather(cell.bits >> 1);
  return {{Edge(kGeoLongitudeMax, longitude, cell.steps), Edge(kGeoLatitudeMax, latitude, cell.steps)},
          {Edge(kGeoLongitudeMax, longitude + 1, cell.steps), Edge(kGeoLatitudeMax, latitude + 1, cell.steps)}};
}

// The score's bits, whatever the score.
uint64_t BitsOf(double score) noexcept {
  if (score >= -0x1p63 && score < 0x1p63) return static_cast<uint64_t>(static_cast<int64_t>(score));
  return score > 0 && score < 0x1p64 ? static_cast<uint64_t>(score) : 0;
}

// The coordinates whose bits are `mine`, moved by one cell; they wrap around.
uint64_t MoveAlong(Cell cell, uint64_t mine, int direction) noexcept {
  if (direction == 0) return cell.bits;
  const unsigned unused_bits = 64 - 2 * cell.steps;
  const uint64_t others = ~mine >> unused_bits;  // Set in between, they carry from one bit to the next.
  uint64_t moved = cell.bits & mine;
  moved = direction > 0 ? moved + (others + 1) : (moved | others) - (others + 1);
  return (moved & mine >> unused_bits) | (cell.bits & ~mine);
}

Cell Neighbor(Cell cell, int east, int north) noexcept {
  cell.bits = MoveAlong(cell, kLongitudeBits, east);
  cell.bits = MoveAlong(cell, kLatitudeBits, north);
  return cell;
}

// How often the map is cut so that a cell and its neighbours hold a circle of this radius.
unsigned StepsFor(double radius_m, double latitude) noexcept {
  if (radius_m == 0) return kStepsMax;
  int steps = 1;
  for (; radius_m < kHalfMapM; radius_m *= 2) ++steps;
  steps -= 2;
  // Meridians come closer towards the poles.
  const double distance_to_equator = std::fabs(latitude);
  if (distance_to_equator > 66) --steps;
  if (distance_to_equator > 80) --steps;
  return static_cast<unsigned>(std::clamp(steps, 1, static_cast<int>(kStepsMax)));
}

// The smallest box that holds the shape.
Area BoundsOf(const GeoShape& shape) noexcept {
  const GeoPoint& center = shape.center;
  const double height = shape.unit_m * (shape.is_box ? shape.height / 2 : shape.radius);
  const double width = shape.unit_m * (shape.is_box ? shape.width / 2 : shape.radius);
  const double latitude_delta = Degrees(height / kEarthRadiusM);
  // The edge nearer to the pole spans more degrees.
  const double polar_latitude =
      center.latitude < 0 ? center.latitude - latitude_delta : center.latitude + latitude_delta;
  const double longitude_delta = Degrees(width / kEarthRadiusM / std::cos(Radians(polar_latitude)));
  return {{center.longitude - longitude_delta, center.latitude - latitude_delta},
          {center.longitude + longitude_delta, center.latitude + latitude_delta}};
}

double ReachOf(const GeoShape& shape) noexcept {
  if (!shape.is_box) return shape.radius * shape.unit_m;
  const double x = shape.width / 2;
  const double y = shape.height / 2;
  return std::sqrt(x * x + y * y) * shape.unit_m;
}

// Whether the cells around `cell` end before the box does.
bool IsTooSmall(Cell cell, const Area& bounds) noexcept {
  return AreaOf(Neighbor(cell, 0, 1)).max.latitude < bounds.max.latitude ||
         AreaOf(Neighbor(cell, 0, -1)).min.latitude > bounds.min.latitude ||
         AreaOf(Neighbor(cell, 1, 0)).max.longitude < bounds.max.longitude ||
         AreaOf(Neighbor(cell, -1, 0)).min.longitude > bounds.min.longitude;
}

// Along a meridian.
double LatitudeDistance(double a, double b) noexcept { return kEarthRadiusM * std::fabs(Radians(b) - Radians(a)); }

}  // namespace

uint64_t GeoScoreOf(GeoPoint point) noexcept { return CellOf(point, kStepsMax, kGeoLatitudeMax).bits; }

GeoPoint GeoPointOf(double score) noexcept {
  const Area area = AreaOf({BitsOf(score), kStepsMax});
  return {std::clamp((area.min.longitude + area.max.longitude) / 2, -kGeoLongitudeMax, kGeoLongitudeMax),
          std::clamp((area.min.latitude + area.max.latitude) / 2, -kGeoLatitudeMax, kGeoLatitudeMax)};
}

GeohashText GeohashTextOf(GeoPoint point) noexcept {
  constexpr std::string_view kAlphabet = "0123456789bcdefghjkmnpqrstuvwxyz";
  // The common form divides all of the globe.
  const uint64_t bits = CellOf(point, kStepsMax, 90).bits;
  GeohashText text;
  text.back() = kAlphabet[0];
  for (unsigned i = 0; i + 1 < text.size(); ++i) text[i] = kAlphabet[bits >> (kScoreBits - 5 * (i + 1)) & 31];
  return text;
}

double GeoDistance(GeoPoint a, GeoPoint b) noexcept {
  const double v = std::sin((Radians(b.longitude) - Radians(a.longitude)) / 2);
  if (v == 0.0) return LatitudeDistance(a.latitude, b.latitude);
  const double a_latitude = Radians(a.latitude);
  const double b_latitude = Radians(b.latitude);
  const double u = std::sin((b_latitude - a_latitude) / 2);
  const double haversine = u * u + std::cos(a_latitude) * std::cos(b_latitude) * v * v;
  return 2.0 * kEarthRadiusM * std::asin(std::sqrt(haversine));
}

std::optional<double> DistanceInside(const GeoShape& shape, GeoPoint point) noexcept {
  if (!shape.is_box) {
    const double distance = GeoDistance(shape.center, point);
    if (distance > shape.radius * shape.unit_m) return std::nullopt;
    return distance;
  }
  if (LatitudeDistance(point.latitude, shape.center.latitude) > shape.height * shape.unit_m / 2) return std::nullopt;
  const GeoPoint beside{shape.center.longitude, point.latitude};
  if (GeoDistance(point, beside) > shape.width * shape.unit_m / 2) return std::nullopt;
  return GeoDistance(shape.center, point);
}

GeoCover CoverShape(const GeoShape& shape) noexcept {
  const Area bounds = BoundsOf(shape);
  Cell center = CellOf(shape.center, StepsFor(ReachOf(shape), shape.center.latitude), kGeoLatitudeMax);
  if (center.steps > 1 && IsTooSmall(center, bounds)) center = CellOf(shape.center, center.steps - 1, kGeoLatitudeMax);

  const Area area = AreaOf(center);
  const bool prunes = center.steps >= 2;  // Coarser cells surround the earth.
  const bool reaches_south = !prunes || !(area.min.latitude < bounds.min.latitude);
  const bool reaches_north = !prunes || !(area.max.latitude > bounds.max.latitude);
  const bool reaches_west = !prunes || !(area.min.longitude < bounds.min.longitude);
  const bool reaches_east = !prunes || !(area.max.longitude > bounds.max.longitude);

  constexpr std::array<std::array<int, 2>, kGeoSpansMax> kMoves = {
      {{0, 0}, {0, 1}, {0, -1}, {1, 0}, {-1, 0}, {1, 1}, {-1, 1}, {1, -1}, {-1, -1}}};
  const unsigned unused_bits = kScoreBits - 2 * center.steps;
  GeoCover cover;
  Cell last;
  for (const auto& [east, north] : kMoves) {
    if ((east > 0 && !reaches_east) || (east < 0 && !reaches_west)) continue;
    if ((north > 0 && !reaches_north) || (north < 0 && !reaches_south)) continue;
    const Cell cell = Neighbor(center, east, north);
    // Around a coarse cell the same one comes again from the other side.
    if (cell == last) continue;
    if (east != 0 || north != 0) last = cell;
    cover.spans[cover.count++] = {cell.bits << unused_bits, (cell.bits + 1) << unused_bits};
  }
  return cover;
}

}  // namespace cachenode
