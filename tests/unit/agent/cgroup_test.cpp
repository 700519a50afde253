#include "agent/container/cgroup.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "flow/system/file.hpp"
#include "tests/support/temporary_directory.hpp"

using tests::temporary_directory;
using pids = std::vector<pid_t>;

namespace {

struct cgroup {
  void add(const std::string& below, const std::string& processes) const {
    const auto path = directory / below;
    std::filesystem::create_directories(path);
    EXPECT_TRUE(flow::write_file(path + "/cgroup.procs", processes));
  }

  pids processes() const {
    auto found = agent::cgroup_processes(directory / ".");
    EXPECT_TRUE(found);
    std::sort(found->begin(), found->end());
    return found.value();
  }

  temporary_directory directory;
};

}  // namespace

TEST(Cgroup, ListsItsProcesses) {
  const cgroup c;
  c.add(".", "12\n345\n6\n");
  EXPECT_EQ(c.processes(), (pids{6, 12, 345}));
}

TEST(Cgroup, ListsThoseBelowItHoweverDeep) {
  const cgroup c;
  c.add(".", "1\n");
  c.add("a", "2\n");
  c.add("a/b/c", "3\n4\n");
  c.add("d", "");
  EXPECT_EQ(c.processes(), (pids{1, 2, 3, 4}));
}

TEST(Cgroup, MayBeEmpty) {
  const cgroup c;
  c.add(".", "");
  EXPECT_EQ(c.processes(), pids{});
}

TEST(Cgroup, OneBelowItThatIsGoingAwayHidesNoOther) {
  const cgroup c;
  c.add(".", "1\n");
  c.add("b", "2\n");
  c.add("a/b", "3\n");
  c.add("c", "4\n");
  // As the kernel shows it: the directory is there, its file is not.
  std::filesystem::remove(c.directory / "b/cgroup.procs");
  EXPECT_EQ(c.processes(), (pids{1, 3, 4}));
}

TEST(Cgroup, ZeroIsAProcessOfAnotherNamespaceThatCannotBeNamed) {
  const cgroup c;
  c.add(".", "0\n7\n0\n");
  EXPECT_EQ(c.processes(), pids{7}) << "kill(0) would reach ourselves";
}

TEST(Cgroup, WhatIsNoPidIsSkipped) {
  const cgroup c;
  c.add(".", "x\n99999999999999\n-5\n\n8");
  EXPECT_EQ(c.processes(), pids{8});
}

TEST(Cgroup, ThatIsNotThereIsAFailure) {
  const temporary_directory directory;
  const auto missing = directory / "missing";
  EXPECT_FALSE(agent::cgroup_processes(missing));
  EXPECT_FALSE(agent::cgroup_signal(missing, SIGKILL));
}

TEST(Cgroup, IsKilledAsAWhole) {
  const temporary_directory directory;
  EXPECT_TRUE(agent::cgroup_signal(directory / ".", SIGKILL));
  EXPECT_EQ(flow::read_file(directory / "cgroup.kill").value(), "1");
}
