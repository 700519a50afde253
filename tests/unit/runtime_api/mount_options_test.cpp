#include "runtime_api/guest/mount_options.hpp"

#include <gtest/gtest.h>
#include <sys/mount.h>

using flow::parse_mount_options;

TEST(MountOptions, FlagsAndDataAreToldApart) {
  const auto parsed =
      parse_mount_options({"ro", "nosuid", "lowerdir=/a:/b", "nodev", "index=off", "noexec"});
  EXPECT_EQ(parsed.flags, static_cast<unsigned long>(MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC));
  EXPECT_EQ(parsed.data, "lowerdir=/a:/b,index=off");
}

TEST(MountOptions, LaterOptionTakesBackAnEarlierOne) {
  EXPECT_EQ(parse_mount_options({"ro", "rw"}).flags, 0UL);
  EXPECT_EQ(parse_mount_options({"rw", "ro"}).flags, static_cast<unsigned long>(MS_RDONLY));
  EXPECT_EQ(parse_mount_options({"nosuid", "noexec", "exec"}).flags,
            static_cast<unsigned long>(MS_NOSUID));
}

TEST(MountOptions, RecursiveBindIsOne) {
  EXPECT_EQ(parse_mount_options({"rbind"}).flags, static_cast<unsigned long>(MS_BIND | MS_REC));
}

TEST(MountOptions, NothingIsNothing) {
  const auto parsed = parse_mount_options({});
  EXPECT_EQ(parsed.flags, 0UL);
  EXPECT_EQ(parsed.data, "");
  EXPECT_EQ(parse_mount_options({"defaults"}).data, "");
}
