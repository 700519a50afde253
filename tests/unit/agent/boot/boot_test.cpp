#include "agent/boot/boot.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/agent/boot/fake_os.hpp"

using tests::fake_os;

namespace {

std::size_t position(const fake_os& system, const std::string& operation) {
  const auto found = std::find(system.done.begin(), system.done.end(), operation);
  EXPECT_NE(found, system.done.end()) << operation;
  return static_cast<std::size_t>(found - system.done.begin());
}

}  // namespace

TEST(Boot, MakesTheMachineAndReturnsWhatTheHostSays) {
  fake_os system;
  make_bootable(system, "console=ttyS0 hvsock.port=1234 hvsock.debug\n");
  const auto parameters = agent::boot(system);
  ASSERT_TRUE(parameters) << parameters.error().message();
  EXPECT_EQ(parameters->port, 1234U);
  EXPECT_TRUE(parameters->debug);
  EXPECT_FALSE(parameters->probe);
}

TEST(Boot, DoesEachStepAfterWhatItNeeds) {
  fake_os system;
  make_bootable(system, "hvsock.port=1");
  ASSERT_TRUE(agent::boot(system));
  EXPECT_LT(position(system, "chroot ."), position(system, "mount proc on /proc as proc"));
  EXPECT_LT(position(system, "mount proc on /proc as proc"),
            position(system, "read /proc/cmdline"));
  EXPECT_LT(position(system, "load /usr/lib/hvsock/modules/00-virtio.ko"),
            position(system, "load /usr/lib/hvsock/modules/01-vsock.ko"));
  EXPECT_LT(position(system, "load /usr/lib/hvsock/modules/01-vsock.ko"),
            position(system, "mount hvsock on /run/hvsock/share as virtiofs"));
  EXPECT_LT(position(system, "mount cgroup2 on /sys/fs/cgroup as cgroup2"),
            position(system, "mkdir /sys/fs/cgroup/hvsock"));
}

TEST(Boot, AProbeNeedsNoMoreThanTheCommandLine) {
  fake_os system;
  make_bootable(system, "hvsock.probe");
  system.directories.clear();
  const auto parameters = agent::boot(system);
  ASSERT_TRUE(parameters) << parameters.error().message();
  EXPECT_TRUE(parameters->probe);
  EXPECT_EQ(system.done.back(), "read /proc/cmdline");
}

TEST(Boot, ACommandLineThatIsWrongEndsIt) {
  fake_os system;
  make_bootable(system, "hvsock.port=x");
  const auto parameters = agent::boot(system);
  ASSERT_FALSE(parameters);
  EXPECT_EQ(system.done.back(), "read /proc/cmdline");
}

TEST(Boot, AnyStepThatFailsIsTheLastAndIsNamed) {
  fake_os whole;
  make_bootable(whole, "hvsock.port=1");
  ASSERT_TRUE(agent::boot(whole));
  for (std::size_t n = 1; n <= whole.done.size(); ++n) {
    SCOPED_TRACE(whole.done[n - 1]);
    fake_os system;
    make_bootable(system, "hvsock.port=1");
    system.fail_at = n;
    const auto parameters = agent::boot(system);
    if (whole.done[n - 1].starts_with("write +")) {
      EXPECT_TRUE(parameters) << "a controller that the kernel refuses is done without";
      EXPECT_EQ(system.done, whole.done) << "and takes nothing with it";
      continue;
    }
    ASSERT_FALSE(parameters);
    EXPECT_NE(parameters.error().message().find("broken: " + whole.done[n - 1]), std::string::npos)
        << parameters.error().message();
    EXPECT_EQ(system.done.size(), n);
  }
}
