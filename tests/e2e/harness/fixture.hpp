// A test on the real containerd that must leave the machine as it found it.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>

#include "tests/e2e/harness/command.hpp"
#include "tests/e2e/harness/containerd.hpp"
#include "tests/e2e/harness/machine_state.hpp"

namespace e2e {

class ContainerdTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { private_containerd::up(); }

  void SetUp() override;

  // Removes what the test did not remove, then demands that nothing is left of it.
  void TearDown() override;

  // A name of its own for the test's container.
  const std::string& id() const { return id_; }

  // A directory of the test's own, removed with it.
  const std::filesystem::path& scratch() const { return scratch_; }

  // What containerd and our shims have logged since the test began.
  std::string log() const { return private_containerd::log_since(log_position_); }

 private:
  std::string id_;
  std::filesystem::path scratch_;
  std::set<std::string> before_;
  std::size_t log_position_ = 0;
};

}  // namespace e2e
