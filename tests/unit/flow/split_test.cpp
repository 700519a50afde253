#include "flow/system/split.hpp"

#include <gtest/gtest.h>

using flow::split_front;

TEST(Split, WhatIsBeforeTheSeparatorComesOffTheFront) {
  std::string_view text = "a b  c";
  EXPECT_EQ(split_front(text, ' '), "a");
  EXPECT_EQ(split_front(text, ' '), "b");
  EXPECT_EQ(split_front(text, ' '), "");
  EXPECT_EQ(text, "c");
}

TEST(Split, WithoutSeparatorItIsAll) {
  std::string_view text = "all";
  EXPECT_EQ(split_front(text, ':'), "all");
  EXPECT_EQ(text, "");
  EXPECT_EQ(split_front(text, ':'), "");
}

TEST(Split, TextThatEndsWithTheSeparatorLeavesNothing) {
  std::string_view text = "one\n";
  EXPECT_EQ(split_front(text, '\n'), "one");
  EXPECT_TRUE(text.empty());
}
