// Tests that mount: nobody else sees it, and it goes with the process.
#pragma once

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>

namespace tests {

// From the first such test on, the process has a mount namespace of its own; where it may not have
// one, the tests are skipped. A fixture that overrides SetUp() calls this one first and returns if
// IsSkipped().
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
