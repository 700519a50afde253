#include "agent/boot/file_systems.hpp"

#include <gtest/gtest.h>

#include "tests/unit/agent/boot/fake_os.hpp"

using tests::fake_os;
using operations = std::vector<std::string>;

TEST(FileSystems, TheInitramfsIsLeftBeforeAnythingIsMounted) {
  fake_os system;
  ASSERT_TRUE(agent::mount_file_systems(system));
  ASSERT_GT(system.done.size(), 4U);
  EXPECT_EQ(operations(system.done.begin(), system.done.begin() + 4),
            (operations{"mount / on /run", "chdir /run", "mount . on /", "chroot ."}));
}

TEST(FileSystems, EveryMountPointIsMadeBeforeItIsUsedAndBelowItsParent) {
  fake_os system;
  ASSERT_TRUE(agent::mount_file_systems(system));
  EXPECT_EQ(
      operations(system.done.begin() + 4, system.done.end()),
      (operations{
          "mkdir /proc", "mount proc on /proc as proc", "mkdir /sys",
          "mount sysfs on /sys as sysfs", "mkdir /dev", "mount devtmpfs on /dev as devtmpfs",
          "mkdir /dev/pts", "mount devpts on /dev/pts as devpts", "mkdir /dev/shm",
          "mount tmpfs on /dev/shm as tmpfs", "mkdir /dev/mqueue",
          "mount mqueue on /dev/mqueue as mqueue", "mkdir /run", "mount tmpfs on /run as tmpfs",
          "mkdir /sys/fs/cgroup", "mount cgroup2 on /sys/fs/cgroup as cgroup2"}));
}

TEST(FileSystems, ATreeThatCannotBeLeftIsSaidToBeThat) {
  fake_os system;
  system.fail_at = 3;
  const auto mounted = agent::mount_file_systems(system);
  ASSERT_FALSE(mounted);
  EXPECT_EQ(mounted.error().context(), "leave initramfs: broken: mount . on /");
}

TEST(FileSystems, TheShareIsMountedWhereContainersLookForIt) {
  fake_os system;
  ASSERT_TRUE(agent::mount_share(system));
  EXPECT_EQ(system.done, (operations{"mkdir /run/hvsock", "mkdir /run/hvsock/share",
                                     "mount hvsock on /run/hvsock/share as virtiofs"}));
}

TEST(FileSystems, EveryControllerIsHandedDownThroughBothLevels) {
  fake_os system;
  system.files["/sys/fs/cgroup/cgroup.controllers"] = "cpu  memory\n";
  ASSERT_TRUE(agent::prepare_cgroups(system));
  EXPECT_EQ(system.done,
            (operations{"mkdir /sys/fs/cgroup/hvsock", "read /sys/fs/cgroup/cgroup.controllers",
                        "write +cpu to /sys/fs/cgroup/cgroup.subtree_control",
                        "write +cpu to /sys/fs/cgroup/hvsock/cgroup.subtree_control",
                        "write +memory to /sys/fs/cgroup/cgroup.subtree_control",
                        "write +memory to /sys/fs/cgroup/hvsock/cgroup.subtree_control"}));
}

TEST(FileSystems, AKernelWithoutControllersIsFine) {
  for (const char* controllers : {"", "\n", " \n"}) {
    fake_os system;
    system.files["/sys/fs/cgroup/cgroup.controllers"] = controllers;
    ASSERT_TRUE(agent::prepare_cgroups(system));
    EXPECT_EQ(system.done.size(), 2U);
  }
}
