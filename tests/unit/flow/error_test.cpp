#include "flow/error.hpp"

#include <gtest/gtest.h>

using flow::errc;
using flow::error;

TEST(FlowError, MessageIsContextThenCode) {
  const error e = error(errc::timed_out, "read header").in("dial").in("start task");
  EXPECT_EQ(e.message(), "start task: dial: read header: timed out");
  EXPECT_EQ(e.code(), errc::timed_out);
}

TEST(FlowError, WithoutContextSaysOnlyTheCode) {
  EXPECT_EQ(error(errc::protocol).message(), "protocol error");
  EXPECT_EQ(error(errc::protocol).in("read").message(), "read: protocol error");
}

TEST(FlowError, SystemErrorKeepsErrno) {
  const error e = flow::system_error(ENOENT, "open /nonexistent");
  EXPECT_EQ(e.code().value(), ENOENT);
  EXPECT_EQ(e.message(), "open /nonexistent: No such file or directory");
}

TEST(FlowError, ResultCarriesEither) {
  const flow::result<int> good = 3;
  const flow::result<int> bad = error(errc::closed, "write");
  EXPECT_EQ(good.value(), 3);
  EXPECT_EQ(bad.error().message(), "write: stream closed for writing");
  EXPECT_THROW(static_cast<void>(bad.value()), std::runtime_error);
}

TEST(FlowError, EveryCodeHasAText) {
  for (int i = 1; i <= static_cast<int>(errc::unavailable); ++i) {
    EXPECT_NE(flow::error_category().message(i), "unknown error") << i;
  }
}
