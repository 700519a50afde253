#include "shim/rootfs/share.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "flow/system/file.hpp"
#include "shim/rootfs/mount.hpp"
#include "tests/support/private_mounts.hpp"
#include "tests/support/temporary_directory.hpp"

using std::filesystem::path;

class Share : public tests::private_mounts {
 protected:
  void SetUp() override {
    private_mounts::SetUp();
    if (IsSkipped()) {
      return;
    }
    std::filesystem::create_directory(directory / "sandbox");
    std::filesystem::create_directory(directory / "volume");
    ASSERT_TRUE(flow::write_file(directory / "volume/precious", "data"));
  }
  void TearDown() override { shim::unmount_below(directory / "sandbox"); }

  static std::string give(shim::share& s, const path& source) {
    const auto name = s.add(source);
    EXPECT_TRUE(name) << name.error().message();
    return name ? name.value() : std::string();
  }

  tests::temporary_directory directory;
};

TEST_F(Share, WhatIsMountedInTheEntriesAppearsInTheView) {
  shim::share s(directory / "sandbox");
  ASSERT_TRUE(s.make());
  give(s, directory / "volume");
  EXPECT_EQ(flow::read_file(s.view() / "0/precious").value(), "data");
  s.remove();
}

TEST_F(Share, GuestCannotWriteToWhatIsNotMounted) {
  shim::share s(directory / "sandbox");
  ASSERT_TRUE(s.make());
  give(s, directory / "volume");
  EXPECT_FALSE(flow::write_file(s.view() / "x", ""));
  EXPECT_TRUE(flow::write_file(s.view() / "0/x", "")) << "a volume is the guest's to write";
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
  std::filesystem::create_directories(entries);
  std::filesystem::create_directory_symlink(directory / "volume", entries / "link");
  shim::share s(directory / "sandbox");
  s.remove();
  EXPECT_TRUE(std::filesystem::is_empty(directory / "sandbox"));
  EXPECT_EQ(flow::read_file(directory / "volume/precious").value(), "data");
}

TEST_F(Share, EntryIsNeverEmptied) {
  const path entries = directory / "sandbox/entries";
  std::filesystem::create_directories(entries / "0");
  ASSERT_TRUE(flow::write_file(entries / "0/precious", "data"));
  shim::share s(directory / "sandbox");
  s.remove();
  EXPECT_EQ(flow::read_file(entries / "0/precious").value(), "data");
}

TEST_F(Share, SameDirectoryTwiceIsOneEntryUntilBothAreReleased) {
  shim::share s(directory / "sandbox");
  ASSERT_TRUE(s.make());
  std::filesystem::create_directory_symlink(directory / "volume", directory / "link");
  const auto name = give(s, directory / "volume");
  EXPECT_EQ(give(s, directory / "link"), name);
  EXPECT_TRUE(s.release(name));
  EXPECT_EQ(flow::read_file(s.view() / name / "precious").value(), "data");
  EXPECT_TRUE(s.release(name));
  EXPECT_TRUE(std::filesystem::is_empty(s.entries()));
  EXPECT_NE(give(s, directory / "volume"), name) << "the guest may still know the old one";
  s.remove();
}

TEST_F(Share, WhatLooksAlikeIsNotTheSame) {
  shim::share s(directory / "sandbox");
  ASSERT_TRUE(s.make());
  const path other = directory / "sandbox/other";
  std::filesystem::create_directory(other);
  ASSERT_TRUE(shim::bind_mount(directory / "volume", other));
  EXPECT_NE(give(s, directory / "volume"), give(s, other)) << "another mount of it";
  EXPECT_NE(give(s, directory / "volume"), give(s, directory / "volume/precious"));
  s.remove();
}

// Files of two layers, which an overlay shows with the numbers they have there.
TEST_F(Share, SameNumberOnAnotherDeviceIsAnotherFile) {
  for (const std::string layer : {"lower", "upper"}) {
    std::filesystem::create_directory(directory / layer);
    ASSERT_TRUE(shim::mount_on({"tmpfs", "tmpfs", {}}, directory / layer));
    ASSERT_TRUE(flow::write_file(directory / layer + "/" + layer, ""));
  }
  const path both = directory / "both";
  std::filesystem::create_directory(both);
  const auto layers = "lowerdir=" + (directory / "upper") + ":" + (directory / "lower");
  ASSERT_TRUE(shim::mount_on({"overlay", "overlay", {layers, "xino=off"}}, both));
  struct stat lower{};
  struct stat upper{};
  ASSERT_EQ(::stat((both / "lower").c_str(), &lower), 0);
  ASSERT_EQ(::stat((both / "upper").c_str(), &upper), 0);
  ASSERT_EQ(lower.st_ino, upper.st_ino);

  shim::share s(directory / "sandbox");
  ASSERT_TRUE(s.make());
  EXPECT_NE(give(s, both / "lower"), give(s, both / "upper"));
  s.remove();
  for (const auto* mounted : {"both", "upper", "lower"}) {
    shim::unmount_below(directory / mounted);
  }
}

TEST_F(Share, WhatWasMountedInAVolumeSinceThenIsThereForTheNext) {
  shim::share s(directory / "sandbox");
  ASSERT_TRUE(s.make());
  const auto first = give(s, directory / "volume");
  const path inner = directory / "volume/inner";
  std::filesystem::create_directory(inner);
  std::filesystem::create_directory(directory / "later");
  ASSERT_TRUE(flow::write_file(directory / "later/note", "new"));
  ASSERT_TRUE(shim::bind_mount(directory / "later", inner));
  const auto second = give(s, directory / "volume");
  EXPECT_NE(second, first);
  EXPECT_EQ(flow::read_file(s.view() / second / "inner/note").value(), "new");
  EXPECT_EQ(give(s, directory / "volume"), second);
  s.remove();
  shim::unmount_below(inner);
}

TEST_F(Share, WhatIsNotThereIsNamed) {
  shim::share s(directory / "sandbox");
  ASSERT_TRUE(s.make());
  const auto name = s.add(directory / "missing");
  ASSERT_FALSE(name);
  EXPECT_NE(name.error().message().find("missing"), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_empty(s.entries()));
  s.remove();
}

TEST_F(Share, MissingDirectoryIsAnError) {
  shim::share s(directory / "nowhere");
  EXPECT_FALSE(s.make());
  s.remove();
}
