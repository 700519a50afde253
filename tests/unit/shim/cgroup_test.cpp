#include "shim/bootstrap/cgroup.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "flow/system/file.hpp"
#include "tests/support/temporary_directory.hpp"

using flow::errc;
using shim::join_cgroup;
using tests::temporary_directory;

namespace {

// Directories that look like mounted hierarchies, and the table that says that they are.
class JoinCgroup : public testing::Test {
 protected:
  void make(const std::string& hierarchy, const std::string& cgroup) {
    const std::filesystem::path where = directory_ / (hierarchy + cgroup);
    std::filesystem::create_directories(where);
    ASSERT_TRUE(flow::write_file(where / "cgroup.procs", ""));
  }

  std::string members(const std::string& cgroup) {
    const auto text = flow::read_file(directory_ / (cgroup + "/cgroup.procs"));
    return text ? text.value() : "none";
  }

  flow::result<void> join(const std::string& cgroup) {
    const std::string mounts = directory_ / "mounts";
    EXPECT_TRUE(
        flow::write_file(mounts, "proc /proc proc rw 0 0\ncgroup " + (directory_ / "memory") +
                                     " cgroup rw,memory 0 0\ncgroup " + (directory_ / "cpu") +
                                     " cgroup rw,cpu 0 0\ncgroup2 " + (directory_ / "unified") +
                                     " cgroup2 rw,nsdelegate 0 0\n"));
    return join_cgroup(cgroup, mounts);
  }

  temporary_directory directory_;
};

}  // namespace

TEST_F(JoinCgroup, MovesIntoTheUnifiedHierarchy) {
  make("unified", "/shims");
  const auto joined = join("/shims");
  ASSERT_TRUE(joined) << joined.error().message();
  EXPECT_EQ(members("unified/shims"), "0") << "the process that writes";
}

TEST_F(JoinCgroup, MovesIntoEveryHierarchyThatHasIt) {
  make("memory", "/a/b");
  make("cpu", "/a/b");
  make("unified", "/a");
  ASSERT_TRUE(join("a/b"));
  EXPECT_EQ(members("memory/a/b"), "0");
  EXPECT_EQ(members("cpu/a/b"), "0");
  EXPECT_EQ(members("unified/a"), "");
}

TEST_F(JoinCgroup, OneThatIsNowhereIsAnErrorThatNamesIt) {
  make("unified", "");
  const auto joined = join("/nowhere");
  ASSERT_FALSE(joined);
  EXPECT_EQ(joined.error().code(), flow::error_code(errc::invalid_argument));
  EXPECT_NE(joined.error().message().find("/nowhere"), std::string::npos);
}

TEST_F(JoinCgroup, PathsThatLeadOutAreRefused) {
  make("unified", "/shims");
  for (const char* cgroup : {"/", "..", "/../unified/shims", "a/../../unified/shims"}) {
    EXPECT_FALSE(join(cgroup)) << cgroup;
  }
}
