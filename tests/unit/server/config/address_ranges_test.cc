#include "server/config/address_ranges.h"

#include <gtest/gtest.h>

#include <string>

namespace cachenode {
namespace {

AddressRanges Of(std::initializer_list<std::string_view> texts) {
  AddressRanges ranges;
  for (const std::string_view text : texts) EXPECT_TRUE(ranges.Add(text)) << text;
  return ranges;
}

TEST(AddressRanges, HoldsWhatSharesThePrefix) {
  const AddressRanges ranges = Of({"10.0.0.0/8", "192.0.2.128/25", "198.51.100.7"});
  EXPECT_TRUE(ranges.ContainsPeer("10.255.1.2:4000"));
  EXPECT_FALSE(ranges.ContainsPeer("11.0.0.1:4000"));
  EXPECT_TRUE(ranges.ContainsPeer("192.0.2.128:1"));
  EXPECT_FALSE(ranges.ContainsPeer("192.0.2.127:1"));
  EXPECT_TRUE(ranges.ContainsPeer("198.51.100.7:1"));
  EXPECT_FALSE(ranges.ContainsPeer("198.51.100.6:1"));
}

TEST(AddressRanges, KnowsIpv6) {
  const AddressRanges ranges = Of({"2001:db8::/33", "fe80::/10"});
  EXPECT_TRUE(ranges.ContainsPeer("[2001:db8:7fff::1]:4000"));
  EXPECT_FALSE(ranges.ContainsPeer("[2001:db8:8000::1]:4000"));
  EXPECT_TRUE(ranges.ContainsPeer("[fe80::1%eth0]:4000"));
  EXPECT_FALSE(ranges.ContainsPeer("10.0.0.1:4000"));
}

TEST(AddressRanges, AnIpv4AddressInsideIpv6IsTheSame) {
  EXPECT_TRUE(Of({"10.0.0.0/8"}).ContainsPeer("[::ffff:10.1.2.3]:1"));
  EXPECT_TRUE(Of({"::ffff:10.0.0.0/104"}).ContainsPeer("10.1.2.3:1"));
  EXPECT_FALSE(Of({"10.0.0.0/8"}).ContainsPeer("[::10.1.2.3]:1"));
}

TEST(AddressRanges, NoBitsOrAllBits) {
  EXPECT_TRUE(Of({"0.0.0.0/0"}).ContainsPeer("203.0.113.1:1"));
  EXPECT_FALSE(Of({"0.0.0.0/0"}).ContainsPeer("[2001:db8::1]:1"));
  EXPECT_TRUE(Of({"::/0"}).ContainsPeer("203.0.113.1:1"));
  EXPECT_TRUE(Of({"10.1.2.3/8"}).ContainsPeer("10.9.9.9:1"));
}

TEST(AddressRanges, RefusesWhatIsNoRange) {
  AddressRanges ranges;
  for (const std::string_view text : {"", "/", "10.0.0.0/", "10.0.0.0/33", "10.0.0/8", "::/129", "host", "10.0.0.0/-1",
                                      "10.0.0.0/8/8", "10.0.0.0/x", " 10.0.0.0", "[::1]"}) {
    EXPECT_FALSE(ranges.Add(text)) << text;
  }
  EXPECT_TRUE(ranges.empty());
  EXPECT_FALSE(Of({"::/0"}).ContainsPeer("/a/socket"));
  EXPECT_FALSE(Of({"::/0"}).ContainsPeer("/a/socket:0"));
}

TEST(AddressRanges, HasALimit) {
  AddressRanges ranges;
  for (size_t i = 0; i < AddressRanges::kRangesMax; ++i) {
    ASSERT_TRUE(ranges.Add("10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256)));
  }
  EXPECT_FALSE(ranges.Add("10.1.0.0"));
}

}  // namespace
}  // namespace cachenode
