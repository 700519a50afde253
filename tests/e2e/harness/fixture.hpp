// A test on the real containerd; it must leave the machine as it found it.
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

  // Removes everything the test did not remove, then checks that nothing is left.
  void TearDown() override;

  // A unique id for the test's container.
  const std::string& id() const { return id_; }

  // A directory for the test, removed with it.
  const std::filesystem::path& scratch() const { return scratch_; }

  // The log of containerd and our shims since the test began.
  std::string log() const { return private_containerd::log_since(log_position_); }

 private:
  std::string id_;
  std::filesystem::path scratch_;
  std::set<std::string> before_;
  std::size_t log_position_ = 0;
};

}  // namespace e2e
