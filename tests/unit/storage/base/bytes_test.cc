#include "storage/base/bytes.h"

#include <gtest/gtest.h>

#include <string>

namespace cachenode {
namespace {

TEST(Bytes, FoldsAsciiOnly) {
  EXPECT_TRUE(EqualsIgnoreCase("GeT", "gEt"));
  EXPECT_FALSE(EqualsIgnoreCase("GET", "GETS"));
  EXPECT_FALSE(EqualsIgnoreCase("@", "`"));
  EXPECT_FALSE(EqualsIgnoreCase("[", "{"));
  EXPECT_FALSE(EqualsIgnoreCase("\xc4", "\xe4"));
  EXPECT_TRUE(StartsWithIgnoreCase("CONFIG|get", "config|"));
  EXPECT_FALSE(StartsWithIgnoreCase("con", "config"));
  EXPECT_EQ(LowerCased("AbZ[\xc4"), "abz[\xc4");
  EXPECT_EQ(UpperCased("aBz{"), "ABZ{");
  EXPECT_EQ(HexDigitValue('F'), 15);
  EXPECT_EQ(HexDigitValue('g'), -1);
}

TEST(Bytes, LoadsAndStoresBothOrders) {
  char bytes[9] = {};
  StoreLittleEndian(bytes + 1, uint32_t{0x01020304});
  EXPECT_EQ(std::string(bytes + 1, 4), "\x04\x03\x02\x01");
  EXPECT_EQ(LoadLittleEndian<uint32_t>(bytes + 1), 0x01020304U);
  EXPECT_EQ(LoadBigEndian<uint32_t>(bytes + 1), 0x04030201U);
  StoreBigEndian(bytes + 1, uint64_t{0x0102030405060708});
  EXPECT_EQ(std::string(bytes + 1, 8), "\x01\x02\x03\x04\x05\x06\x07\x08");
  EXPECT_EQ(LoadBigEndian<uint64_t>(bytes + 1), 0x0102030405060708U);
  EXPECT_EQ(LoadBigEndian<uint8_t>(bytes + 2), 2U);
  EXPECT_EQ(LoadBigEndian<uint16_t>(bytes + 2), 0x0203U);
}

TEST(Bytes, CopiesExactlyTheAskedBytes) {
  for (size_t size = 0; size <= 100; ++size) {
    // Heap strings of the exact size, so that a sanitizer sees any byte too many.
    std::string from(size, ' ');
    for (size_t i = 0; i < size; ++i) from[i] = static_cast<char>('A' + i % 50);
    std::string to(size + 2, '.');
    CopyShort(to.data() + 1, from.data(), size);
    EXPECT_EQ(to, "." + from + ".");
  }
}

}  // namespace
}  // namespace cachenode
