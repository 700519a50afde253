// The command line of QEMU for a machine, and the descriptors it starts with.
#pragma once

#include <cstdint>
#include <filesystem>

#include "flow/system/spawn.hpp"
#include "shim/vm/machine_description.hpp"

namespace shim {

// How QEMU runs a guest's processor: on the host's, or emulated.
enum class acceleration { kvm, tcg };

const char* name_of(acceleration a) noexcept;

// The other ends of the guest's devices, made when the machine starts: connected sockets, borrowed
// until QEMU has been started. -1 leaves a device out, whatever the description says.
struct qemu_devices {
  int console = -1;             // the guest's first serial port
  int monitor = -1;             // QMP
  int share = -1;               // vhost-user: virtiofsd
  int vsock = -1;               // vhost-user: hvsock-vsockd
  int vhost_vsock = -1;         // /dev/vhost-vsock, the guest's CID already taken
  std::uint32_t guest_cid = 0;  // of vhost_vsock
  std::uint32_t port = 0;       // where the guest connects to the shim; 0: nowhere
};

// `program` is QEMU's path. Network cards are not attached: see qemu_machine::start().
flow::command qemu_command(const std::filesystem::path& program, const machine_description& d,
                           acceleration accelerator, const qemu_devices& devices);

}  // namespace shim
