// How sandboxes are created on this host: the defaults, overridden by a TOML file. Every key, with
// its default, range and meaning, is in hvsock-config(5) and in deploy/config.toml; a test compares
// both with config_keys().
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "flow/error.hpp"
#include "shim/config/limits.hpp"

namespace shim {

struct config {
  enum class acceleration_mode { automatic, kvm, tcg };
  enum class vsock_mode { automatic, kernel, user };

  std::filesystem::path hypervisor = "/usr/bin/qemu-system-x86_64";
  std::filesystem::path kernel;     // default: relative to the shim, see load_config()
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
  std::uint32_t bootstrap_version = 2;  // for containerd before 2.3, see start_answer.hpp
  bool mount_in_guest = false;          // see runtime_info()
};

// The file that is read if no other is named; it may be missing.
inline constexpr const char* default_config_file = "/etc/hvsock/config.toml";

// Loads the configuration of the shim that is installed at `program`. By default the guest image is
// in ../share/hvsock relative to its directory, and hvsock-vsockd in the same directory. `file`
// must exist unless it is empty; in that case default_config_file is read if it exists. If the file
// is invalid: errc::invalid_argument, naming file, line and key.
flow::result<config> load_config(const std::filesystem::path& program,
                                 const std::filesystem::path& file);

// A key of the configuration, and its acceptable values, in the words of the error message: "a
// number from 1 to 255". The views refer to string literals.
struct config_key {
  std::string_view section;
  std::string_view key;
  std::string_view expected;
};

// Every key that load_config() knows.
std::vector<config_key> config_keys();

// An error describes the first required file that is missing, and how to get it.
flow::result<void> check_files(const config& c);

}  // namespace shim
