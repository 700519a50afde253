#include "agent/session/clock.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <ctime>
#include <limits>

namespace {

std::int64_t now() {
  return std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

// Nothing here sets the clock of the machine that runs the tests.

TEST(Clock, OneThatIsNearlyRightIsLeftAlone) {
  timespec before{};
  ::clock_gettime(CLOCK_MONOTONIC, &before);
  const auto wall = now() + 1'000'000;
  const auto offset = agent::set_wall_clock(wall);
  timespec after{};
  ::clock_gettime(CLOCK_MONOTONIC, &after);
  ASSERT_TRUE(offset) << offset.error().message();
  const auto took = (after.tv_sec - before.tv_sec) * 1'000'000'000 + after.tv_nsec - before.tv_nsec;
  EXPECT_GE(offset.value(), -1'000'000);
  EXPECT_LE(offset.value(), -1'000'000 + took) << "the clock was behind";
}

TEST(Clock, ATimeBeforeTheEpochOrNoneIsRefused) {
  for (const std::int64_t wall :
       {std::int64_t{0}, std::int64_t{-1}, std::numeric_limits<std::int64_t>::min()}) {
    const auto set = agent::set_wall_clock(wall);
    ASSERT_FALSE(set);
    EXPECT_EQ(set.error().code(), flow::errc::invalid_argument);
  }
}

TEST(Clock, TimeSinceBootIsTheKernels) {
  timespec t{};
  ::clock_gettime(CLOCK_BOOTTIME, &t);
  const auto before = static_cast<std::uint32_t>(t.tv_sec * 1000 + t.tv_nsec / 1'000'000);
  const auto told = agent::milliseconds_since_boot();
  ::clock_gettime(CLOCK_BOOTTIME, &t);
  EXPECT_GE(told, before);
  EXPECT_LE(told, static_cast<std::uint32_t>(t.tv_sec * 1000 + t.tv_nsec / 1'000'000));
}
