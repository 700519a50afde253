// A virtual machine as a value: what it consists of, before any of it exists. describe() makes it
// from the configuration, make_machine() (factory.hpp) makes a machine of it.
//
// It holds no descriptor and nothing that is decided only when the machine starts (which port the
// guest connects to, whether KVM works), so it can be logged, compared and saved.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "shim/config/config.hpp"

namespace shim {

// The part that shapes the guest: what it finds when it boots. A guest that was saved fits every
// machine for which this is equal.
struct guest_hardware {
  std::uint32_t processors = 1;
  std::uint32_t memory_mib = 512;
  config::acceleration_mode acceleration = config::acceleration_mode::automatic;

  std::string firmware;  // a file's path, or a name that the hypervisor knows
  std::filesystem::path kernel;
  std::filesystem::path initramfs;
  std::string kernel_parameters;  // after those of every guest; empty: none
  bool debug = false;             // the agent logs protocol events too

  bool console = false;                     // a serial port, whose output goes to the log
  bool disks = false;                       // a bus for disks, see machine::attach()
  std::optional<config::vsock_mode> vsock;  // none: the guest cannot connect to the shim

  bool operator==(const guest_hardware&) const = default;
};

// A card of the guest, connected to a tap device of the host. The tap's descriptor is opened when
// the machine starts.
struct network_card {
  std::string name;                   // of the tap device
  std::array<std::uint8_t, 6> mac{};  // as sent, first byte first
  std::uint32_t mtu = 1500;           // bytes, of what is in an Ethernet frame

  bool operator==(const network_card&) const = default;
};

struct machine_description {
  std::string name;  // shown by ps
  guest_hardware guest;
  std::filesystem::path share;  // directory of the host, seen by the guest; empty: none
  std::vector<network_card> network_cards;

  bool operator==(const machine_description&) const = default;
};

// The machine of a sandbox as the configuration wants it: with a console, a bus for disks, vsock
// and the directory `share`, without network cards.
machine_description describe(const config& c, std::string name, std::filesystem::path share);

// What the agent reads from the kernel's command line, and `kernel_parameters`, each after a space.
// `port` is where the guest connects to the shim, 0: nowhere.
std::string agent_parameters(const guest_hardware& guest, std::uint32_t port);

// Where the programs are on this host that a machine is made of; how it is made, not what it is.
struct machine_paths {
  std::filesystem::path hypervisor;
  std::filesystem::path virtiofsd;
  std::filesystem::path vsock_daemon;     // hvsock-vsockd
  std::filesystem::path state_directory;  // keeps what was found out about the host
};

machine_paths paths_of(const config& c);

}  // namespace shim
