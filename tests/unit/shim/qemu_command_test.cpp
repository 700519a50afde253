#include "shim/vm/qemu/command.hpp"

#include <gtest/gtest.h>

#include <algorithm>

using shim::acceleration;
using shim::qemu_command;
using shim::qemu_options;

namespace {

qemu_options some_options() {
  qemu_options o;
  o.program = "/usr/bin/qemu-system-x86_64";
  o.kernel = "/k";
  o.initramfs = "/i";
  o.firmware = "qboot.rom";
  o.kernel_parameters = "hvsock.port=1024";
  o.name = "c1";
  return o;
}

// The word behind `option`; fails the test if there is not exactly one.
std::string value_of(const flow::command& c, const std::string& option) {
  EXPECT_EQ(std::count(c.argv.begin(), c.argv.end(), option), 1) << option;
  const auto found = std::find(c.argv.begin(), c.argv.end(), option);
  return found == c.argv.end() || found + 1 == c.argv.end() ? std::string() : *(found + 1);
}

bool contains(const flow::command& c, const std::string& word) {
  return std::find(c.argv.begin(), c.argv.end(), word) != c.argv.end();
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST(QemuCommand, NothingIsThereThatWasNotAskedFor) {
  const auto c = qemu_command(some_options());
  EXPECT_EQ(c.argv.front(), "/usr/bin/qemu-system-x86_64");
  for (const char* word : {"-nodefaults", "-no-user-config", "-no-reboot"}) {
    EXPECT_TRUE(contains(c, word)) << word;
  }
  for (const char* word : {"-chardev", "-device", "-serial", "-mon", "-netdev"}) {
    EXPECT_FALSE(contains(c, word)) << word;
  }
  EXPECT_TRUE(c.descriptors.empty());
}

TEST(QemuCommand, HypervisorIsConfinedAndMayStartNothing) {
  const auto sandbox = value_of(qemu_command(some_options()), "-sandbox");
  EXPECT_TRUE(sandbox.starts_with("on,"));
  for (const char* part : {"spawn=deny", "elevateprivileges=deny", "obsolete=deny"}) {
    EXPECT_TRUE(has(sandbox, part)) << part;
  }
}

TEST(QemuCommand, MemoryIsSharedWithTheDevices) {
  auto o = some_options();
  o.memory_mib = 768;
  o.vcpus = 3;
  const auto c = qemu_command(o);
  EXPECT_EQ(value_of(c, "-m"), "768M");
  EXPECT_EQ(value_of(c, "-smp"), "3");
  const auto memory = value_of(c, "-object");
  EXPECT_TRUE(has(memory, "memory-backend-memfd"));
  EXPECT_TRUE(has(memory, "share=on"));
  EXPECT_TRUE(has(memory, "size=768M"));
  EXPECT_TRUE(has(value_of(c, "-machine"), "memory-backend=memory"));
}

TEST(QemuCommand, GuestIsOurKernelWithOurParameters) {
  const auto c = qemu_command(some_options());
  EXPECT_EQ(value_of(c, "-kernel"), "/k");
  EXPECT_EQ(value_of(c, "-initrd"), "/i");
  EXPECT_EQ(value_of(c, "-bios"), "qboot.rom");
  EXPECT_TRUE(has(value_of(c, "-append"), "console=ttyS0"));
  EXPECT_TRUE(value_of(c, "-append").ends_with(" hvsock.port=1024"));
  EXPECT_TRUE(has(value_of(c, "-name"), "c1"));
}

TEST(QemuCommand, EmulatedProcessorNeedsNoMitigationsAndARealOneKeepsThem) {
  auto o = some_options();
  o.accelerator = acceleration::tcg;
  EXPECT_TRUE(has(value_of(qemu_command(o), "-append"), "mitigations=off"));
  EXPECT_EQ(value_of(qemu_command(o), "-cpu"), "max");
  EXPECT_TRUE(has(value_of(qemu_command(o), "-machine"), "accel=tcg"));
  o.accelerator = acceleration::kvm;
  EXPECT_FALSE(has(value_of(qemu_command(o), "-append"), "mitigations"));
  EXPECT_EQ(value_of(qemu_command(o), "-cpu"), "host");
  EXPECT_TRUE(has(value_of(qemu_command(o), "-machine"), "accel=kvm"));
}

TEST(QemuCommand, EveryDescriptorHasTheNumberThatItsDeviceIsToldOf) {
  auto o = some_options();
  o.errors = 50;
  o.console = 51;
  o.monitor = 52;
  o.share = 53;
  o.vsock = 54;
  const auto c = qemu_command(o);
  const auto expect = [&c](int from, const std::string& chardev) {
    const auto found = std::find_if(c.descriptors.begin(), c.descriptors.end(),
                                    [from](const auto& d) { return d.from == from; });
    ASSERT_NE(found, c.descriptors.end()) << from;
    EXPECT_TRUE(contains(c, "socket,id=" + chardev + ",fd=" + std::to_string(found->to)))
        << chardev;
  };
  expect(51, "console");
  expect(52, "monitor");
  expect(53, "share");
  expect(54, "vsock");
  EXPECT_EQ(c.descriptors.front().from, 50);
  EXPECT_EQ(c.descriptors.front().to, 2) << "its stderr";
  EXPECT_EQ(value_of(c, "-serial"), "chardev:console");
  EXPECT_EQ(value_of(c, "-mon"), "chardev=monitor,mode=control");
  EXPECT_TRUE(contains(c, "vhost-user-fs-pci,chardev=share,tag=hvsock"));
  EXPECT_TRUE(contains(c, "vhost-user-vsock-pci,chardev=vsock"));
}

TEST(QemuCommand, KernelsVsockIsGivenAsItsDescriptorAndCid) {
  auto o = some_options();
  o.vhost_vsock = 60;
  o.guest_cid = 4711;
  const auto c = qemu_command(o);
  ASSERT_EQ(c.descriptors.size(), 1U);
  EXPECT_EQ(value_of(c, "-device"),
            "vhost-vsock-pci,guest-cid=4711,vhostfd=" + std::to_string(c.descriptors.front().to));
}

TEST(QemuCommand, DisksHaveAnAdapterWhereTheyAreToBePluggedIn) {
  auto o = some_options();
  o.disks = true;
  EXPECT_EQ(value_of(qemu_command(o), "-device"), "virtio-scsi-pci,id=disks,num_queues=1");
}
