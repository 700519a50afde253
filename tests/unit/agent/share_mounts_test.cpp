#include "agent/storage/share_mounts.hpp"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "flow/system/file.hpp"
#include "tests/support/private_mounts.hpp"
#include "tests/support/temporary_directory.hpp"

namespace {

bool is_mounted(const std::string& path) {
  const auto table = flow::read_file("/proc/self/mounts");
  return table && table.value().find(" " + path + " ") != std::string::npos;
}

std::string mount_in(const tests::temporary_directory& directory, const std::string& name) {
  const auto path = directory / name;
  EXPECT_EQ(::mkdir(path.c_str(), 0700), 0);
  EXPECT_EQ(::mount("tmpfs", path.c_str(), "tmpfs", 0, ""), 0);
  return path;
}

}  // namespace

class ShareMounts : public tests::private_mounts {
 protected:
  tests::temporary_directory share;
  agent::share_mounts mounts{share.path()};
};

TEST_F(ShareMounts, ReleaseUnmountsTheEntriesWithWhatIsBelowThem) {
  const auto root = mount_in(share, "0");
  const auto volume = mount_in(share, "1");
  const auto inner = volume + "/inner";
  ASSERT_EQ(::mkdir(inner.c_str(), 0700), 0);
  ASSERT_EQ(::mount("tmpfs", inner.c_str(), "tmpfs", 0, ""), 0);
  ASSERT_TRUE(flow::write_file(share / "2", "a file that was bound"));

  mounts.hold(1, {"0", "1", "2"});
  for (const auto& path : {root, volume, inner}) {
    EXPECT_TRUE(is_mounted(path)) << path;
  }
  mounts.release(1);
  for (const auto& path : {root, volume, inner}) {
    EXPECT_FALSE(is_mounted(path)) << path;
  }
}

TEST_F(ShareMounts, EntryIsHeldUntilItsLastContainerIsGone) {
  const auto volume = mount_in(share, "0");
  const auto root = mount_in(share, "1");
  mounts.hold(1, {"0"});
  mounts.hold(2, {"1", "0"});
  mounts.release(2);
  EXPECT_FALSE(is_mounted(root));
  EXPECT_TRUE(is_mounted(volume));
  mounts.release(1);
  EXPECT_FALSE(is_mounted(volume));
}

TEST_F(ShareMounts, EntryThatAContainerHasTwiceIsReleasedOnce) {
  const auto volume = mount_in(share, "0");
  mounts.hold(1, {"0", "0"});
  mounts.hold(2, {"0"});
  mounts.release(1);
  EXPECT_TRUE(is_mounted(volume));
  mounts.release(2);
  EXPECT_FALSE(is_mounted(volume));
}

TEST_F(ShareMounts, WhatIsNotThereOrNotHeldIsNoError) {
  const auto other = mount_in(share, "0");
  mounts.hold(1, {"missing"});
  mounts.release(1);
  mounts.release(1);
  mounts.release(2);
  EXPECT_TRUE(is_mounted(other));
  ::umount2(other.c_str(), MNT_DETACH);
}
