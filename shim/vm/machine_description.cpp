#include "shim/vm/machine_description.hpp"

#include "runtime_api/guest/contract.hpp"

namespace shim {

machine_description describe(const config& c, std::string name, std::filesystem::path share) {
  machine_description d;
  d.name = std::move(name);
  d.share = std::move(share);
  d.guest.processors = c.vcpus;
  d.guest.memory_mib = c.memory_mib;
  d.guest.acceleration = c.acceleration;
  d.guest.firmware = c.firmware;
  d.guest.kernel = c.kernel;
  d.guest.initramfs = c.initramfs;
  d.guest.debug = c.debug;
  d.guest.console = true;
  d.guest.disks = true;
  d.guest.vsock = c.vsock;
  return d;
}

std::string agent_parameters(const guest_hardware& guest, std::uint32_t port) {
  std::string text;
  if (port != 0) {
    text += std::string(" ") + guest_contract::port_parameter + std::to_string(port);
  }
  if (guest.debug) {
    text += std::string(" ") + guest_contract::debug_parameter;
  }
  if (!guest.kernel_parameters.empty()) {
    text += " " + guest.kernel_parameters;
  }
  return text;
}

machine_paths paths_of(const config& c) {
  return {.hypervisor = c.hypervisor,
          .virtiofsd = c.virtiofsd,
          .vsock_daemon = c.vsock_daemon,
          .state_directory = c.state_directory};
}

}  // namespace shim
