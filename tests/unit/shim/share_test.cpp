#include "shim/rootfs/share.hpp"

#include <gtest/gtest.h>

#include "flow/file.hpp"
#include "shim/rootfs/mount.hpp"
#include "tests/temporary_directory.hpp"
#include "tests/unit/shim/private_mounts.hpp"

using std::filesystem::path;

class Share : public testing::Test {
 protected:
  void SetUp() override {
    if (!tests::enter_private_mounts()) {
      GTEST_SKIP() << "needs a mount namespace of its own (root)";
    }
    std::filesystem::create_directory(directory / "sandbox");
    std::filesystem::create_directory(directory / "volume");
    ASSERT_TRUE(flow::write_file(directory / "volume/precious", "data"));
  }
  void TearDown() override { shim::unmount_below(directory / "sandbox"); }

  // A container's root file system, as it is given to the guest.
  static void give(const shim::share& s, const std::string& volume) {
    std::filesystem::create_directories(s.entries() / "c1/0");
    const auto bound = shim::bind_mount(volume, s.entries() / "c1/0");
    ASSERT_TRUE(bound) << bound.error().message();
  }

  tests::temporary_directory directory;
};

TEST_F(Share, WhatIsMountedInTheEntriesAppearsInTheView) {
  shim::share s(directory / "sandbox");
  ASSERT_TRUE(s.make());
  give(s, directory / "volume");
  EXPECT_EQ(flow::read_file(s.view() / "c1/0/precious").value(), "data");
  s.remove();
}

TEST_F(Share, GuestCannotWriteToWhatIsNotMounted) {
  shim::share s(directory / "sandbox");
  ASSERT_TRUE(s.make());
  give(s, directory / "volume");
  EXPECT_FALSE(flow::write_file(s.view() / "x", ""));
  EXPECT_FALSE(flow::write_file(s.view() / "c1/x", ""));
  EXPECT_TRUE(flow::write_file(s.view() / "c1/0/x", "")) << "a volume is the guest's to write";
  s.remove();
}

TEST_F(Share, RemoveLeavesNothingOfOursAndEverythingOfOthers) {
  shim::share s(directory / "sandbox");
  ASSERT_TRUE(s.make());
  give(s, directory / "volume");
  s.remove();
  EXPECT_TRUE(std::filesystem::is_empty(directory / "sandbox"));
  EXPECT_EQ(flow::read_file(directory / "volume/precious").value(), "data");
  EXPECT_TRUE(shim::mount_points_below(directory / "sandbox").empty());
  s.remove();
}

TEST_F(Share, RemoveThroughALinkTakesNoUserDataWithIt) {
  std::filesystem::create_directory_symlink(directory / "sandbox", directory / "link");
  shim::share s(directory / "link");
  ASSERT_TRUE(s.make());
  give(s, directory / "volume");
  s.remove();
  EXPECT_EQ(flow::read_file(directory / "volume/precious").value(), "data");
  EXPECT_TRUE(std::filesystem::is_empty(directory / "sandbox"));
}

TEST_F(Share, MakeBeginsAnewAfterAShimThatWasKilled) {
  shim::share before(directory / "sandbox");
  ASSERT_TRUE(before.make());
  give(before, directory / "volume");
  shim::share after(directory / "sandbox");
  ASSERT_TRUE(after.make());
  EXPECT_TRUE(std::filesystem::is_empty(after.entries()));
  EXPECT_EQ(flow::read_file(directory / "volume/precious").value(), "data");
  after.remove();
}

TEST_F(Share, LinksThatWereLeftAreRemovedAndNotFollowed) {
  const path entries = directory / "sandbox/entries";
  std::filesystem::create_directories(entries / "c1");
  std::filesystem::create_directory_symlink(directory / "volume", entries / "link");
  std::filesystem::create_directory_symlink(directory / "volume", entries / "c1/link");
  shim::share s(directory / "sandbox");
  s.remove();
  EXPECT_TRUE(std::filesystem::is_empty(directory / "sandbox"));
  EXPECT_EQ(flow::read_file(directory / "volume/precious").value(), "data");
}

TEST_F(Share, WhatIsAsDeepAsAMountIsNeverEmptied) {
  const path entries = directory / "sandbox/entries";
  std::filesystem::create_directories(entries / "c1/0");
  ASSERT_TRUE(flow::write_file(entries / "c1/0/precious", "data"));
  shim::share s(directory / "sandbox");
  s.remove();
  EXPECT_EQ(flow::read_file(entries / "c1/0/precious").value(), "data");
}

TEST_F(Share, MissingDirectoryIsAnError) {
  shim::share s(directory / "nowhere");
  EXPECT_FALSE(s.make());
  s.remove();
}
