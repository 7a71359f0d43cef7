// Places on the earth as scores of sorted sets, and what a search around a place has to look at.
//
// A score is 52 bits: 26 of the longitude (odd bits) and 26 of the latitude (even bits) interleaved, so that a cell of
// any size is one span of scores. Decoding gives the middle of the smallest cell.
// All arithmetic follows the order of operations that Redis uses: coordinates and distances are compared as text.
// Source: facts in the reference's semantics (radius, ranges, steps); Niemeyer's geohash for the text form.
// Thread-safety: pure functions. None allocates.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace cachenode {

inline constexpr double kGeoLongitudeMax = 180;
// Where the square map of the Mercator projection ends.
inline constexpr double kGeoLatitudeMax = 85.05112878;

// Degrees.
struct GeoPoint {
  double longitude = 0;
  double latitude = 0;
  [[nodiscard]] bool IsOnMap() const noexcept {
    return longitude >= -kGeoLongitudeMax && longitude <= kGeoLongitudeMax && latitude >= -kGeoLatitudeMax &&
           latitude <= kGeoLatitudeMax;
  }
};

// Requires IsOnMap().
[[nodiscard]] uint64_t GeoScoreOf(GeoPoint point) noexcept;
// Any score: what is none of ours lands somewhere on the map.
[[nodiscard]] GeoPoint GeoPointOf(double score) noexcept;

// The well-known text form of a place: base 32, eleven characters of which the last is always '0'.
using GeohashText = std::array<char, 11>;
[[nodiscard]] GeohashText GeohashTextOf(GeoPoint point) noexcept;

// Metres along a great circle.
[[nodiscard]] double GeoDistance(GeoPoint a, GeoPoint b) noexcept;

// A circle, or a box whose sides follow the map's.
struct GeoShape {
  GeoPoint center;
  bool is_box = false;
  double radius = 0;  // Of the circle; it and the sides in units of `unit_m` metres.
  double width = 0;
  double height = 0;
  double unit_m = 1;
};

// Metres from the centre to `point`; nothing when it is outside.
[[nodiscard]] std::optional<double> DistanceInside(const GeoShape& shape, GeoPoint point) noexcept;

// The scores of one cell: [first, end).
struct GeoScoreSpan {
  uint64_t first;
  uint64_t end;
};
inline constexpr size_t kGeoSpansMax = 9;
struct GeoCover {
  std::array<GeoScoreSpan, kGeoSpansMax> spans;
  size_t count = 0;
};
// Cells that together hold all of the shape: the one of its centre, then those around it that it can reach, in the
// order north, south, east, west, north-east, north-west, south-east, south-west.
[[nodiscard]] GeoCover CoverShape(const GeoShape& shape) noexcept;

}  // namespace cachenode
