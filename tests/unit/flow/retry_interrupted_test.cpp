#include "flow/system/retry_interrupted.hpp"

#include <gtest/gtest.h>

using flow::retry_interrupted;

namespace {

// Fails with `failure` for the first `times` calls.
struct failing_call {
  int failure;
  int times;
  int calls = 0;

  long operator()() {
    if (++calls <= times) {
      errno = failure;
      return -1;
    }
    return 7;
  }
};

}  // namespace

TEST(RetryInterrupted, CallIsMadeAgainUntilNoSignalInterruptsIt) {
  failing_call call{EINTR, 3};
  EXPECT_EQ(retry_interrupted([&] { return call(); }), 7);
  EXPECT_EQ(call.calls, 4);
}

TEST(RetryInterrupted, SuccessAfterAnInterruptedCallElsewhereIsNotRepeated) {
  failing_call call{0, 0};
  errno = EINTR;
  EXPECT_EQ(retry_interrupted([&] { return call(); }), 7);
  EXPECT_EQ(call.calls, 1);
}

TEST(RetryInterrupted, OtherFailuresAreTheCallers) {
  failing_call call{EAGAIN, 9};
  EXPECT_EQ(retry_interrupted([&] { return call(); }), -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_EQ(call.calls, 1);
}
