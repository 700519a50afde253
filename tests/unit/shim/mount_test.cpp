#include "shim/rootfs/mount.hpp"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include "flow/system/file.hpp"
#include "tests/support/private_mounts.hpp"
#include "tests/support/temporary_directory.hpp"

using shim::mount_description;
using shim::mount_on;
using shim::mount_points_below;
using shim::unmount_below;
using tests::temporary_directory;

class Mount : public tests::private_mounts {
 protected:
  void SetUp() override {
    private_mounts::SetUp();
    if (IsSkipped()) {
      return;
    }
    for (const char* name : {"source", "target", "links"}) {
      std::filesystem::create_directory(directory / name);
    }
    ASSERT_TRUE(flow::write_file(directory / "source/file", "here"));
  }
  void TearDown() override { unmount_below(directory / "target"); }

  temporary_directory directory;
};

TEST_F(Mount, FileSystemOfATypeIsMountedWithItsOptions) {
  const mount_description m{"tmpfs", "tmpfs", {"nosuid", "size=1m"}};
  const auto mounted = mount_on(m, directory / "target");
  ASSERT_TRUE(mounted) << mounted.error().message();
  struct statvfs status{};
  ASSERT_EQ(::statvfs((directory / "target").c_str(), &status), 0);
  EXPECT_NE(status.f_flag & ST_NOSUID, 0UL);
  EXPECT_EQ(status.f_blocks * status.f_frsize, 1U << 20U);
}

TEST_F(Mount, ReadOnlyBindIsReadOnly) {
  const mount_description m{"bind", directory / "source", {"rbind", "ro"}};
  ASSERT_TRUE(mount_on(m, directory / "target"));
  EXPECT_EQ(flow::read_file(directory / "target/file").value(), "here");
  EXPECT_FALSE(flow::write_file(directory / "target/new", "x"));
  EXPECT_TRUE(flow::write_file(directory / "source/new", "x")) << "the source stays as it is";
}

TEST_F(Mount, WhatCannotBeMountedIsNamedAndNothingStays) {
  const auto unknown = mount_on({"nosuchfs", "x", {}}, directory / "target");
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message().find("nosuchfs"), std::string::npos);
  EXPECT_NE(unknown.error().message().find("target"), std::string::npos);
  EXPECT_FALSE(mount_on({"bind", "/nowhere", {"bind"}}, directory / "target"));
  EXPECT_TRUE(mount_points_below(directory / "target").empty());
}

TEST_F(Mount, OptionsTooLongForTheKernelAreRefused) {
  const mount_description m{"tmpfs", "tmpfs", {std::string(5000, 'x')}};
  const auto mounted = mount_on(m, directory / "target");
  ASSERT_FALSE(mounted);
  EXPECT_EQ(mounted.error().code(), flow::error_code(flow::errc::invalid_argument));
}

TEST_F(Mount, OverlayOfMoreLayersThanFitIsMountedFromTheirDirectory) {
  // overlayfs takes no overlayfs with every kernel as its upper layer: a tmpfs is one anywhere.
  ASSERT_TRUE(mount_on({"tmpfs", "tmpfs", {}}, directory / "target"));
  const std::string base = directory / "target";
  std::string layers;
  for (int i = 0; i < 60; ++i) {
    const std::string layer =
        base + "/snapshots-with-a-rather-long-name-that-fills-the-page/" + std::to_string(i);
    std::filesystem::create_directories(layer);
    ASSERT_TRUE(flow::write_file(layer + "/from-" + std::to_string(i), std::to_string(i)));
    layers += (layers.empty() ? "" : ":") + layer;
  }
  ASSERT_GT(layers.size(), 4096U);
  for (const char* name : {"/upper", "/work", "/merged"}) {
    std::filesystem::create_directory(base + name);
  }
  const auto before = std::filesystem::current_path();
  const auto mounted =
      mount_on({"overlay",
                "overlay",
                {"lowerdir=" + layers, "upperdir=" + base + "/upper", "workdir=" + base + "/work"}},
               base + "/merged");
  ASSERT_TRUE(mounted) << mounted.error().message();
  EXPECT_EQ(std::filesystem::current_path(), before);
  EXPECT_EQ(flow::read_file(base + "/merged/from-0").value(), "0");
  EXPECT_EQ(flow::read_file(base + "/merged/from-59").value(), "59");
}

TEST_F(Mount, EverythingBelowIsUnmountedAndNothingBeside) {
  std::filesystem::create_directory(directory / "target2");
  ASSERT_TRUE(mount_on({"tmpfs", "tmpfs", {}}, directory / "target"));
  ASSERT_TRUE(mount_on({"tmpfs", "tmpfs", {}}, directory / "target2"));
  std::filesystem::create_directory(directory / "target/with blank");
  ASSERT_TRUE(mount_on({"tmpfs", "tmpfs", {}}, directory / "target/with blank"));
  const std::vector<std::string> wanted{directory / "target", directory / "target/with blank"};
  EXPECT_EQ(mount_points_below(directory / "target"), wanted);
  unmount_below(directory / "target");
  EXPECT_TRUE(mount_points_below(directory / "target").empty());
  EXPECT_EQ(mount_points_below(directory / "target2").size(), 1U);
  unmount_below(directory / "target2");
  unmount_below(directory / "nowhere");
}

TEST_F(Mount, MountsAreFoundThroughALink) {
  ASSERT_TRUE(mount_on({"tmpfs", "tmpfs", {}}, directory / "target"));
  std::filesystem::create_directory_symlink(directory / "", directory / "links/link");
  EXPECT_EQ(mount_points_below(directory / "links/link/target").size(), 1U);
  EXPECT_EQ(mount_points_below(directory / "links/../target").size(), 1U);
  unmount_below(directory / "links/link/target");
  EXPECT_TRUE(mount_points_below(directory / "target").empty());
}

TEST_F(Mount, LinkIsNotFollowedToWhatItNames) {
  ASSERT_TRUE(mount_on({"tmpfs", "tmpfs", {}}, directory / "target"));
  std::filesystem::create_directory_symlink(directory / "target", directory / "links/link");
  unmount_below(directory / "links/link");
  EXPECT_EQ(mount_points_below(directory / "target").size(), 1U);
}
