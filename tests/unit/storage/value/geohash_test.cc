#include "storage/value/geohash.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "storage/base/random.h"

namespace cachenode {
namespace {

constexpr GeoPoint kPalermo{13.361389, 38.115556};
constexpr GeoPoint kCatania{15.087269, 37.502669};

double UnitBetween(Random& random, double min, double max) { return min + random.Unit() * (max - min); }

TEST(Geohash, ScoresInterleaveBothCoordinates) {
  EXPECT_EQ(GeoScoreOf(kPalermo), 3479099956230698U);
  EXPECT_EQ(GeoScoreOf(kCatania), 3479447370796909U);
  EXPECT_EQ(GeoScoreOf({-kGeoLongitudeMax, -kGeoLatitudeMax}), 0U);
}

TEST(Geohash, DecodingComesBackIntoTheSameCell) {
  Random random(1);
  for (int i = 0; i < 2000; ++i) {
    const GeoPoint point{UnitBetween(random, -179.99, 179.99), UnitBetween(random, -85, 85)};
    const uint64_t score = GeoScoreOf(point);
    const GeoPoint back = GeoPointOf(static_cast<double>(score));
    ASSERT_NEAR(back.longitude, point.longitude, 360.0 / (1 << 26));
    ASSERT_NEAR(back.latitude, point.latitude, 171.0 / (1 << 26));
    ASSERT_EQ(GeoScoreOf(back), score);
  }
}

TEST(Geohash, AnyScoreIsSomewhereOnTheMap) {
  for (const double score : {-1.0, 0.0, 0.5, 0x1p52, 0x1p63, 0x1p64, 1e300, -1e300,
                             std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()}) {
    EXPECT_TRUE(GeoPointOf(score).IsOnMap()) << score;
  }
}

TEST(Geohash, TextIsTheCommonForm) {
  const GeohashText text = GeohashTextOf(GeoPointOf(3479099956230698.0));
  EXPECT_EQ(std::string(text.data(), text.size()), "sqc8b49rny0");
}

TEST(Geohash, DistanceFollowsTheGreatCircle) {
  EXPECT_NEAR(GeoDistance(kPalermo, kCatania), 166274.15, 0.5);
  EXPECT_EQ(GeoDistance(kPalermo, kPalermo), 0.0);
  EXPECT_NEAR(GeoDistance({0, 0}, {180, 0}), 6372797.560856 * std::acos(-1.0), 1e-3);
  EXPECT_NEAR(GeoDistance({10, 0}, {10, 1}), GeoDistance({10.0000001, 0}, {10, 1}), 1e-3);
}

bool IsCovered(const GeoCover& cover, uint64_t score) {
  for (size_t i = 0; i < cover.count; ++i) {
    if (score >= cover.spans[i].first && score < cover.spans[i].end) return true;
  }
  return false;
}

// Away from the poles and the date line, where the map has no edges.
TEST(Geohash, CellsHoldAllOfTheShape) {
  Random random(2);
  int inside = 0;
  for (int round = 0; round < 400; ++round) {
    GeoShape shape;
    shape.center = {UnitBetween(random, -90, 90), UnitBetween(random, -60, 60)};
    shape.is_box = random.Below(2) == 0;
    shape.unit_m = 1000;
    shape.radius = std::pow(10, UnitBetween(random, -2, 3));
    shape.width = shape.radius * 2;
    shape.height = shape.radius * UnitBetween(random, 0.1, 2);
    const GeoCover cover = CoverShape(shape);
    ASSERT_GE(cover.count, 1U);
    const double reach_degrees = shape.radius / 111 * 1.5;
    for (int i = 0; i < 100; ++i) {
      const GeoPoint near{shape.center.longitude + UnitBetween(random, -2, 2) * reach_degrees,
                          shape.center.latitude + UnitBetween(random, -1, 1) * reach_degrees};
      if (!near.IsOnMap()) continue;
      const uint64_t score = GeoScoreOf(near);
      if (!DistanceInside(shape, GeoPointOf(static_cast<double>(score)))) continue;
      ++inside;
      ASSERT_TRUE(IsCovered(cover, score)) << near.longitude << ' ' << near.latitude;
    }
  }
  EXPECT_GT(inside, 5000);
}

TEST(Geohash, BoxesAreMeasuredAlongTheirSides) {
  GeoShape shape;
  shape.center = {10, 40};
  shape.is_box = true;
  shape.width = 20'000;
  shape.height = 2'000;
  EXPECT_TRUE(DistanceInside(shape, {10.1, 40}));
  EXPECT_FALSE(DistanceInside(shape, {10.2, 40}));
  EXPECT_TRUE(DistanceInside(shape, {10, 40.008}));
  EXPECT_FALSE(DistanceInside(shape, {10, 40.01}));
}

}  // namespace
}  // namespace cachenode
