// How sandboxes are made on this host: the defaults, and what a TOML file changes of them.
//
//   [hypervisor]
//   path = "/usr/bin/qemu-system-x86_64"
//   kernel = "/usr/local/share/hvsock/vmlinux"
//   initramfs = "/usr/local/share/hvsock/initramfs"
//   firmware = "qboot.rom"
//   acceleration = "auto"          # auto, kvm, tcg
//   vcpus = 1
//   memory_mib = 512
//   boot_timeout_s = 60
//   virtiofsd = "/usr/lib/qemu/virtiofsd"
//   [vsock]
//   device = "auto"                # auto, kernel, user
//   daemon = "/usr/local/bin/hvsock-vsockd"
//   [stdio]
//   stalled_after_ms = 2000
//   spool_mib = 16
//   linger_timeout_s = 600
//   [shim]
//   state_directory = "/run/hvsock"
//   debug = false
//   bootstrap_version = 2          # 3 under containerd 2.0 to 2.2: pods by one connection
//   mount_in_guest = false         # true: the guest mounts image layers (containerd 2.2 and later)
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include "flow/error.hpp"
#include "shim/config/limits.hpp"

namespace shim {

struct config {
  enum class acceleration_mode { automatic, kvm, tcg };
  enum class vsock_mode { automatic, kernel, user };

  std::filesystem::path hypervisor = "/usr/bin/qemu-system-x86_64";
  std::filesystem::path kernel;     // default: beside the shim, see load_config()
  std::filesystem::path initramfs;  // likewise
  std::string firmware = "qboot.rom";
  acceleration_mode acceleration = acceleration_mode::automatic;
  std::uint32_t vcpus = 1;
  std::uint32_t memory_mib = 512;
  std::chrono::seconds boot_timeout{60};
  std::filesystem::path virtiofsd = "/usr/lib/qemu/virtiofsd";

  vsock_mode vsock = vsock_mode::automatic;
  std::filesystem::path vsock_daemon;  // default: beside the shim

  delivery_limits stdio;

  std::filesystem::path state_directory = "/run/hvsock";
  bool debug = false;
  std::uint32_t bootstrap_version = 2;  // told to containerds before 2.3, see start_answer.hpp
  bool mount_in_guest = false;          // see runtime_info()
};

// The file read if no other is named; it may be missing.
inline constexpr const char* default_config_file = "/etc/hvsock/config.toml";

// The configuration of the shim that is installed at `program`: the guest image is looked for in
// ../share/hvsock from there, hvsock-vsockd in the same directory. `file` must exist unless it is
// empty; then default_config_file is read if it exists. errc::invalid_argument, with file, line and
// key, for what the file should not contain.
flow::result<config> load_config(const std::filesystem::path& program,
                                 const std::filesystem::path& file);

// Says of the first file that is needed and not there what it is and how to get it.
flow::result<void> check_files(const config& c);

}  // namespace shim
