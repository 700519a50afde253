// For tests that mount: nothing is visible to other processes, and everything ends with
// the process.
#pragma once

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>

namespace tests {

// From the first such test on, the process has its own mount namespace; if it may not create
// one, the tests are skipped. A fixture that overrides SetUp() calls this one first and returns
// if IsSkipped().
class private_mounts : public testing::Test {
 protected:
  void SetUp() override {
    static const bool entered =
        ::unshare(CLONE_NEWNS) == 0 && ::mount("", "/", "", MS_REC | MS_PRIVATE, "") == 0;
    if (!entered) {
      GTEST_SKIP() << "needs a mount namespace of its own (root)";
    }
  }
};

}  // namespace tests
