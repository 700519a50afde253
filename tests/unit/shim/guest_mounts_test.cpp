#include "shim/rootfs/guest_mounts.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "flow/system/file.hpp"
#include "shim/rootfs/guest_disk.hpp"
#include "tests/support/temporary_directory.hpp"

using flow::errc;
using flow::result;
using shim::mount_description;
using shim::plan_guest_mounts;

namespace {

// A directory of the host is shared under its own name.
result<std::string> share(const std::string& path) {
  if (path == "/unshared") {
    return flow::error(errc::unavailable, "not there");
  }
  return "/shared" + path;
}

result<shim::guest_mounts> plan(const std::vector<mount_description>& rootfs) {
  shim::guest_mounts planned;
  if (auto done = plan_guest_mounts(planned, rootfs, "/run/hvsock/c7", "c7", share); !done) {
    return std::move(done).error();
  }
  return planned;
}

void expect_invalid(const mount_description& m, const std::string& because) {
  const auto planned = plan({{"erofs", "/layer", {"ro", "loop"}}, m});
  EXPECT_FALSE(planned) << because;
  EXPECT_EQ(planned.error().code(), flow::error_code(errc::invalid_argument)) << because;
  EXPECT_NE(planned.error().message().find(because), std::string::npos)
      << planned.error().message();
}

std::vector<std::string> options_of(const hvsock::agent::v1::Mount& m) {
  return {m.options().begin(), m.options().end()};
}

using strings = std::vector<std::string>;

}  // namespace

TEST(GuestMounts, WhatTheHostCanMountAndShareIsLeftToIt) {
  EXPECT_FALSE(shim::for_guest_to_mount({}));
  EXPECT_FALSE(shim::for_guest_to_mount({{"bind", "/x", {"rbind"}}, {"xfs", "/dev/dm-1", {}}}));
  EXPECT_FALSE(shim::for_guest_to_mount({{"overlay", "overlay", {"lowerdir=/a:/b"}}}));
  EXPECT_TRUE(shim::for_guest_to_mount({{"erofs", "/x", {"ro"}}}));
  EXPECT_TRUE(shim::for_guest_to_mount({{"bind", "/x", {}}, {"format/overlay", "overlay", {}}}));
}

TEST(GuestMounts, LayersOnDisksAreStackedUnderAWritableOne) {
  const auto planned =
      plan({{"ext4", "/rw.img", {"rw", "loop"}},
            {"erofs", "/b.erofs", {"ro", "loop"}},
            {"erofs", "/a.erofs", {"loop"}},
            {"format/mkdir/overlay",
             "overlay",
             {"X-containerd.mkdir.path={{ mount 0 }}/upper:0755",
              "X-containerd.mkdir.path={{ mount 0 }}/work:0700:1:2", "workdir={{ mount 0 }}/work",
              "upperdir={{ mount 0 }}/upper", "lowerdir={{ overlay 1 2 }}"}}});
  ASSERT_TRUE(planned) << planned.error().message();
  const auto& p = planned.value();
  EXPECT_EQ(p.root, "/run/hvsock/c7/m3");
  ASSERT_EQ(p.disks.size(), 3U);
  EXPECT_EQ(p.disks[0].path, "/rw.img");
  EXPECT_FALSE(p.disks[0].read_only);
  EXPECT_TRUE(p.disks[1].read_only);
  EXPECT_TRUE(p.disks[2].read_only) << "erofs is, whether it says so or not";
  ASSERT_EQ(p.mounts.size(), 4U);
  EXPECT_EQ(p.mounts[0].disk(), p.disks[0].serial);
  EXPECT_EQ(p.mounts[2].disk(), p.disks[2].serial);
  EXPECT_NE(p.disks[0].serial, p.disks[1].serial);
  EXPECT_EQ(options_of(p.mounts[0]), strings{"rw"});
  EXPECT_EQ(options_of(p.mounts[2]), strings{"ro"});
  const auto& root = p.mounts[3];
  EXPECT_EQ(root.type(), "overlay");
  EXPECT_EQ(root.disk(), "");
  ASSERT_EQ(root.directories_size(), 2);
  EXPECT_EQ(root.directories(0).path(), "/run/hvsock/c7/m0/upper");
  EXPECT_EQ(root.directories(0).mode(), 0755U);
  EXPECT_EQ(root.directories(1).gid(), 2U);
  EXPECT_EQ(options_of(root),
            (strings{"workdir=/run/hvsock/c7/m0/work", "upperdir=/run/hvsock/c7/m0/upper",
                     "lowerdir=/run/hvsock/c7/m1:/run/hvsock/c7/m2"}));
}

