#include "shim/vm/machine_description.hpp"

#include <gtest/gtest.h>

using shim::config;
using shim::describe;
using shim::guest_hardware;
using shim::machine_description;
using shim::network_card;

namespace {

config some_configuration() {
  config c;
  c.hypervisor = "/opt/qemu";
  c.kernel = "/k";
  c.initramfs = "/i";
  c.firmware = "f.rom";
  c.acceleration = config::acceleration_mode::tcg;
  c.vcpus = 3;
  c.memory_mib = 768;
  c.virtiofsd = "/opt/virtiofsd";
  c.vsock = config::vsock_mode::user;
  c.vsock_daemon = "/opt/vsockd";
  c.state_directory = "/state";
  c.debug = true;
  return c;
}

}  // namespace

TEST(MachineDescription, SaysWhatTheConfigurationSays) {
  const auto d = describe(some_configuration(), "c1", "/share");
  EXPECT_EQ(d.name, "c1");
  EXPECT_EQ(d.share, "/share");
  EXPECT_TRUE(d.network_cards.empty());
  EXPECT_EQ(d.guest.processors, 3U);
  EXPECT_EQ(d.guest.memory_mib, 768U);
  EXPECT_EQ(d.guest.acceleration, config::acceleration_mode::tcg);
  EXPECT_EQ(d.guest.firmware, "f.rom");
  EXPECT_EQ(d.guest.kernel, "/k");
  EXPECT_EQ(d.guest.initramfs, "/i");
  EXPECT_TRUE(d.guest.debug);
  EXPECT_TRUE(d.guest.console);
  EXPECT_TRUE(d.guest.disks);
  EXPECT_EQ(d.guest.vsock, config::vsock_mode::user);
}

TEST(MachineDescription, PathsAreTheConfigurations) {
  const auto paths = shim::paths_of(some_configuration());
  EXPECT_EQ(paths.hypervisor, "/opt/qemu");
  EXPECT_EQ(paths.virtiofsd, "/opt/virtiofsd");
  EXPECT_EQ(paths.vsock_daemon, "/opt/vsockd");
  EXPECT_EQ(paths.state_directory, "/state");
}

TEST(MachineDescription, SandboxesOfOneConfigurationHaveTheSameGuest) {
  const auto one = describe(some_configuration(), "c1", "/share/1");
  const auto other = describe(some_configuration(), "c2", "/share/2");
  EXPECT_NE(one, other);
  EXPECT_EQ(one.guest, other.guest);
  EXPECT_EQ(one, describe(some_configuration(), "c1", "/share/1"));
}

TEST(MachineDescription, EverythingThatTheGuestFindsCounts) {
  const auto guest = describe(some_configuration(), "c1", "/share").guest;
  const auto expect_other = [&guest](const char* what, auto change) {
    auto changed = guest;
    change(changed);
    EXPECT_NE(changed, guest) << what;
  };
  expect_other("processors", [](guest_hardware& g) { ++g.processors; });
  expect_other("memory", [](guest_hardware& g) { ++g.memory_mib; });
  expect_other("acceleration",
               [](guest_hardware& g) { g.acceleration = config::acceleration_mode::kvm; });
  expect_other("firmware", [](guest_hardware& g) { g.firmware += "x"; });
  expect_other("kernel", [](guest_hardware& g) { g.kernel += "x"; });
  expect_other("initramfs", [](guest_hardware& g) { g.initramfs += "x"; });
  expect_other("parameters", [](guest_hardware& g) { g.kernel_parameters += "x"; });
  expect_other("debug", [](guest_hardware& g) { g.debug = false; });
  expect_other("console", [](guest_hardware& g) { g.console = false; });
  expect_other("disks", [](guest_hardware& g) { g.disks = false; });
  expect_other("vsock", [](guest_hardware& g) { g.vsock.reset(); });
}

TEST(MachineDescription, NetworkCardsCount) {
  auto one = describe(some_configuration(), "c1", "/share");
  auto other = one;
  network_card card;
  card.name = "tap0";
  one.network_cards.push_back(card);
  EXPECT_NE(one, other);
  card.mac = {2, 0, 0, 0, 0, 1};
  other.network_cards.push_back(card);
  EXPECT_NE(one, other);
  one.network_cards.front() = card;
  EXPECT_EQ(one, other);
}

TEST(MachineDescription, AgentsParametersAreThoseOfTheContract) {
  guest_hardware guest;
  EXPECT_EQ(shim::agent_parameters(guest, 0), "");
  EXPECT_EQ(shim::agent_parameters(guest, 1024), " hvsock.port=1024");
  guest.debug = true;
  guest.kernel_parameters = "hvsock.probe";
  EXPECT_EQ(shim::agent_parameters(guest, 0), " hvsock.debug hvsock.probe");
}
