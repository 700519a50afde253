// The contract between the shim and the agent besides the messages of hvsock.agent.v1: names and
// numbers that both use. Any change here requires a new protocol_version.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace guest_contract {

// The version of hvsock.agent.v1 and of this header, exchanged by Hello; both sides must have the
// same. Incremented with each change that an older side would misunderstand.
inline constexpr std::uint32_t protocol_version = 1;

// --- boot --------------------------------------------------------------------------------------

// Parameters of the kernel's command line. The agent refuses any other word with the prefix.
inline constexpr const char* parameter_prefix = "hvsock.";
inline constexpr const char* port_parameter = "hvsock.port=";   // a vsock port of the host (CID 2)
inline constexpr const char* probe_parameter = "hvsock.probe";  // power off after first_word
inline constexpr const char* debug_parameter = "hvsock.debug";  // log protocol events too

// The agent's first message on the console begins with this word: the guest has booted.
inline constexpr const char* first_word = "hvsock-agent";

// --- files -------------------------------------------------------------------------------------

// The virtiofs tag of the directory that the host shares, and the agent's mount point for it.
inline constexpr const char* share_tag = "hvsock";
inline constexpr const char* share_directory = "/run/hvsock/share";

// Each container has a directory here, named by container_name().
inline constexpr const char* container_directory = "/run/hvsock";

// The cgroup (v2) of which every container has a child, named by container_name().
inline constexpr const char* containers_cgroup = "/hvsock";

// The name of container `number` for the guest's OCI runtime, its directory and its cgroup.
inline std::string container_name(std::uint32_t number) {
  return "c" + std::to_string(number);
}

// The maximum length of a disk's serial number, in bytes; the agent finds a disk by it.
inline constexpr std::size_t disk_serial_size = 20;

// --- streams -----------------------------------------------------------------------------------

// A stream begins with the token that the shim issued for it, of this many bytes.
inline constexpr std::size_t token_size = 16;

// --- processes ---------------------------------------------------------------------------------

// The highest signal number on Linux.
inline constexpr std::uint32_t last_signal = 64;

}  // namespace guest_contract