TEST(GuestMounts, PartOfADiskIsBound) {
  const auto planned =
      plan({{"ext4", "/rw.img", {"rw"}}, {"format/bind", "{{ mount 0 }}/upper", {"rbind", "ro"}}});
  ASSERT_TRUE(planned) << planned.error().message();
  EXPECT_EQ(planned.value().mounts[1].source(), "/run/hvsock/c7/m0/upper");
  EXPECT_EQ(planned.value().root, "/run/hvsock/c7/m1");
}

TEST(GuestMounts, VolumesFollowTheRootWithoutItsNumbers) {
  shim::guest_mounts planned;
  const auto add = [&](const std::vector<mount_description>& mounts) {
    EXPECT_TRUE(plan_guest_mounts(planned, mounts, "/run/hvsock/c7", "c7", share));
    return planned.root;
  };
  EXPECT_EQ(add({{"erofs", "/a", {}}, {"erofs", "/b", {}}}), "/run/hvsock/c7/m1");
  EXPECT_EQ(add({{"ext4", "/volume", {}}, {"format/bind", "{{ mount 0 }}/x", {}}}),
            "/run/hvsock/c7/m3");
  EXPECT_EQ(planned.mounts[3].source(), "/run/hvsock/c7/m2/x");
  EXPECT_EQ(planned.disks[2].serial, "c7-m2");
}

TEST(GuestMounts, DirectoriesOfTheHostCanBeLowerLayers) {
  const auto planned = plan(
      {{"ext4", "/rw.img", {}},
       {"bind", "/base", {"rbind", "ro"}},
       {"format/overlay",
        "overlay",
        {"lowerdir={{ mount 1 }}:/other", "upperdir={{ mount 0 }}/u", "workdir={{ mount 0 }}/w"}}});
  ASSERT_TRUE(planned) << planned.error().message();
  EXPECT_EQ(planned.value().mounts[1].source(), "/shared/base");
  EXPECT_EQ(planned.value().mounts[2].options(0), "lowerdir=/run/hvsock/c7/m1:/shared/other");
  EXPECT_FALSE(plan({{"erofs", "/x", {}}, {"bind", "/unshared", {}}}));
}

TEST(GuestMounts, WhatIsNotSupportedSaysWhy) {
  expect_invalid({"mkfs/ext4", "/x", {}}, "only containerd's mount manager handles mkfs/");
  expect_invalid({"xfs", "/x", {}}, "type xfs is not supported on a disk");
  expect_invalid({"overlay", "overlay", {"lowerdir=/a", "upperdir=/u"}}, "must be on a disk");
  expect_invalid({"overlay", "overlay", {"workdir=/u"}}, "must be on a disk");
  expect_invalid({"format/overlay", "overlay", {"lowerdir={{ mount 9 }}"}}, "cannot expand");
  expect_invalid({"erofs", "/x", {"device=/blob"}}, "device=/blob is not supported");
  expect_invalid({"bind", "/x", {}, "etc"}, "a target (etc)");
  expect_invalid({"bind", "/x", {"X-containerd.mkdir.path=/x"}}, "is not supported");
  for (const char* path :
       {"", "relative", "/x:", "/x:9", "/x:7777", "/x:0755:1", "/x:0755:1:2:3", "/x:0755:-1:2"}) {
    expect_invalid({"mkdir/bind", "/x", {std::string("X-containerd.mkdir.path=") + path}},
                   "X-containerd.mkdir.path needs");
  }
}

TEST(GuestDisk, ImageIsOpenedForReadingOnlyUnlessItIsToBeWritten) {
  const tests::temporary_directory directory;
  const auto image = directory / "image";
  ASSERT_TRUE(flow::write_file(image, "content"));
  const auto read_only = shim::open_disk({"s1", image, true});
  ASSERT_TRUE(read_only) << read_only.error().message();
  EXPECT_EQ(::write(read_only.value().file.get(), "x", 1), -1) << "whoever has it cannot write";
  EXPECT_FALSE(read_only.value().block_device);
  const auto writable = shim::open_disk({"s1", image, false});
  EXPECT_EQ(::write(writable.value().file.get(), "x", 1), 1);
}

TEST(GuestDisk, OnlyFilesAndBlockDevicesAreDisks) {
  const tests::temporary_directory directory;
  ASSERT_EQ(::mkfifo((directory / "fifo").c_str(), 0600), 0);
  for (const auto& path : {std::string(directory / "fifo"), std::string("/dev/null")}) {
    const auto opened = shim::open_disk({"s1", path, true});
    EXPECT_EQ(opened.error().code(), flow::error_code(errc::invalid_argument)) << path;
  }
  EXPECT_EQ(shim::open_disk({"s1", directory / "missing", true}).error().code(),
            flow::error_code(ENOENT, boost::system::system_category()));
}
