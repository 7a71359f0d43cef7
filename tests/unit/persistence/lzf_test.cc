#include "persistence/lzf.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace cachenode {
namespace {

void ExpectRoundTrip(const std::string& text) {
  std::string packed(text.size() + text.size() / 16 + 64, '\0');
  const size_t size = LzfCompress(text, packed);
  if (size == 0) return;  // Nothing to gain.
  std::string back(text.size(), '\0');
  ASSERT_TRUE(LzfDecompress(std::string_view(packed).substr(0, size), back));
  ASSERT_EQ(back, text);
}

TEST(Lzf, WhatIsCompressedComesBack) {
  std::mt19937_64 random(20261121);
  for (int round = 0; round < 3000; ++round) {
    const size_t size = random() % (round % 100 == 0 ? 200000 : 600);
    const unsigned letters = 1 + static_cast<unsigned>(random() % 40);
    std::string text;
    while (text.size() < size) {
      if (!text.empty() && random() % 4 == 0) {  // Repeats of every length and distance.
        const size_t from = random() % text.size();
        const std::string piece = text.substr(from, random() % 700);
        text += piece;
      } else {
        text.push_back(static_cast<char>('a' + random() % letters));
      }
    }
    ExpectRoundTrip(text);
  }
}

TEST(Lzf, GainsOnRepeatsAndNotOnNoise) {
  const std::string repeated(10000, 'x');
  std::string packed(repeated.size(), '\0');
  const size_t size = LzfCompress(repeated, packed);
  EXPECT_GT(size, 0U);
  EXPECT_LT(size, 200U);
  const std::string noise = "q8Zr2LkPw0xYb7NcVt5JhGdM3sAeUf9oKiRT1BnCyWzE6vHlQpXjSaFuD4gIm+Ol";
  EXPECT_EQ(LzfCompress(noise, std::span(packed).first(noise.size() - 4)), 0U);
}

TEST(Lzf, NeverWritesPastTheRoomItHas) {
  const std::string text = "abcabcabcabcabcabcabcabcabcabcabc and some other bytes that differ, abcabc";
  for (size_t room = 0; room < text.size(); ++room) {
    std::string into(room + 8, '#');
    const size_t size = LzfCompress(text, std::span(into).first(room));
    EXPECT_LE(size, room);
    EXPECT_EQ(into.substr(room), "########");
  }
}

TEST(Lzf, RefusesWrongLengthsAndBrokenStreams) {
  const std::string text(100, 'y');
  std::string packed(100, '\0');
  packed.resize(LzfCompress(text, packed));
  std::string longer(101, '\0');
  std::string shorter(99, '\0');
  EXPECT_FALSE(LzfDecompress(packed, longer));
  EXPECT_FALSE(LzfDecompress(packed, shorter));
  std::string back(100, '\0');
  EXPECT_FALSE(LzfDecompress(std::string_view("\xE0\xFF\xFF", 3), back));  // Points before the beginning.
}

}  // namespace
}  // namespace cachenode
