#include "flow/system/number.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

using flow::parse_number;

TEST(Number, EveryNumberOfTheTypeIsRead) {
  EXPECT_EQ(parse_number<int>("0"), 0);
  EXPECT_EQ(parse_number<int>("-2147483648"), std::numeric_limits<int>::min());
  EXPECT_EQ(parse_number<std::uint32_t>("4294967295"), 4294967295U);
  EXPECT_EQ(parse_number<std::uint64_t>("18446744073709551615"),
            std::numeric_limits<std::uint64_t>::max());
}

TEST(Number, OneThatTheTypeDoesNotHoldIsNone) {
  EXPECT_FALSE(parse_number<std::uint32_t>("4294967296"));
  EXPECT_FALSE(parse_number<std::uint32_t>("-1"));
  EXPECT_FALSE(parse_number<int>("2147483648"));
}

TEST(Number, BothLimitsBelongToTheRange) {
  EXPECT_FALSE(parse_number<int>("2", 3, 5));
  EXPECT_EQ(parse_number<int>("3", 3, 5), 3);
  EXPECT_EQ(parse_number<int>("5", 3, 5), 5);
  EXPECT_FALSE(parse_number<int>("6", 3, 5));
}

TEST(Number, TextThatIsMoreOrLessThanANumberIsNone) {
  for (const auto* text : {"", "-", "x", "1x", "1 ", " 1", "1\n", "+1", "0x1", "1.0"}) {
    EXPECT_FALSE(parse_number<int>(text)) << '"' << text << '"';
  }
}

TEST(Number, MayBeWrittenInAnotherBase) {
  EXPECT_EQ(parse_number<unsigned>("0755", 0, 0777, 8), 0755U);
  EXPECT_FALSE(parse_number<unsigned>("1000", 0, 0777, 8));
  EXPECT_FALSE(parse_number<unsigned>("8", 0, 0777, 8));
}
