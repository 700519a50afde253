#include "shim/support/timestamp.hpp"

#include <gtest/gtest.h>

#include <limits>

TEST(Timestamp, SecondsAndNanosecondsAreToldApart) {
  const auto t = shim::timestamp_at(1'700'000'000'123'456'789);
  EXPECT_EQ(t.seconds(), 1'700'000'000);
  EXPECT_EQ(t.nanos(), 123'456'789);
}

TEST(Timestamp, NanosecondsAreNeverNegative) {
  // A guest says when a process exited, and may say anything.
  const auto before = shim::timestamp_at(-1);
  EXPECT_EQ(before.seconds(), -1);
  EXPECT_EQ(before.nanos(), 999'999'999);
  const auto first = shim::timestamp_at(std::numeric_limits<std::int64_t>::min());
  EXPECT_GE(first.nanos(), 0);
  EXPECT_LT(first.nanos(), 1'000'000'000);
}

TEST(Timestamp, NeverIsGosZeroTime) {
  EXPECT_EQ(shim::timestamp_never().seconds(), -62135596800);
  EXPECT_EQ(shim::timestamp_never().nanos(), 0);
}

TEST(Timestamp, NowIsAfterThisWasWritten) {
  EXPECT_GT(shim::timestamp_now().seconds(), 1'600'000'000);
}
