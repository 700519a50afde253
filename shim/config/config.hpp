// How sandboxes are made on this host: the defaults, and what a TOML file changes of them. Every
// key, with its default, range and meaning, is in hvsock-config(5) and in deploy/config.toml; a test
// compares both with config_keys().
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

// A key that a configuration may have, and the values it takes in the words of the error message:
// "a number from 1 to 255". The views are of string literals.
struct config_key {
  std::string_view section;
  std::string_view key;
  std::string_view expected;
};

// Every key that load_config() knows.
std::vector<config_key> config_keys();

// Says of the first file that is needed and not there what it is and how to get it.
flow::result<void> check_files(const config& c);

}  // namespace shim
