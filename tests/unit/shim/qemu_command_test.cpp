#include "shim/vm/qemu/command.hpp"

#include <gtest/gtest.h>

#include <algorithm>

using shim::acceleration;

namespace {

// What a command is made of; with nothing connected to it.
struct command_parts {
  command_parts() {
    machine.name = "c1";
    machine.guest.kernel = "/k";
    machine.guest.initramfs = "/i";
    machine.guest.firmware = "qboot.rom";
    devices.port = 1024;
  }

  flow::command make() const {
    return shim::qemu_command("/usr/bin/qemu-system-x86_64", machine, accelerator, devices);
  }

  shim::machine_description machine;
  acceleration accelerator = acceleration::tcg;
  shim::qemu_devices devices;
};

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
  const auto c = command_parts().make();
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
  const auto sandbox = value_of(command_parts().make(), "-sandbox");
  EXPECT_TRUE(sandbox.starts_with("on,"));
  for (const char* part : {"spawn=deny", "elevateprivileges=deny", "obsolete=deny"}) {
    EXPECT_TRUE(has(sandbox, part)) << part;
  }
}

TEST(QemuCommand, MemoryIsSharedWithTheDevices) {
  command_parts p;
  p.machine.guest.memory_mib = 768;
  p.machine.guest.processors = 3;
  const auto c = p.make();
  EXPECT_EQ(value_of(c, "-m"), "768M");
  EXPECT_EQ(value_of(c, "-smp"), "3");
  const auto memory = value_of(c, "-object");
  EXPECT_TRUE(has(memory, "memory-backend-memfd"));
  EXPECT_TRUE(has(memory, "share=on"));
  EXPECT_TRUE(has(memory, "size=768M"));
  EXPECT_TRUE(has(value_of(c, "-machine"), "memory-backend=memory"));
}

TEST(QemuCommand, GuestIsOurKernelWithOurParameters) {
  const auto c = command_parts().make();
  EXPECT_EQ(value_of(c, "-kernel"), "/k");
  EXPECT_EQ(value_of(c, "-initrd"), "/i");
  EXPECT_EQ(value_of(c, "-bios"), "qboot.rom");
  EXPECT_TRUE(has(value_of(c, "-append"), "console=ttyS0"));
  EXPECT_TRUE(value_of(c, "-append").ends_with(" hvsock.port=1024"));
  EXPECT_TRUE(has(value_of(c, "-name"), "c1"));
}

TEST(QemuCommand, EmulatedProcessorNeedsNoMitigationsAndARealOneKeepsThem) {
  command_parts p;
  p.accelerator = acceleration::tcg;
  EXPECT_TRUE(has(value_of(p.make(), "-append"), "mitigations=off"));
  EXPECT_EQ(value_of(p.make(), "-cpu"), "max");
  EXPECT_TRUE(has(value_of(p.make(), "-machine"), "accel=tcg"));
  p.accelerator = acceleration::kvm;
  EXPECT_FALSE(has(value_of(p.make(), "-append"), "mitigations"));
  EXPECT_EQ(value_of(p.make(), "-cpu"), "host");
  EXPECT_TRUE(has(value_of(p.make(), "-machine"), "accel=kvm"));
}

TEST(QemuCommand, EveryDescriptorHasTheNumberThatItsDeviceIsToldOf) {
  command_parts p;
  p.devices.console = 51;
  p.devices.monitor = 52;
  p.devices.share = 53;
  p.devices.vsock = 54;
  const auto c = p.make();
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
  for (const auto& descriptor : c.descriptors) {
    EXPECT_GT(descriptor.to, 2) << "stderr is the helper's";
  }
  EXPECT_EQ(value_of(c, "-serial"), "chardev:console");
  EXPECT_EQ(value_of(c, "-mon"), "chardev=monitor,mode=control");
  EXPECT_TRUE(contains(c, "vhost-user-fs-pci,chardev=share,tag=hvsock"));
  EXPECT_TRUE(contains(c, "vhost-user-vsock-pci,chardev=vsock"));
}

TEST(QemuCommand, KernelsVsockIsGivenAsItsDescriptorAndCid) {
  command_parts p;
  p.devices.vhost_vsock = 60;
  p.devices.guest_cid = 4711;
  const auto c = p.make();
  ASSERT_EQ(c.descriptors.size(), 1U);
  EXPECT_EQ(value_of(c, "-device"),
            "vhost-vsock-pci,guest-cid=4711,vhostfd=" + std::to_string(c.descriptors.front().to));
}

TEST(QemuCommand, DisksHaveAnAdapterIfTheyAreToBePluggedIn) {
  command_parts p;
  p.machine.guest.disks = true;
  EXPECT_EQ(value_of(p.make(), "-device"), "virtio-scsi-pci,id=disks,num_queues=1");
}

TEST(QemuCommand, AgentIsToldWhatTheDescriptionSaysOfIt) {
  command_parts p;
  p.machine.guest.debug = true;
  p.machine.guest.kernel_parameters = "a=1 b";
  EXPECT_TRUE(value_of(p.make(), "-append")
                  .ends_with(" mitigations=off hvsock.port=1024 hvsock.debug a=1 b"));
  p.devices.port = 0;
  EXPECT_FALSE(has(value_of(p.make(), "-append"), "hvsock.port")) << "nowhere to connect to";
}
