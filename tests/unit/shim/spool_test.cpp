#include "shim/io/spool.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

using shim::spool;

namespace {

std::string take(spool& s, std::size_t most = std::string::npos) {
  const auto front = s.front();
  EXPECT_TRUE(front);
  const auto n = std::min(front.value().size(), most);
  std::string text(front.value().data(), n);
  s.pop(n);
  return text;
}

std::string drain(spool& s) {
  std::string all;
  while (!s.empty()) {
    all += take(s);
  }
  return all;
}

}  // namespace

TEST(Spool, GivesBackWhatItWasGiven) {
  spool s;
  EXPECT_TRUE(s.empty());
  ASSERT_TRUE(s.push(std::string("hello ")));
  ASSERT_TRUE(s.push(std::string("world")));
  EXPECT_EQ(s.size(), 11U);
  EXPECT_EQ(drain(s), "hello world");
  EXPECT_TRUE(s.empty());
}

TEST(Spool, DirectReadAndLaterPushKeepTheirOrder) {
  spool s;
  const auto space = s.prepare();
  EXPECT_EQ(space.size(), spool::buffer_size);
  std::fill_n(space.begin(), 10, 'a');
  s.commit(10);
  ASSERT_TRUE(s.push(std::string("bbb")));
  EXPECT_EQ(drain(s), "aaaaaaaaaabbb");
}

TEST(Spool, ClearForgetsAll) {
  spool s;
  ASSERT_TRUE(s.push(std::string(200000, 'x')));
  s.clear();
  EXPECT_TRUE(s.empty());
  ASSERT_TRUE(s.push(std::string("new")));
  EXPECT_EQ(drain(s), "new");
}

TEST(Spool, RandomPushesAndPopsKeepOrderAndSize) {
  std::mt19937 random(20261122);
  for (int round = 0; round < 5; ++round) {
    spool s;
    std::string expected;
    std::string got;
    for (int step = 0; step < 200; ++step) {
      if (random() % 3 != 0) {
        std::string data(random() % 100000, '\0');
        std::generate(data.begin(), data.end(), [&] { return static_cast<char>(random()); });
        ASSERT_TRUE(s.push(data));
        expected += data;
      } else if (!s.empty()) {
        got += take(s, 1 + random() % 150000);
      }
      ASSERT_EQ(s.size(), expected.size() - got.size());
    }
    got += drain(s);
    ASSERT_TRUE(got == expected) << "round " << round;
  }
}
