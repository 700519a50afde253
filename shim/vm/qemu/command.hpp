// The command line of QEMU for one sandbox, and the descriptors it starts with.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "flow/system/spawn.hpp"

namespace shim {

enum class acceleration { kvm, tcg };

const char* name_of(acceleration a) noexcept;

struct qemu_options {
  std::filesystem::path program;
  std::filesystem::path kernel;
  std::filesystem::path initramfs;
  std::string firmware;
  std::string kernel_parameters;  // behind those that every guest gets
  acceleration accelerator = acceleration::tcg;
  std::uint32_t vcpus = 1;
  std::uint32_t memory_mib = 512;
  std::string name;  // shown by ps

  bool disks = false;  // an adapter that disks can be plugged into: see qemu_disks.hpp

  // Connected sockets, borrowed until QEMU has been started. -1 leaves the device out.
  int console = -1;      // the guest's first serial port
  int monitor = -1;      // QMP
  int errors = -1;       // QEMU's stderr
  int share = -1;        // vhost-user: virtiofsd
  int vsock = -1;        // vhost-user: hvsock-vsockd
  int vhost_vsock = -1;  // /dev/vhost-vsock, the guest's CID already taken
  std::uint32_t guest_cid = 0;
};

flow::command qemu_command(const qemu_options& o);

}  // namespace shim
